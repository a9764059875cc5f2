"""Recorded alerts as a stream of findings: whose fault each is of, where they come from, what depends on what.

A folder is recognised by the columns of its tables, never by its name. Two shapes are known. *Failures* have alerts
with an order and no time: within a system the failures begin in the order of the file with exponential gaps of 60 s
(seed 0), and the alerts of one are spread evenly over its first 120 s. *Events* have a time and a label each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from wellkept.kernel.entity import Edge, EdgeKind, host_id, service_id
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.spine.graph import Graph

SEED = 0
GAP_S, SPREAD_S = 60.0, 120.0
HOLD_S = 60.0
"""An event says nothing of its end: it lasts so long, and the same signal while it lasts is the same finding."""
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_FAILURES = {"system", "incident_id", "seq", "source", "instance", "name", "caller", "state"}
_EVENTS = {"time", "detector", "name", "host", "event_label"}


@dataclass(frozen=True, slots=True)
class Alert:
    """A finding, and how many alerts of which fault it stands for."""

    finding: Finding
    faults: dict[str, int]


@dataclass(frozen=True, slots=True)
class Stream:
    """Alerts of one system in order of time, and what depends on what in it."""

    system: str
    shape: str
    alerts: list[Alert]
    graph: Graph
    kinds: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Of each fault its type and where its cause was, where that is known."""


def is_alerts(folder: Path) -> bool:
    """Whether a folder holds alerts in one of the two shapes."""
    return _shape(folder) != ""


def read(folder: Path) -> list[Stream]:
    """The streams of a folder, one a system.

    Raises:
        NotFoundError: the folder holds no alerts in a known shape.
    """
    shape = _shape(folder)
    if not shape:
        raise NotFoundError("alerts", f"{folder}/alerts.parquet with the columns of failures or of events")
    rows = pq.read_table(folder / "alerts.parquet")
    return list(_failures(folder, rows.to_pylist()) if shape == "failures" else _events(rows.to_pylist()))


def _shape(folder: Path) -> str:
    file = folder / "alerts.parquet"
    if not file.exists():
        return ""
    columns = set(pq.read_schema(file).names)
    return "failures" if columns >= _FAILURES else "events" if columns >= _EVENTS else ""


def _failures(folder: Path, rows: list[dict[str, Any]]) -> Iterator[Stream]:
    by_failure: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_failure[row["system"], row["incident_id"]].append(row)
    order: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for row in pq.read_table(folder / "incidents.parquet").to_pylist():
        kind = (row.get("failure_type"), row.get("root_cause_instance"))
        order[row["system"]][row["incident_id"]] = tuple(part for part in kind if part is not None)
    random = np.random.default_rng(SEED)
    for system, failures in order.items():
        begins = np.cumsum(random.exponential(GAP_S, len(failures)))
        alerts: list[Alert] = []
        for begin, failure in zip(begins.tolist(), failures, strict=True):
            told = sorted(by_failure[system, failure], key=lambda row: row["seq"])
            for place, row in enumerate(told):
                at = _BEGIN + timedelta(seconds=begin + place * SPREAD_S / len(told))
                alerts.append(Alert(_of_failure(system, row, at), {failure: 1}))
        alerts.sort(key=lambda alert: (alert.finding.starts_at, alert.finding.id))
        kinds = {failure: kind for failure, kind in failures.items() if kind}
        yield Stream(system, "failures", alerts, _topology(folder, system), kinds)


def _of_failure(system: str, row: dict[str, Any], at: datetime) -> Finding:
    entity = service_id(row["instance"], system)
    words = [str(row[name]) for name in ("name", "state", "caller") if row[name] is not None]
    print_ = fingerprint(row["source"], entity, *words)
    return _finding(print_, row["source"], entity, at, " ".join(words), at)


def _topology(folder: Path, system: str) -> Graph:
    file = folder / "topology.parquet"
    if not file.exists():
        return Graph([], [])
    rows = pq.read_table(file, columns=["system", "source", "target"]).to_pylist()
    pairs = {(row["source"], row["target"]) for row in rows if row["system"] == system}
    made = sorted((service_id(a, system), service_id(b, system)) for a, b in pairs if a != b)
    return Graph([], [Edge(source, target, EdgeKind.CALLS, _BEGIN) for source, target in made])


def _events(rows: list[dict[str, Any]]) -> Iterator[Stream]:
    by_system: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_system[row.get("scenario") or ""].append(row)
    for system in sorted(by_system):
        ordered = sorted(by_system[system], key=lambda row: row["time"])
        yield Stream(system, "events", list(_collapsed(system, ordered)), Graph([], []))


def _collapsed(system: str, rows: list[dict[str, Any]]) -> list[Alert]:
    """One finding for every signal while it goes on, as the stream of findings keeps it."""
    open_: dict[tuple[str, str, str], int] = {}
    until: list[datetime] = []
    made: list[Alert] = []
    for row in rows:
        at = row["time"].replace(tzinfo=UTC)
        fault = f"{system}/{row['event_label']}" if row["event_label"] not in (None, "-") else ""
        key = (row["detector"], row["host"] or row.get("ip") or "", row["name"])
        place = open_.get(key)
        if place is not None and at <= until[place]:
            made[place].faults[fault] = made[place].faults.get(fault, 0) + 1
        else:
            entity = host_id(f"{system}/{key[1]}") if key[1] else ""
            place = open_[key] = len(made)
            print_ = fingerprint(key[0], entity, key[2])
            made.append(Alert(_finding(print_, key[0], entity, at, key[2], None), {fault: 1}))
            until.append(at)
        until[place] = at + timedelta(seconds=HOLD_S)
    return [replace(a, finding=replace(a.finding, ends_at=end)) for a, end in zip(made, until, strict=True)]


def _finding(print_: str, source: str, entity: str, at: datetime, title: str, end: datetime | None) -> Finding:
    return Finding(
        fingerprint=print_,
        detector=source,
        detector_version="1",
        entity=entity,
        kind=FindingKind.EXTERNAL,
        severity=Severity.WARNING,
        score=1.0,
        score_meaning="an alert from outside",
        starts_at=at,
        sentence=title,
        ends_at=end,
    )

"""Incidents with the changes before them: is the guilty change named first, or rightly none?

A table of cases (``service``, ``metric``, ``summary``, ``fired_at``; the truth: ``root_cause_commit``, or ``none``, and
``decoy_commits``), and beside it ``changes``, ``log_patterns`` and ``metrics``. The truth is only looked up afterwards.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from wellkept.evaluation.diagnose_cases import half_of
from wellkept.ops.diagnose.blame import Blame, Edit, Line, Trouble, blame, onset_of, surge_of

_NEEDED = {"service", "fired_at", "summary", "root_cause_commit", "decoy_commits"}
_RATE = re.compile(r"requests?_per|request_rate|\brps\b|_ops\b")
Row = Mapping[str, Any]


def is_changes(folder: Path) -> bool:
    """Whether a folder holds incidents with their changes."""
    table = folder / "cases.parquet"
    known = table.exists() and (folder / "changes.parquet").exists()
    return known and set(pq.read_schema(table).names) >= _NEEDED


def evaluate(folder: Path, split: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """How often the guilty change, or none, is named rightly, and how often an innocent one is blamed."""
    cases, changes, lines, metrics = (
        pq.read_table(folder / f"{name}.parquet").to_pylist()
        for name in ("cases", "changes", "log_patterns", "metrics")
    )
    found = []
    for case in cases:
        if split not in ("all", half_of(case["case_id"])):
            continue
        mine = [[row for row in rows if row["case_id"] == case["case_id"]] for rows in (changes, lines, metrics)]
        began = time.perf_counter()
        said = blame(_edits(mine[0]), _trouble(case, mine[1], mine[2]))
        found.append(_judged(case, said, time.perf_counter() - began))
        tell(f"  {case['case_id']}: {found[-1]}")
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        for key in (one["half"], one["group"]):
            groups.setdefault(key, []).append(one)
    return {**_figures(found), "groups": {key: _figures(part) for key, part in sorted(groups.items())}, "peers": {}}


def _edits(rows: Sequence[Row]) -> list[Edit]:
    """Commits with their deploys, and flags, which are live at once."""
    deploys: dict[str, list[tuple[str, datetime]]] = {}
    for row in rows:
        if row["kind"] == "deploy":
            deploys.setdefault(row["commit"], []).append((row["service"], _utc(row["time"])))
    found = []
    for row in rows:
        at = _utc(row["time"])
        if row["kind"] == "commit":
            live = tuple(deploys.get(row["commit"], ()))
            found.append(Edit(row["commit"], at, row["text"], tuple(row["files"] or ()), row["diff"] or "", live))
        elif row["kind"] == "flag":
            found.append(Edit(f"flag {row['text']}", at, row["text"], deploys=((row["service"], at),)))
    return found


def _trouble(case: Row, lines: Sequence[Row], metrics: Sequence[Row]) -> Trouble:
    series: dict[tuple[str, str], tuple[list[datetime], list[float]]] = {}
    for row in sorted(metrics, key=lambda row: row["time"]):
        times, values = series.setdefault((row["service"], row["metric"]), ([], []))
        times.append(_utc(row["time"]))
        values.append(float(row["value"]))
    onsets = {key: onset_of(*one) for key, one in series.items()}
    mine = [at for (service, _), at in onsets.items() if at is not None and service == case["service"]]
    onset = min(mine, default=_utc(case["fired_at"]))
    rates = {f"{key[0]} {key[1]}": one for key, one in series.items() if _RATE.search(key[1])}
    return Trouble(
        service=case["service"],
        onset=onset,
        sentence=case["summary"],
        lines=tuple(
            Line(row["service"], row["signature"], float(row["delta_vs_baseline"]), row["sentiment"] == "negative")
            for row in lines
        ),
        metrics=tuple(
            metric for (service, metric), at in onsets.items() if at is not None and service == case["service"]
        ),
        surge=surge_of(rates, onset),
    )


def _judged(case: Row, said: Blame, seconds: float) -> dict[str, Any]:
    guilty = case["root_cause_commit"]
    best = said.best
    named = best.edit if best else "none"
    ranked = [one.edit for one in said.suspicions]
    order = ["none", *ranked] if best is None else [*ranked, "none"]
    return {
        "half": half_of(case["case_id"]),
        "group": "no change" if guilty == "none" else "a change",
        "right": named == guilty,
        "innocent": named not in ("none", guilty),
        "decoy": named in case["decoy_commits"],
        "place": order.index(guilty) + 1 if guilty in order else 0,
        "candidates": len(order),
        "probability": best.probability if best else said.none,
        "seconds": seconds,
    }


def _figures(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    count = max(len(found), 1)

    def within(k: int) -> float:
        return round(sum(bool(0 < one["place"] <= k) for one in found) / count, 4)

    chance = sum(1.0 / one["candidates"] for one in found) / count
    return {
        "cases": len(found),
        "ac1": within(1),
        "ac3": within(3),
        "avg5": round(sum(within(k) for k in range(1, 6)) / 5, 4),
        "right": sum(one["right"] for one in found),
        "innocent_blamed": sum(one["innocent"] for one in found),
        "decoys_blamed": sum(one["decoy"] for one in found),
        "lift": round(within(1) / chance, 2) if chance else None,
        "seconds_per_case": round(sum(one["seconds"] for one in found) / count, 4),
    }


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)

"""Faults of shared hosts and disks, two at once, and alerts that come late, made with real processes and diagnosed.

    python -m bench.diagnosis_faults [--repeats 1] [--seed 1] [--keep FILE]
    python -m bench.diagnosis_faults --from FILE [--from FILE ...]

Breaks the small system of ``bench/faulty_system.py`` again and again (as root: it makes control groups and mounts a
volume), keeps what was measured, and has each fault diagnosed from its spans and metrics alone, with one alert at the
front service: when the fault began, in the middle of it, and shortly before its end. A service that is slow is judged
twice: as it is, and ("version") with the news that a version of a model that it serves went live when that began.
``--from`` judges what an earlier run kept. A repetition takes seven minutes. Recorded onset is not told: of a late
alert the time before is half fault.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from bench.faulty_service import SERVER
from bench.faulty_system import MOUNTED, Measured, System, end, resource_of

from wellkept.evaluation.diagnose_store import Stand, Stands, Told
from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import from_nanos
from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.ingest.recording.recording import Recording
from wellkept.ops.ingest.recording.rows import Interned, Points, SeriesKey, SpanRows
from wellkept.store.telemetry.otlp.writer import Signal

FAULT_S, REST_S, BEFORE_S, STEP_S = 20.0, 38.0, 32.0, 1.0
LATE = {"at once": 0.0, "late": 0.5, "last": 0.85}
"""When the alert comes, as a share of the fault."""
HOST, DISK, STOCK = "host:host-b", f"disk:host-c:{MOUNTED}", "service:stock"
PRICES, PAGES = "service:prices", "service:pages"
MODEL = "model:stock"
TRUTHS: dict[str, tuple[tuple[str, str], ...]] = {
    "host": ((HOST, "cpu"),),
    "disk": ((DISK, "disk"),),
    "service": ((STOCK, "cpu"),),
    "two services": ((STOCK, "latency"), (PAGES, "errors")),
    "host and service": ((HOST, "cpu"), (PAGES, "errors")),
    "disk and service": ((DISK, "disk"), (PRICES, "latency")),
    "nothing": (),
    "version": ((MODEL, "change"),),
}
TOLD = {"service": "version"}
"""What is made once, and judged again with a change that is told."""
Spans = list[tuple[str, list[Any]]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What was broken, from when until when (nanoseconds)."""

    name: str
    start: int
    end: int


@contextlib.contextmanager
def broken(system: System, name: str) -> Iterator[None]:
    """The system with a fault in it."""
    with contextlib.ExitStack() as stack:

        def change(service: str, usual: dict[str, float], **settings: float) -> None:
            system.tell(service, **settings)
            stack.callback(system.tell, service, **usual)

        if "host" in name:
            stack.callback(end, system.neighbour("host-b"))
        if "disk" in name:
            stack.callback(system.fill().unlink)
        if name == "service":
            change("stock", {"work_s": 0.002}, work_s=0.06)
        if name == "two services":
            change("stock", {"sleep_s": 0.0}, sleep_s=0.3)
        if name in ("two services", "host and service"):
            change("pages", {"failing": 0.0}, failing=0.7)
        if name == "disk and service":
            change("prices", {"sleep_s": 0.0}, sleep_s=0.3)
        yield


def ran(repeats: int, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Break the system so many times in each way, in an order by lot; what was measured, and what was broken when."""
    order = [name for name in TRUTHS if name not in TOLD.values() for _ in range(repeats)]
    random.Random(seed).shuffle(order)
    faults = []
    with tempfile.TemporaryDirectory(prefix="wellkept-bench-") as folder, System(Path(folder), seed) as system:
        for name in order:
            time.sleep(REST_S)
            began = time.time_ns()
            with broken(system, name):
                time.sleep(FAULT_S)
                faults.append(Fault(name, began, time.time_ns()))
            tell(f"  {len(faults)} of {len(order)}: {name}")
        spans = system.spans()
    return {"spans": spans, "points": [asdict(point) for point in system.points], "faults": [*map(asdict, faults)]}


def recording(known: dict[str, Any], fault: Fault) -> Recording:
    """What was measured from before a fault until its end."""
    first, resources = fault.start - round(BEFORE_S * 1e9), Interned()
    spans = [(name, row) for name, row in known["spans"] if first <= row[4] and row[5] < fault.end]
    points = [Measured(**point) for point in known["points"] if first <= point["at"] < fault.end]
    parts = ((Signal.METRICS, _points(points, resources)), (Signal.TRACES, _spans(spans, resources)))
    return Recording(parts, step_s=STEP_S)


def _points(points: Sequence[Measured], resources: Interned) -> Points:
    keys: dict[SeriesKey, int] = {}
    series = []
    for one in points:
        attributes = tuple((str(name), str(value)) for name, value in one.attributes)
        key = SeriesKey(resources.place(dict(one.resource)), one.name, one.unit, attributes=attributes)
        series.append(keys.setdefault(key, len(keys)))
    at, values = np.array([one.at for one in points]), np.array([one.value for one in points])
    order = np.argsort(at, kind="stable")
    return Points(at[order], np.array(series)[order], values[order], tuple(keys), resources)


def _spans(spans: Spans, resources: Interned) -> SpanRows:
    trace, span, parent, kind, start, at, status = (
        np.array([row[column] for _, row in spans], dtype=np.int64) for column in range(7)
    )
    names = pa.array(["GET /" if row[3] == SERVER else f"ask {row[7]}" for _, row in spans])
    place = np.array([resources.place(dict(resource_of(name))) for name, _ in spans])
    rows = SpanRows(at, start, place, _ids(trace, 16), _ids(span, 8), _ids(parent, 8), names, kind, status, None,
                    resources)  # fmt: skip
    return rows.take(np.argsort(at, kind="stable"))


def _ids(numbers: np.ndarray, size: int) -> np.ndarray:
    found = np.zeros((len(numbers), size), dtype=np.uint8)
    found[:, -8:] = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
    return found


def judged(stands: Stands, known: dict[str, Any], tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """For each fault and each time of the alert: the places of the true causes, and who was named."""
    found = []
    faults = [Fault(**one) for one in known["faults"]]
    for fault in [*faults, *(replace(one, name=TOLD[one.name]) for one in faults if one.name in TOLD)]:
        with stands.of(recording(known, fault)) as stand:
            stand.look_around(stand.last)
            if fault.name == "version":
                release(stand, from_nanos(fault.start))
            for when, share in LATE.items():
                at = from_nanos(fault.start) + timedelta(seconds=share * FAULT_S)
                told = stand.diagnose(alert(stand), at, stand.last)
                found.append({"fault": fault.name, "when": when, **_places(told, TRUTHS[fault.name])})
                tell(f"  {found[-1]}")
    return found


def release(stand: Stand, at: datetime) -> None:
    """Tell that a version of a model went live, which the slow service serves."""
    known = [Entity(EntityKind(name.partition(":")[0]), name, name.partition(":")[2]) for name in (MODEL, STOCK)]
    stand.run.topology.observe(known, [Edge(MODEL, STOCK, EdgeKind.SERVED_BY, at)], stand.last)
    change = Change(MODEL, ChangeKind.PROMOTION, at, "bench", "version 2 of stock is live", "bench-2")
    stand.run.stream.record(change)


def alert(stand: Stand) -> Finding:
    return Finding("slow", "bench", "1", "service:front", FindingKind.EXTERNAL, Severity.ERROR, 1.0, "", stand.last,
                   "the front answers worse than usual", attributes={"symptom": "true"})  # fmt: skip


def _places(told: Told, truths: Sequence[tuple[str, str]]) -> dict[str, Any]:
    sure = {cause.entity: cause for cause in told.ranked}
    places, kinds = [], []
    for entity, fault in truths:
        mine = sure.get(entity)
        places.append(sum(c.confidence >= mine.confidence for c in told.ranked) if mine else 0)
        kinds.append(mine is not None and mine.fault.value == fault)
    first = [f"{cause.entity} {cause.fault.value} {cause.confidence:.2f}" for cause in told.ranked[:4]]
    return {"places": places, "kinds": kinds, "named": len(told.diagnosis.causes), "first": first}


def report(found: Sequence[dict[str, Any]]) -> None:
    """A line for each kind of fault and time of the alert."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for one in found:
        groups[one["fault"], one["when"]].append(one)
    print(f"{'fault':18} {'alert':8}  times  first  all in 2  all in 3  kinds  nobody named")
    for (name, when), part in groups.items():
        truths = len(TRUTHS[name])
        columns = [
            sum(any(place == 1 for place in one["places"]) for one in part),
            *(sum(truths > 0 and all(0 < p <= most for p in one["places"]) for one in part) for most in (2, 3)),
            sum(truths > 0 and all(one["kinds"]) for one in part),
            sum(not one["named"] for one in part),
        ]
        print(f"{name:18} {when:8}  {len(part):5}  " + "  ".join(f"{value:6}" for value in columns))


def main(repeats: int, seed: int, keep: Path | None, kept: Sequence[Path]) -> None:
    """Break and judge, or judge what was kept."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in kept] or [ran(repeats, seed, print)]
    if keep is not None:
        keep.write_text(json.dumps(runs[0]), encoding="utf-8")
    found = []
    with (
        tempfile.TemporaryDirectory(prefix="wellkept-bench-") as folder,
        contextlib.closing(Stands(Path(folder))) as stands,
    ):
        for run in runs:
            found += judged(stands, run, print)
    report(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=None, help="write what was measured into this file")
    parser.add_argument("--from", dest="kept", type=Path, action="append", default=[], help="judge what was kept")
    asked = parser.parse_args()
    main(asked.repeats, asked.seed, asked.keep, asked.kept)

"""How long a diagnosis takes for 500 entities and an hour of their telemetry, as a ratio to the 2 s that it may.

    python -m bench.diagnosis_size [--services 450] [--traces 40] [--again 5]

Services that call each other in a tree of five levels, on hosts of nine each: spans and logs of every request, and
metrics every ten seconds. Ten minutes before the end one service begins to take 0.2 s longer and all of its CPU; an
alert speaks of the front service. Reading the store is part of it; taking the telemetry in is not. By wall clock and by
CPU time, since other work beside it counts towards the one only.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from wellkept.evaluation.diagnose_store import Stand, Stands, Told
from wellkept.kernel.clock import to_nanos
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.ingest.recording.recording import Recording
from wellkept.ops.ingest.recording.rows import Interned, LogRows, Points, SeriesKey, SpanRows
from wellkept.store.telemetry.otlp.writer import Signal

WANTED_S = 2.0
HOUR_S, FAULT_S, STEP_S = 3600, 600, 10
LEVELS, A_HOST, SLOWER_S = 5, 9, 0.2
START = datetime(2026, 3, 10, 12, tzinfo=UTC)
END = START + timedelta(seconds=HOUR_S)
SERVER, CLIENT = 2, 3


class System:
    """A tree of services: who calls whom, and on which host each runs."""

    def __init__(self, services: int, seed: int) -> None:
        self.dice = np.random.default_rng(seed)
        self.resources, self.services = Interned(), services
        self.level = np.minimum((np.arange(services) * LEVELS) // services, LEVELS - 1)
        self.level[0], self.level[1 : services // LEVELS + 1] = 0, 1
        self.parent = np.zeros(services, dtype=np.int64)
        for number in range(1, services):
            above = np.flatnonzero(self.level == max(self.level[number] - 1, 0))
            self.parent[number] = 0 if self.level[number] == 0 else self.dice.choice(above)
        self.place = np.array([self.resources.place(self.named(number)) for number in range(services)])
        self.guilty = int(np.flatnonzero(self.level == LEVELS - 2)[0])

    def named(self, number: int) -> dict[str, str]:
        host = f"host-{number // A_HOST}"
        return {"service.name": f"s{number}", "host.id": host, "host.name": host}

    def spans(self, traces: int) -> SpanRows:
        """A request goes from the front down to one service, by those between; each asks the next."""
        goal = self.dice.integers(1, self.services, traces)
        rank = self.dice.permutation(traces)
        begun = to_nanos(START) + np.sort(self.dice.integers(0, HOUR_S * 10**9, traces))
        ways = [goal]
        while (ways[-1] != 0).any():
            ways.append(np.where(ways[-1] == 0, 0, self.parent[ways[-1]]))
        way = np.stack(ways[::-1])
        is_there = np.concatenate([way[1:] != way[:-1], np.ones((1, traces), dtype=bool)])
        is_late = begun >= to_nanos(END) - FAULT_S * 10**9
        own = self.dice.gamma(4.0, 0.002, way.shape) + SLOWER_S * ((way == self.guilty) & is_late)
        took = np.flip(np.cumsum(np.flip(np.where(is_there, own, 0.0), 0), 0), 0)
        depth = np.cumsum(is_there, axis=0) - 1
        rows = []
        for step, here in enumerate(is_there):
            at = np.flatnonzero(here)
            length, start = took[step, at], begun[at] + (depth[step, at] * 1_000_000)
            number = 2 * depth[step, at] + 1
            rows.append((at, way[step, at], start, length, number, np.full(len(at), SERVER)))
            inner = depth[step, at] > 0
            caller = self.parent[way[step, at[inner]]]
            rows.append((at[inner], caller, start[inner] - 300_000, length[inner] + 0.001, number[inner] - 1,
                         np.full(int(inner.sum()), CLIENT)))  # fmt: skip
        trace, service, start, length, number, kind = (np.concatenate(column) for column in zip(*rows, strict=True))
        end = start + (length * 1e9).astype(np.int64)
        order = np.argsort(end, kind="stable")
        names = pa.array([f"GET /{number}" for number in range(self.services)])
        return SpanRows(
            at=end, start=start, resource=self.place[service], trace=_ids(rank[trace] + 1, 16),
            span=_ids(trace * 64 + number, 8), parent=_ids(np.where(number > 1, trace * 64 + number - 1, 0), 8),
            name=names.take(pa.array(service)), kind=kind, status=np.zeros(len(end), dtype=np.int64), attributes=None,
            resources=self.resources,
        ).take(order)  # fmt: skip

    def logs(self, spans: SpanRows) -> LogRows:
        """A line in each answer."""
        rows = spans.take(np.flatnonzero(spans.kind == SERVER))
        count = len(rows.at)
        text = pa.array([f"request {number} done" for number in range(1000)]).take(pa.array(np.arange(count) % 1000))
        return LogRows(rows.at, rows.resource, text, np.full(count, 9), rows.trace, rows.span, None, self.resources)

    def metrics(self) -> Points:
        """CPU, memory and two more of each service, and how idle each host is."""
        ticks = to_nanos(START) + np.arange(HOUR_S // STEP_S) * STEP_S * 10**9
        is_late = ticks >= to_nanos(END) - FAULT_S * 10**9
        keys: list[SeriesKey] = []
        values = []
        for number in range(self.services):
            for name, unit, level in (("process.cpu.utilization", "1", 0.1), ("process.memory.usage", "By", 2e8),
                                      ("process.threads", "1", 20), ("jvm.gc.duration", "s", 0.01)):  # fmt: skip
                keys.append(SeriesKey(int(self.place[number]), name, unit))
                values.append(level * self.dice.normal(1.0, 0.05, len(ticks)))
            if number == self.guilty:
                values[-4] = np.where(is_late, 0.97, values[-4])
        for host in range(-(-self.services // A_HOST)):
            place = self.resources.place({"host.id": f"host-{host}", "host.name": f"host-{host}"})
            keys.append(SeriesKey(place, "system.cpu.utilization", "1", attributes=(("cpu.mode", "idle"),)))
            values.append(self.dice.normal(0.6, 0.02, len(ticks)))
        at = np.repeat(ticks, len(keys))
        return Points(at, np.tile(np.arange(len(keys)), len(ticks)), np.stack(values).T.ravel(), tuple(keys),
                      self.resources)  # fmt: skip


def _ids(numbers: np.ndarray, size: int) -> np.ndarray:
    """Numbers as ids of so many bytes."""
    found = np.zeros((len(numbers), size), dtype=np.uint8)
    found[:, -8:] = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
    return found


def diagnosed(stand: Stand, alert: Finding, again: int) -> list[tuple[float, float, Told]]:
    """Wall and CPU seconds of each diagnosis, and what it said."""
    found = []
    for number in range(again):
        before = resource.getrusage(resource.RUSAGE_SELF)
        began = time.perf_counter()
        at = alert.starts_at + timedelta(seconds=number)
        told = stand.diagnose(dataclasses.replace(alert, starts_at=at), at, END)
        took = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_SELF)
        found.append((took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, told))
    return found


def main(services: int, traces: float, again: int) -> None:
    """Fill a store, diagnose, and print."""
    system = System(services, 7)
    spans = system.spans(round(traces * HOUR_S))
    logs, points = system.logs(spans), system.metrics()
    parts = ((Signal.METRICS, points), (Signal.TRACES, spans), (Signal.LOGS, logs))
    recording = Recording(parts, step_s=float(STEP_S))
    onset = END - timedelta(seconds=FAULT_S)
    alert = Finding("slow", "bench", "1", "service:s0", FindingKind.EXTERNAL, Severity.ERROR, 1.0, "", onset,
                    "the front is slow", attributes={"symptom": "true"})  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="wellkept-bench-") as folder,
        contextlib.closing(Stands(Path(folder))) as stands,
        stands.of(recording) as stand,
    ):
        stand.look_around(END)
        entities = len(stand.run.topology.graph(END).entities)
        print(f"{entities} entities, {len(spans.at):,} spans, {len(logs.at):,} lines, {len(points.at):,} points")
        found = diagnosed(stand, alert, again)
    for name, seconds in (("wall", sorted(one[0] for one in found)), ("CPU", sorted(one[1] for one in found))):
        middle = seconds[len(seconds) // 2]
        print(f"{name:5} median {middle:.2f} s, worst {seconds[-1]:.2f} s: {middle / WANTED_S:.2f} of {WANTED_S:g} s")
    best = found[-1][2].diagnosis.best
    print(f"named: {best.entity if best else 'nobody'}, true: service:s{system.guilty}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=450)
    parser.add_argument("--traces", type=float, default=40.0, help="requests a second")
    parser.add_argument("--again", type=int, default=5)
    asked = parser.parse_args()
    main(asked.services, asked.traces, asked.again)

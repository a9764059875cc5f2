"""Small traces to tell stories with: requests as nested calls, and the case around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.ops.diagnose.base import Case, Period
from wellkept.ops.diagnose.traces import traces
from wellkept.spine.graph import Graph
from wellkept.store.telemetry.samples import Sample
from wellkept.store.telemetry.window import Window

START = datetime(2024, 3, 1, 12, tzinfo=UTC)
MS = 1_000_000


@dataclass(frozen=True)
class Call:
    """A span: what it does itself before it calls others one after another, how late its caller has the answer."""

    service: str
    name: str
    own_ms: float = 5.0
    late_ms: float = 0.5
    calls: Sequence[Call] = ()
    says: Sequence[str] = ()
    level: int = 9
    failed: bool = False

    def with_(self, **changes: object) -> Call:
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass
class Rows:
    """Spans and log lines as they are collected."""

    spans: list[tuple[int, int, int, str, str, bool, bool, bool, int, int]] = field(default_factory=list)
    logs: list[tuple[int, str, str, int]] = field(default_factory=list)

    def add(self, call: Call, trace: int, parent: int, answers: bool, start: int) -> int:
        """A span with everything below it; gives the moment of its end. Who calls another service has a span for it."""
        row, me = self._begin(call, trace, parent, call.name, start, answers=answers, asks=False)
        self.logs.extend((me, text, call.service, call.level) for text in call.says)
        at = start + round(call.own_ms * MS)
        for inner in call.calls:
            if inner.service == call.service:
                at = self.add(inner, trace, me, False, at)
                continue
            asking, client = self._begin(call, trace, me, f"call {inner.name}", at, answers=False, asks=True)
            at = self.add(inner, trace, client, True, at + MS // 10) + round(inner.late_ms * MS)
            self._end(asking, at)
        return self._end(row, at)

    def _begin(
        self, call: Call, trace: int, parent: int, name: str, start: int, *, answers: bool, asks: bool
    ) -> tuple[int, int]:
        me = len(self.spans) + 1 + trace * 1_000_000
        self.spans.append((trace, me, parent, call.service, name, answers, asks, call.failed, start, 0))
        return len(self.spans) - 1, me

    def _end(self, row: int, at: int) -> int:
        self.spans[row] = (*self.spans[row][:9], at - self.spans[row][8])
        return at


def sample(requests: Iterator[Call] | Sequence[Call]) -> Sample:
    """One trace for each request."""
    rows = Rows()
    for number, request in enumerate(requests, start=1):
        rows.add(request, number, 0, True, number * 10_000 * MS)
    names = ("trace", "span", "parent", "entity", "name", "answers", "asks", "failed", "start", "duration")
    columns = dict(zip(names, zip(*rows.spans, strict=True), strict=True)) if rows.spans else {}
    table = pa.table({name: pa.array(list(columns.get(name, ())), kind) for name, kind in _TYPES.items()})
    roots = [f"{row[0]:032x}" if row[2] == 0 else "" for row in rows.spans]
    table = table.append_column("trace_id", pa.array(roots, pa.string()))
    lines = list(zip(*rows.logs, strict=True)) or [(), (), (), ()]
    logs = pa.table(
        {
            "span": pa.array(list(lines[0]), pa.uint64()),
            "template": pa.array(list(lines[1]), pa.string()),
            "entity": pa.array(list(lines[2]), pa.string()),
            "severity": pa.array(list(lines[3]), pa.uint8()),
        }
    )
    return Sample(table, logs, 1)


_TYPES = {
    "trace": pa.uint64(), "span": pa.uint64(), "parent": pa.uint64(), "entity": pa.string(), "name": pa.string(),
    "answers": pa.bool_(), "asks": pa.bool_(), "failed": pa.bool_(), "start": pa.int64(), "duration": pa.int64(),
}  # fmt: skip


def many(request: Call, count: int = 60) -> list[Call]:
    """The request many times, its own times wobbling a little."""
    return [request.with_(own_ms=request.own_ms * (1 + 0.02 * (number % 5))) for number in range(count)]


def mixed(*shares: tuple[Call, int]) -> list[Call]:
    return [one for request, count in shares for one in many(request, count)]


def case(before: Sequence[Call], during: Sequence[Call], change: Callable[[Case], Case] = lambda case: case) -> Case:
    """A case that is known by its traces alone."""
    names = sorted({span for request in (*before, *during) for span in _services(request)})
    edges = {(a, b) for request in (*before, *during) for a, b in _edges(request)}
    graph = Graph(
        [Entity(EntityKind.SERVICE, name, name) for name in names],
        [Edge(a, b, EdgeKind.CALLS, START) for a, b in sorted(edges)],
    )
    steps = np.asarray(np.arange(1, 61) * 10.0 + START.timestamp(), dtype=np.float64)
    nothing = Window(steps, np.empty((60, 0)), ())
    onset = START + timedelta(seconds=400)
    incident = Incident(
        id="inc-test", title="a test", state=IncidentState.OPEN, severity=Severity.ERROR, opened_at=onset,
        updated_at=onset, members=(),
    )  # fmt: skip
    made = Case(
        incident=incident, findings=(), suspects=tuple(names), graph=graph, onset=onset, metrics=nothing, red=nothing,
        exclusive=nothing, before=Period(START, onset, 0, 40),
        during=Period(onset, onset + timedelta(seconds=200), 40, 60),
        traces=traces(sample(before), sample(during)),
    )  # fmt: skip
    return change(made)


def _services(call: Call) -> Iterator[str]:
    yield call.service
    for inner in call.calls:
        yield from _services(inner)


def _edges(call: Call) -> Iterator[tuple[str, str]]:
    for inner in call.calls:
        if inner.service != call.service:
            yield call.service, inner.service
        yield from _edges(inner)

"""A recording, opened: its telemetry in the order of arrival, its alerts and edges, and the rhythm of it all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from wellkept.kernel.clock import from_nanos
from wellkept.kernel.entity import Edge, Entity
from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.kernel.finding import Finding
from wellkept.ops.ingest.recording import otlp_files
from wellkept.ops.ingest.recording.build import log_rows, points, spans
from wellkept.ops.ingest.recording.columns import moments
from wellkept.ops.ingest.recording.layout import NAME, Layout, LogTable, MetricTable, SpanTable
from wellkept.ops.ingest.recording.otlp_files import Requests, rhythm
from wellkept.ops.ingest.recording.rows import Interned, Ints, Points, Rows
from wellkept.ops.ingest.recording.tables import Case, Kept, Loaded, Tables, spliced
from wellkept.ops.ingest.recording.told import alerts, edges
from wellkept.spine.documents import load_document
from wellkept.store.telemetry.otlp.writer import Signal

PART = 50_000
"""At most this many rows go into one request."""
LARGEST = 8 << 20
"""At most about this many bytes, where there is more than one row."""
_SECOND = 10**9


@dataclass(frozen=True, slots=True)
class Source:
    """A folder and the layout of the tables in it, read and checked, nothing else read yet."""

    folder: Path
    layout: Layout | None
    named: str
    """How the layout is called in messages."""
    kept: Kept | None = None
    """Where tables are kept that were read whole; None: each case reads what it needs of them."""

    def cases(self) -> list[str]:
        """The ids of the pieces that it is made of; none where it is one piece."""
        if self.layout is None or self.layout.cases is None:
            return []
        return [str(row[self.layout.cases.id]) for row in self.rows()]

    def rows(self) -> list[dict[str, object]]:
        """The table of cases, with the columns that the layout derives."""
        return Tables(self.folder, self.layout, self.named, {}, self.kept).cases() if self.layout else []


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """What was recorded. ``begin`` is where the case begins: what is before it is baseline."""

    parts: tuple[tuple[Signal, Rows], ...]
    alerts: tuple[Finding, ...] = ()
    entities: tuple[Entity, ...] = ()
    edges: tuple[Edge, ...] = ()
    case: str = ""
    begin: datetime | None = None
    step_s: float | None = None
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def first_ns(self) -> int:
        """When the first of it arrived, nanoseconds since the epoch."""
        return min(int(rows.at[0]) for _, rows in self.parts)

    @property
    def last_ns(self) -> int:
        return max(int(rows.at[-1]) for _, rows in self.parts)

    def rhythm_s(self) -> float | None:
        """How far apart the points of a series usually are; None where there are no metrics.

        It is the median over the series of each one's median distance: a series that missed a beat, or a table that
        was recorded faster than the others, does not decide.
        """
        apart: list[float] = []
        for signal, rows in self.parts:
            if isinstance(rows, Points):
                apart.extend(_distances(rows))
            elif isinstance(rows, Requests) and signal is Signal.METRICS:
                apart.extend(rhythm(rows))
        return float(np.median(apart)) if apart else None

    def arrivals(self, after_ns: int, until_ns: int) -> Iterator[tuple[Signal, bytes]]:
        """The request bodies of what arrived after one moment and until another."""
        for signal, rows in self.parts:
            first, last = np.searchsorted(rows.at, [after_ns, until_ns], side="right")
            for start in range(int(first), int(last), PART):
                for body in bodies_of(rows.part(start, min(start + PART, int(last)))):
                    yield signal, body

    def next_ns(self, after_ns: int) -> int | None:
        """When the next of it arrives after a moment; None when that was all."""
        found = [
            int(rows.at[place])
            for _, rows in self.parts
            if (place := int(np.searchsorted(rows.at, after_ns, side="right"))) < len(rows.at)
        ]
        return min(found, default=None)


def bodies_of(rows: Rows) -> Iterator[bytes]:
    """Rows as requests of a size that the doors take; recorded requests as they are."""
    if isinstance(rows, Requests):
        yield from rows.bodies()
        return
    body = rows.body()
    if len(body) <= LARGEST or len(rows.at) < 2:
        yield body
        return
    half = len(rows.at) // 2
    for part in (rows.part(0, half), rows.part(half, len(rows.at))):
        yield from bodies_of(part)


def find(folder: Path, layout: Path | None = None, *, keep: bool = False) -> Source:
    """A recording's folder and its layout: the given file, else ``recording.yaml`` in the folder, else none.

    ``keep``: read each table once and keep it in memory, for whoever reads one case after another.

    Raises:
        NotFoundError: the folder or the layout is not there.
        DocumentError: every mistake in the layout.
    """
    if not folder.is_dir():
        raise NotFoundError(f"recording {folder}", "is not a folder")
    path = layout or folder / NAME
    if not path.is_file():
        if layout is not None:
            raise NotFoundError(f"layout {layout}", "is not a file")
        return Source(folder, None, str(path))
    document = load_document(Layout, path.read_text(encoding="utf-8"), str(path))
    return Source(folder, document, str(path), {} if keep else None)


def read(source: Source, case: str = "") -> Recording:
    """Everything of a recording, or one case of it.

    Raises:
        NotFoundError: there is no such case, or a file that the layout names is missing.
        InputError: a file cannot be read as what it should be, or the folder holds no telemetry.
    """
    parts: list[tuple[Signal, Rows]] = []
    requests = otlp_files.index(otlp_files.find(source.folder))
    parts.extend(requests.items())
    layout = source.layout
    if layout is None:
        if not parts:
            rule = f"must hold OTLP files ({', '.join(otlp_files.ENDINGS)}), or tables and a {NAME}"
            raise InputError(f"recording {source.folder}", rule)
        return Recording(tuple(parts), counts=_counts(parts))
    chosen = _chosen(source, layout, case)
    tables = Tables(source.folder, layout, source.named, chosen, source.kept)
    built, begin = _tables(tables, layout, splice_s=layout.splice if chosen else None)
    parts.extend((signal, rows) for signal, rows in built if len(rows.at))
    if not parts:
        raise InputError(f"recording {source.folder}", "must hold telemetry" + (f" of case {case}" if case else ""))
    entities, links = edges(tables, layout)
    return Recording(
        parts=tuple(parts),
        alerts=alerts(tables, layout),
        entities=entities,
        edges=links,
        case=case,
        begin=from_nanos(begin) if begin is not None and chosen else None,
        step_s=layout.step,
        counts=_counts(parts),
    )


def baseline(source: Source, case: str) -> Recording:
    """The baseline of a case by itself, at its own times, with the edges of the case and without its alerts.

    Raises:
        NotFoundError: there is no such case.
        InputError: the case has no baseline.
    """
    layout = source.layout
    if layout is None:
        raise InputError(f"recording {source.folder}", f"must have a {NAME}, for OTLP files know no baseline")
    tables = Tables(source.folder, layout, source.named, _chosen(source, layout, case), source.kept)
    resources = Interned()
    loaded = [(where, table, tables.load(table, where)[1]) for where, table in _of_telemetry(layout, tables)]
    built = [_build(Loaded(rows, np.zeros(rows.num_rows, np.int64)), t, resources, w) for w, t, rows in loaded]
    parts = tuple((signal, rows) for signal, rows in built if len(rows.at))
    if not parts:
        raise InputError(f"recording {source.folder}", f"must hold a baseline of case {case}")
    entities, links = edges(tables, layout)
    return Recording(parts, (), entities, links, step_s=layout.step, counts=_counts(parts))


def _of_telemetry(layout: Layout, tables: Tables) -> list[tuple[str, MetricTable | SpanTable | LogTable]]:
    return [
        *((where := f"metrics.{n}", tables.expanded(table, where)) for n, table in enumerate(layout.metrics)),
        *((f"traces.{number}", table) for number, table in enumerate(layout.traces)),
        *((f"logs.{number}", table) for number, table in enumerate(layout.logs)),
    ]


def _tables(tables: Tables, layout: Layout, *, splice_s: float | None) -> tuple[list[tuple[Signal, Rows]], int | None]:
    """The rows of every table, and when the first row of the case was."""
    loaded = [(where, table, *tables.load(table, where)) for where, table in _of_telemetry(layout, tables)]
    firsts = [_times(rows, table, where).min() for where, table, rows, _ in loaded if rows.num_rows]
    begin = int(min(firsts)) if firsts else None
    until = None if begin is None or splice_s is None else begin - round(splice_s * _SECOND)
    resources = Interned()
    found: list[tuple[Signal, Rows]] = []
    for where, table, rows, baseline in loaded:
        rule = table.start if isinstance(table, SpanTable) else table.time
        whole = spliced(rows, baseline, rule, table, until, where)
        found.append(_build(whole, table, resources, where))
    return found, begin


def _build(
    whole: Loaded, table: MetricTable | SpanTable | LogTable, resources: Interned, where: str
) -> tuple[Signal, Rows]:
    if isinstance(table, MetricTable):
        return Signal.METRICS, points(whole, table, resources, where)
    if isinstance(table, SpanTable):
        return Signal.TRACES, spans(whole, table, resources, where)
    return Signal.LOGS, log_rows(whole, table, resources, where)


def _times(rows: object, table: MetricTable | SpanTable | LogTable, where: str) -> Ints:
    return moments(rows, table.start if isinstance(table, SpanTable) else table.time, where)


def _chosen(source: Source, layout: Layout, case: str) -> Case:
    """The row of the chosen case."""
    if not case:
        return {}
    if layout.cases is None:
        raise NotFoundError(f"case {case}", f"is not known: {source.named} names no table of cases")
    rows = source.rows()
    for row in rows:
        if str(row[layout.cases.id]) == case:
            return row
    known = ", ".join(sorted(str(row[layout.cases.id]) for row in rows)[:5])
    raise NotFoundError(f"case {case}", f"is none of the {len(rows)} cases of {source.folder} ({known}, ...)")


def _distances(rows: Points) -> list[float]:
    """For each series the median distance between its points in seconds; series of one point say nothing."""
    order = np.lexsort((rows.at, rows.series))
    series, at = rows.series[order], rows.at[order]
    apart = np.diff(at)
    same = (series[1:] == series[:-1]) & (apart > 0)
    owner, gap = series[1:][same], apart[same]
    order = np.lexsort((gap, owner))
    owner, gap = owner[order], gap[order]
    _, first, count = np.unique(owner, return_index=True, return_counts=True)
    return [float(value) / _SECOND for value in gap[first + count // 2]]


def _counts(parts: Sequence[tuple[Signal, Rows]]) -> dict[str, int]:
    """How many rows (or recorded requests) of each signal there are."""
    found: dict[str, int] = {}
    for signal, rows in parts:
        found[str(signal)] = found.get(str(signal), 0) + len(rows.at)
    return dict(sorted(found.items()))

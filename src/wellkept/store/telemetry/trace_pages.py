"""Finding traces page by page, newest first, and one trace whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from wellkept.kernel.clock import to_nanos
from wellkept.store.telemetry.cursors import Page, read, written
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import millis
from wellkept.store.telemetry.spans import Spans
from wellkept.store.telemetry.statements import load

SECONDS = 20.0
LONGEST_TRACE_NS = 3_600 * 10**9
"""Spans that are this much further away from what was found are not counted to a trace."""
_LONGEST_NS = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class TracesWanted:
    """Traces that hold a span in [start, end) of which all of this is true. Empty texts mean any.

    ``attributes`` are those of the span, or where it has none of that key, of its resource.
    """

    start: datetime
    end: datetime
    entity: str = ""
    service: str = ""
    name: str = ""
    errors: bool = False
    shortest_s: float = 0.0
    longest_s: float | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


class TracePages:
    """A span that came twice (same trace id and span id) counts once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(self, wanted: TracesWanted, limit: int, cursor: str = "") -> Page:
        """At most ``limit`` traces, each as a whole: ``trace_id``, ``start``, ``duration_s``, ``spans``, ``errors``,
        ``services``, and ``name`` and ``service`` of its root.

        Raises:
            InputError: the cursor is none.
            SlowError: it took too long.
        """
        start, end = to_nanos(wanted.start), to_nanos(wanted.end)
        before, trace = read(cursor) if cursor else (_LONGEST_NS, "")
        parameters: dict[str, object] = {
            "start": start, "end": end, "entity": wanted.entity, "service": wanted.service, "name": wanted.name,
            "errors": wanted.errors, "shortest": round(wanted.shortest_s * 1e9),
            "longest": _LONGEST_NS if wanted.longest_s is None else round(wanted.longest_s * 1e9),
            "keys": list(wanted.attributes), "values": list(wanted.attributes.values()),
            "before": before, "before_trace": trace, "limit": limit,
        }  # fmt: skip
        found = self._engine.query(load("queries/trace_page.sql"), parameters, limit_s=SECONDS)
        ids, moments = found["trace_id"].to_pylist(), found["at"].to_pylist()
        around = {
            "traces": ids,
            "start": max(0, min(moments, default=start) - LONGEST_TRACE_NS),
            "end": max(moments, default=end) + LONGEST_TRACE_NS,
        }
        rows = self._engine.query(load("queries/trace_summaries.sql"), around, limit_s=SECONDS)
        place = {trace_id: row for row, trace_id in enumerate(rows["trace_id"].to_pylist())}
        ordered = rows.take(pa.array([place[trace_id] for trace_id in ids], pa.int64()))
        return Page(ordered, written(moments[-1], ids[-1]) if len(ids) == limit else "")

    def spans(self, trace_id: str, limit: int) -> pa.Table:
        """The spans of a trace by time, with their events and links; no rows where it is not known."""
        parameters = {"trace_id": trace_id.lower(), "limit": limit}
        return self._engine.query(load("queries/trace_spans.sql"), parameters, limit_s=SECONDS)

    def usual(
        self, start: datetime, end: datetime, entities: Sequence[str], names: Sequence[str], limit: int = 0
    ) -> pa.Table:
        """How operations went in [start, end), by ``entity`` and ``name``: ``spans``, ``p50_s``, ``p95_s``, ``errors``.

        ``limit``: whole traces of about so many spans at most are looked at, and counts are estimates; 0: all.

        Raises:
            SlowError: it took too long.
        """
        every = Spans(self._engine).every(start, end, limit)
        parameters: dict[str, object] = {"start": millis(start), "end": millis(end), "every": every}
        parameters |= {"entities": list(entities), "names": list(names)}
        return self._engine.query(load("queries/trace_usual.sql"), parameters, limit_s=SECONDS)

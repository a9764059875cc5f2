"""Reading spans: rate, errors and duration by service, who called whom, single traces."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import Derived, Grid, by_entity, by_part, millis
from wellkept.store.telemetry.statements import load
from wellkept.store.telemetry.window import Window

MOST_PARTS = 50
"""So many endpoints of a service, and callees of a caller, stand by themselves."""


class Spans:
    """Every method counts a span that came twice once (same trace id and span id)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def red(self, start: datetime, end: datetime, step_s: float, limit: int = 0) -> Window:
        """What services answered, by when the answer began.

        Series ``span.rate`` (requests per second), ``span.errors`` (failed requests per second),
        ``span.duration.p50`` and ``span.duration.p95`` (seconds) of each service entity, over its spans of kind
        Server and Consumer. A step without a request is NaN in all four. ``limit``: whole traces of about so many spans
        at most are looked at, and rates are estimates; 0: all.
        """
        grid = Grid.of(start, end, step_s)
        every = self.every(start, end, limit)
        rows = self._engine.query(load("queries/red.sql"), {**grid.parameters, "every": every})
        kinds = (
            Derived("calls", "span.rate", "1/s", grid.step_s),
            Derived("errors", "span.errors", "1/s", grid.step_s),
            Derived("p50s", "span.duration.p50", "s"),
            Derived("p95s", "span.duration.p95", "s"),
        )
        return by_entity(rows, grid, kinds)

    def exclusive(self, start: datetime, end: datetime, step_s: float, limit: int = 0) -> Window:
        """Series ``span.exclusive.p90`` (seconds) of each service: the time that it spent itself.

        In each trace: what its Server and Consumer spans took, less its Client spans, per answer. Calls made side by
        side are subtracted one by one, so the time of a service that fans out is a lower bound, and never below 0.
        ``limit``: whole traces of about so many spans at most are looked at; 0: all.
        """
        grid = Grid.of(start, end, step_s)
        every = self.every(start, end, limit)
        rows = self._engine.query(load("queries/exclusive.sql"), {**grid.parameters, "every": every})
        return by_entity(rows, grid, (Derived("p90s", "span.exclusive.p90", "s"),))

    def endpoints(
        self,
        start: datetime,
        end: datetime,
        step_s: float,
        most: int = MOST_PARTS,
        *,
        entity: str = "",
        limit: int = 0,
    ) -> Window:
        """What services answered by endpoint, which is the attribute ``span.endpoint`` of each series.

        Series ``endpoint.rate``, ``endpoint.errors`` (per second), ``endpoint.duration.p95`` and
        ``endpoint.exclusive.p90`` (seconds; see ``exclusive``) of the ``most`` endpoints of each service with the most
        answers in all of the time; the others are one, called ``other``. Durations are within one per cent.
        ``entity``: of this service alone. ``limit``: as ``red`` has it.
        """
        grid = Grid.of(start, end, step_s)
        told = {"most": most, "entity": entity, "every": self.every(start, end, limit)}
        rows = self._engine.query(load("queries/endpoints.sql"), {**grid.parameters, **told})
        kinds = (
            Derived("calls", "endpoint.rate", "1/s", grid.step_s),
            Derived("errors", "endpoint.errors", "1/s", grid.step_s),
            Derived("p95s", "endpoint.duration.p95", "s"),
            Derived("own_p90s", "endpoint.exclusive.p90", "s"),
        )
        return by_part(rows, grid, kinds, "span.endpoint")

    def calls(self, start: datetime, end: datetime, step_s: float, most: int = MOST_PARTS) -> Window:
        """Calls between services by step: series of the caller, with the callee's entity as ``span.callee``.

        Series ``call.rate``, ``call.errors`` (per second) and ``call.duration.p95`` (seconds), as the caller saw them.
        """
        grid = Grid.of(start, end, step_s)
        rows = self._engine.query(load("queries/calls.sql"), {**grid.parameters, "most": most, "every": 1})
        kinds = (
            Derived("calls", "call.rate", "1/s", grid.step_s),
            Derived("errors", "call.errors", "1/s", grid.step_s),
            Derived("p95s", "call.duration.p95", "s"),
        )
        return by_part(rows, grid, kinds, "span.callee")

    def edges(self, start: datetime, end: datetime, limit: int = 0) -> pa.Table:
        """Calls between services: ``source``, ``target`` (entity ids), ``calls``, ``errors`` (as the caller saw them),
        ``p95_s`` (of the call, as the caller saw it) and ``gap_p50_s`` (what the call took beyond the callee's answer).

        ``limit``: whole traces of about so many spans at most are looked at, and counts are estimates; 0: all.
        """
        span = {"start": millis(start), "end": millis(end)}
        return self._engine.query(load("queries/edges.sql"), {**span, "every": self.every(start, end, limit)})

    def every(self, start: datetime, end: datetime, limit: int) -> int:
        """One trace in how many to look at, so that no more than about so many spans are."""
        if limit <= 0:
            return 1
        asked = {"start": millis(start), "end": millis(end), "limit": limit}
        return int(self._engine.query(load("queries/sample_every.sql"), asked)["every"][0].as_py())

    def trace(self, trace_id: str) -> pa.Table:
        """The spans of a trace by time; no rows where the trace is not known. At most 10,000 spans."""
        return self._engine.query(load("queries/trace.sql"), {"trace_id": trace_id.lower()})

    def recent(
        self,
        start: datetime,
        end: datetime,
        *,
        entity: str = "",
        errors_only: bool = False,
        slower_than_s: float = 0.0,
        limit: int = 100,
    ) -> pa.Table:
        """What services answered lately, newest first."""
        parameters = {
            "start": millis(start),
            "end": millis(end),
            "entity": entity,
            "errors_only": errors_only,
            "slower_than": round(slower_than_s * 1e9),
            "limit": limit,
        }
        return self._engine.query(load("queries/recent_spans.sql"), parameters)

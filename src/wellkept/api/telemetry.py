"""Telemetry for programs: metrics, logs and traces by page, as JSON or as Arrow.

An answer holds ``next``, the cursor of the page after it, where there is one. With ``Accept:
application/vnd.apache.arrow.stream`` the rows come as an Arrow stream, and the cursor in the header ``Wellkept-Next``.
``warnings`` (``Wellkept-Warning``) says where metrics were read from coarser values than their points.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.store.telemetry.cursors import Page
from wellkept.store.telemetry.log_pages import LogPages, LogsWanted
from wellkept.store.telemetry.metric_pages import MetricPages, MetricsWanted
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.trace_pages import TracePages, TracesWanted

ARROW = "application/vnd.apache.arrow.stream"
LAST = timedelta(hours=1)
"""The time that is looked at where none is named: until now."""
MOST_SPANS = 10_000
STEPS = 300
"""How many steps of a metric are shown where no step is named."""
_PAIR = re.compile(r"(?P<key>[^=!]+)(?P<how>!?=)(?P<value>.*)\Z", re.DOTALL)

Pairs = Annotated[list[str], Field(max_length=20)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]


class Asked(BaseModel):
    """What every question has: from when to when, how much of it, and where to go on."""

    model_config = ConfigDict(extra="forbid")

    start: datetime | None = None
    """Without one: the last hour before the end."""
    end: datetime | None = None
    """Without one: now."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: str = ""

    def span(self, clock: Clock) -> tuple[datetime, datetime]:
        """From when to when.

        Raises:
            InputError: a moment without a zone, or an end that is not after the start.
        """
        for name, moment in (("start", self.start), ("end", self.end)):
            if moment is not None and moment.tzinfo is None:
                raise InputError(name, "must name its time zone (such as Z)", moment.isoformat())
        until = self.end or clock.now()
        since = self.start or until - LAST
        if since >= until:
            raise InputError("end", "must be after start", until.isoformat())
        return since, until


class MetricsAsked(Asked):
    """Series of a metric. ``match`` is ``key=value`` or ``key!=value``, of its attributes or of the resource's."""

    name: Annotated[str, Field(min_length=1)]
    match: Pairs = []
    entity: str = ""
    step: Annotated[float, Field(ge=0.001, le=1e9)] | None = None
    """In seconds."""


class LogsAsked(Asked):
    """Records that hold every word of ``text``, in any case; ``severity``: of this number and above."""

    text: Annotated[str, Field(max_length=2000)] = ""
    entity: str = ""
    service: str = ""
    severity: Annotated[int, Field(ge=0, le=24)] = 0
    trace_id: str = ""


class TracesAsked(Asked):
    """Traces that hold a span of which all of this is true. ``attribute`` is ``key=value``."""

    service: str = ""
    entity: str = ""
    name: str = ""
    attribute: Pairs = []
    errors: bool = False
    min_duration_s: Seconds = 0.0
    max_duration_s: Seconds | None = None


def router(telemetry: Telemetry, clock: Clock) -> APIRouter:
    """Routes below ``/api/v1/telemetry``."""
    routes = APIRouter(prefix="/api/v1/telemetry", tags=["telemetry"])
    metric_pages = MetricPages(telemetry.engine, telemetry.metrics)
    log_pages, trace_pages = LogPages(telemetry.engine), TracePages(telemetry.engine)

    @routes.get("/metrics")
    def metrics(request: Request, asked: Annotated[MetricsAsked, Query()]) -> Response:
        return _answer(request, "series", metric_pages.page(_metrics(asked, clock), asked.limit, asked.cursor))

    @routes.get("/logs")
    def logs(request: Request, asked: Annotated[LogsAsked, Query()]) -> Response:
        """Newest first."""
        since, until = asked.span(clock)
        wanted = LogsWanted(since, until, asked.text, asked.entity, asked.service, asked.severity, asked.trace_id)
        return _answer(request, "logs", log_pages.page(wanted, asked.limit, asked.cursor))

    @routes.get("/traces")
    def traces(request: Request, asked: Annotated[TracesAsked, Query()]) -> Response:
        """Newest first."""
        return _answer(request, "traces", trace_pages.page(_traces(asked, clock), asked.limit, asked.cursor))

    @routes.get("/traces/{trace_id}")
    def trace(request: Request, trace_id: str) -> Response:
        """Every span of a trace, with its events and links."""
        spans = trace_pages.spans(trace_id, MOST_SPANS)
        if not spans.num_rows:
            raise NotFoundError(f"trace {trace_id}", "is not known")
        return _answer(request, "spans", Page(spans))

    return routes


def _metrics(asked: MetricsAsked, clock: Clock) -> MetricsWanted:
    since, until = asked.span(clock)
    pairs = [_pair("match", text) for text in asked.match]
    return MetricsWanted(
        name=asked.name,
        start=since,
        end=until,
        step_s=asked.step or max(1.0, (until - since).total_seconds() / STEPS),
        entity=asked.entity,
        attributes={key: value for key, how, value in pairs if how == "="},
        others={key: value for key, how, value in pairs if how == "!="},
    )


def _traces(asked: TracesAsked, clock: Clock) -> TracesWanted:
    since, until = asked.span(clock)
    pairs = [_pair("attribute", text) for text in asked.attribute]
    if any(how == "!=" for _, how, _ in pairs):
        raise InputError("attribute", "must be key=value", asked.attribute)
    return TracesWanted(
        start=since,
        end=until,
        entity=asked.entity,
        service=asked.service,
        name=asked.name,
        errors=asked.errors,
        shortest_s=asked.min_duration_s,
        longest_s=asked.max_duration_s,
        attributes={key: value for key, _, value in pairs},
    )


def _pair(what: str, text: str) -> tuple[str, str, str]:
    found = _PAIR.match(text)
    if found is None:
        raise InputError(what, "must be key=value", text)
    return found["key"], found["how"], found["value"]


def _answer(request: Request, what: str, page: Page) -> Response:
    """A page in the form that the client accepts."""
    headers = {"Wellkept-Next": page.next} if page.next else {}
    if page.warnings:
        headers["Wellkept-Warning"] = "; ".join(page.warnings)
    if ARROW in request.headers.get("accept", ""):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, page.rows.schema) as writer:
            writer.write_table(page.rows)
        return Response(sink.getvalue().to_pybytes(), media_type=ARROW, headers=headers)
    body: dict[str, object] = {what: _objects(page.rows), "next": page.next or None}
    if page.warnings:
        body["warnings"] = page.warnings
    return Response(orjson.dumps(body), media_type="application/json", headers=headers)


def _objects(rows: pa.Table) -> list[dict[str, Any]]:
    """Rows as objects; moments as RFC 3339, to the nanosecond where they have them."""
    columns = {name: _plain(rows[name].combine_chunks()) for name in rows.column_names}
    objects: list[dict[str, Any]] = pa.table(columns).to_pylist(maps_as_pydicts="strict")
    return objects


def _plain(column: pa.Array) -> pa.Array:
    """A column without moments, also inside of lists and of objects."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_list(kind):
        return pa.ListArray.from_arrays(column.offsets, _plain(column.values))
    if pa.types.is_struct(kind):
        fields = [kind.field(index).name for index in range(kind.num_fields)]
        return pa.StructArray.from_arrays([_plain(column.field(name)) for name in fields], fields)
    return column

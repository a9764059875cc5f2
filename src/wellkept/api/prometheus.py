"""Prometheus's HTTP interface for reading, below ``/prometheus``, so that what speaks with Prometheus can read here.

A client's base address is ``<server>/prometheus``: below ``/api/v1`` itself is our own interface.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import orjson
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from wellkept import __version__
from wellkept.api.otlp import read_body
from wellkept.api.prometheus_answers import matrix_of, metadata_of, metric_of, result_of
from wellkept.api.prometheus_asked import Asked
from wellkept.api.prometheus_rules import Runs, alerts_of, groups_of, no_runs
from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import InputError, OverloadError, WellkeptError
from wellkept.store.telemetry.failures import SlowError
from wellkept.store.telemetry.promql.errors import EvaluationError
from wellkept.store.telemetry.promql.promql import PromQL

log = logging.getLogger(__name__)

BELOW = "/prometheus/api/v1"
LONGEST_FORM = 1 << 20
LANGUAGE = "2.45.0"
"""The version of the language that the parser reads; clients choose by it what they ask for."""
THREADS = 8
"""How many threads may wait for answers: a dashboard asks for all its panels at once, and other doors need theirs."""
SERIES_AT_MOST = 10_000
"""How many series, labels or values are listed where the client names no limit."""

Data = dict[str, object] | list[object]
Handler = Callable[[PromQL, Asked], Data]


def routes(promql: PromQL, clock: Clock, rules: Runs = no_runs) -> list[Route]:
    """Every route; GET and POST mean the same, where Prometheus has both. ``rules``: the groups that are on."""
    threads = CapacityLimiter(THREADS)

    def route(path: str, handler: Handler, *methods: str) -> Route:
        answer = _endpoint(promql, clock, handler, threads)
        return Route(f"{BELOW}{path}", answer, methods=[*(methods or ("GET", "POST"))])

    return [
        route("/query", _query),
        route("/query_range", _query_range),
        route("/series", _series),
        route("/labels", _labels),
        route("/label/{label}/values", _label_values, "GET"),
        route("/metadata", _metadata, "GET"),
        route("/query_exemplars", _exemplars),
        route("/rules", lambda _, asked: groups_of(rules(), asked), "GET"),
        route("/alerts", lambda _, __: alerts_of(rules()), "GET"),
        route("/status/buildinfo", _buildinfo, "GET"),
    ]


def _endpoint(
    promql: PromQL, clock: Clock, handler: Handler, threads: CapacityLimiter
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            form = await read_body(request, "form", LONGEST_FORM) if request.method == "POST" else b""
            asked = Asked.of(request.query_params, form, request.path_params, clock.now())
            return await run_sync(lambda: _success(handler(promql, asked), asked.warnings), limiter=threads)
        except WellkeptError as error:
            return _refusal(error)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it

    return answer


def _success(data: Data, warnings: list[str]) -> Response:
    body: dict[str, object] = {"status": "success", "data": data}
    if warnings:
        body["warnings"] = warnings
    return Response(orjson.dumps(body), media_type="application/json")


def _refusal(error: WellkeptError) -> Response:
    status, kind = _kind(error)
    if status >= 500:
        log.warning("a query failed: %s", error)
    body = orjson.dumps({"status": "error", "errorType": kind, "error": str(error)})
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, OverloadError) else None
    return Response(body, status, headers=headers, media_type="application/json")


def _kind(error: WellkeptError) -> tuple[int, str]:
    """The status, and the kind of error as Prometheus calls it."""
    match error:
        case EvaluationError():
            return 422, "execution"
        case InputError():
            return 400, "bad_data"
        case SlowError():
            return 503, "timeout"
        case _:
            return 503, "unavailable"


def _query(promql: PromQL, asked: Asked) -> Data:
    answer = promql.instant(asked.text("query"), asked.moment("time", asked.now_ms), asked.timeout_s)
    return result_of(answer, asked)


def _query_range(promql: PromQL, asked: Asked) -> Data:
    start, end, step = asked.moment("start"), asked.moment("end"), asked.step_ms("step")
    return matrix_of(promql.range(asked.text("query"), start, end, step, asked.timeout_s), asked)


def _series(promql: PromQL, asked: Asked) -> Data:
    if not asked.all("match[]"):
        raise InputError("match[]", "is required: name at least one selector of series")
    found = promql.series(asked.all("match[]"), *asked.span, asked.limit(SERIES_AT_MOST) + 1)
    return [metric_of(labels) for labels in asked.cut(found, SERIES_AT_MOST)]


def _labels(promql: PromQL, asked: Asked) -> Data:
    found = promql.label_names(asked.all("match[]"), *asked.span, asked.limit(SERIES_AT_MOST) + 1)
    return [*asked.cut(found, SERIES_AT_MOST)]


def _label_values(promql: PromQL, asked: Asked) -> Data:
    label, limit = asked.path["label"], asked.limit(SERIES_AT_MOST) + 1
    return [*asked.cut(promql.label_values(label, asked.all("match[]"), *asked.span, limit), SERIES_AT_MOST)]


def _metadata(promql: PromQL, asked: Asked) -> Data:
    return metadata_of(promql.metadata(asked.get("metric"), asked.limit(SERIES_AT_MOST)))


def _exemplars(_promql: PromQL, _asked: Asked) -> Data:
    """None are kept; Grafana asks for them beside every panel."""
    return []


def _buildinfo(_promql: PromQL, _asked: Asked) -> Data:
    return {"version": LANGUAGE, "revision": __version__, "application": "Wellkept", "features": {}}

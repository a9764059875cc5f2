"""What services report of their endpoints, where a label of their metrics names a route: see ``Spans.endpoints``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from wellkept.store.telemetry.grid import derived_id
from wellkept.store.telemetry.indicators import DURATIONS, ERRORS, RATE, UNITS, of_requests, with_reported
from wellkept.store.telemetry.window import SeriesInfo, Window, of_series

MOST_ROUTES = 100
"""A service with more of them tells its paths, and no templates: none of them is one thing that goes on."""
_ROUTE = (
    "http.route", "http_route", "route", "url.template", "uri", "handler", "path", "view",
    "rpc.method", "rpc_method", "grpc_method",
)  # fmt: skip
_METHOD = ("http.request.method", "http_request_method", "method", "http.method", "http_method")
_NAMES = {RATE: "endpoint.rate", ERRORS: "endpoint.errors", DURATIONS["p95"]: "endpoint.duration.p95"}
_WITHIN = "\x1f"


def reported_endpoints(metrics: Window, buckets: Window | None = None) -> Window:
    """Series ``endpoint.rate``, ``endpoint.errors`` (per second) and ``endpoint.duration.p95`` (seconds) of services.

    ``metrics``, ``buckets``: as ``with_reported`` takes them. The attribute ``span.endpoint`` names the endpoint, its
    method first where that is told. A service with one route only says nothing by it that it does not say itself.
    """
    by_route = _by_route(metrics)
    bounded = by_route if buckets is None else _by_route(buckets)
    red = with_reported(Window(metrics.times, np.empty((len(metrics.times), 0)), ()), by_route, bounded)
    columns = [j for j, info in enumerate(red.series) if info.name in _NAMES]
    return Window(red.times, red.values[:, columns], tuple(_of_endpoint(red.series[j]) for j in columns))


def of_endpoint(metrics: Window, endpoint: str) -> Window:
    """What services report of one endpoint, named by its method and route, or by its route for all methods."""
    columns = [
        column
        for column, info in enumerate(metrics.series)
        if of_requests(info) and endpoint in (_route(info.attributes), _told(info.attributes, _ROUTE))
    ]
    return Window(metrics.times, metrics.values[:, columns], tuple(metrics.series[column] for column in columns))


def endpoints_together(traced: Window | None, reported: Window | None) -> Window | None:
    """Endpoints of services with spans, and those that the other services report, of the same steps."""
    if reported is None or not reported.series:
        return traced
    if traced is None or not len(traced.times):
        return reported
    if not np.array_equal(traced.times, reported.times):
        return traced
    known = {info.entity for info in traced.series}
    others = [j for j, info in enumerate(reported.series) if info.entity not in known]
    values = np.concatenate([traced.values, reported.values[:, others]], axis=1)
    return Window(traced.times, values, (*traced.series, *(reported.series[j] for j in others)))


def _by_route(window: Window) -> Window:
    columns, series = _routes(window.series)
    return Window(window.times, window.values[:, columns], series)


@of_series
def _routes(series: tuple[SeriesInfo, ...]) -> tuple[list[int], tuple[SeriesInfo, ...]]:
    """The columns whose labels name a route, each as if the route of its service were a service of its own."""
    routes: dict[str, dict[str, list[int]]] = {}
    for column, info in enumerate(series):
        is_of_service = of_requests(info) and info.entity.startswith("service:")
        if is_of_service and (route := _route(info.attributes)):
            routes.setdefault(info.entity, {}).setdefault(route, []).append(column)
    chosen = {
        column: f"{entity}{_WITHIN}{route}"
        for entity, of_entity in routes.items()
        if 1 < len(of_entity) <= MOST_ROUTES
        for route, columns in of_entity.items()
        for column in columns
    }
    return list(chosen), tuple(replace(series[column], entity=entity) for column, entity in chosen.items())


def _route(attributes: Mapping[str, str]) -> str:
    route = _told(attributes, _ROUTE)
    return f"{_told(attributes, _METHOD)} {route}".strip() if route else ""


def _told(attributes: Mapping[str, str], names: Sequence[str]) -> str:
    return next((attributes[name] for name in names if attributes.get(name)), "")


def _of_endpoint(info: SeriesInfo) -> SeriesInfo:
    entity, _, route = info.entity.partition(_WITHIN)
    name = _NAMES[info.name]
    number = derived_id(name, info.entity)
    return SeriesInfo(number, name, UNITS[info.name], info.kind, entity, {"span.endpoint": route})

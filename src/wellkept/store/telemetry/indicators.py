"""Rate, errors and duration of services, from spans where there are spans, from reported metrics where there are not.

Services report these indicators in three ways. Instrumentation reports histograms of how long answers took, with the
errors told apart by an attribute (``http.server.request.duration`` and its like, and what libraries of Prometheus call
them), or counts answers by their status alone (``http_requests_total``). Meshes, gateways and cloud providers report
ready figures: ``service.requests`` (a count) or ``service.request.rate``, ``service.request.errors`` (per second) or
``service.request.availability`` (a share), and ``service.request.duration`` with the attribute ``statistic`` (mean,
p50, p95).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.grid import derived_id
from wellkept.store.telemetry.window import SeriesInfo, Window, of_series

Floats = NDArray[np.float64]

REPORTED = "reported"
"""The kind of these series. Where one has no value, nothing was reported; where one of spans has none, nothing came."""
RATE, ERRORS = "span.rate", "span.errors"
DURATIONS = {"mean": "span.duration.mean", "p50": "span.duration.p50", "p95": "span.duration.p95"}
SAMPLED = 1.2
"""A service that reports so many times the requests that were traced traces only some of them."""
UNITS = {RATE: "1/s", ERRORS: "1/s", **dict.fromkeys(DURATIONS.values(), "s")}

HISTOGRAMS = (
    "http.server.request.duration",
    "rpc.server.call.duration",
    "http.server.duration",
    "rpc.server.duration",
    "http_server_request_duration_seconds",
    "rpc_server_call_duration_seconds",
    "http_server_duration_milliseconds",
    "rpc_server_duration_milliseconds",
    "http_request_duration_seconds",
    "http_request_duration_milliseconds",
    "http_server_requests_seconds",
    "caddy_http_request_duration_seconds",
    "django_http_requests_latency_including_middlewares_seconds",
    "flask_http_request_duration_seconds",
    "grpc_server_handling_seconds",
    "istio_request_duration_milliseconds",
    "nginx_ingress_controller_request_duration_seconds",
    "traefik_service_request_duration_seconds",
)
"""Durations of answers by OpenTelemetry's semantic conventions, present and former (which counted milliseconds), the
same by their names in Prometheus, and those of its client libraries, of Micrometer, of meshes and of gateways.
"""
COUNTERS = (
    "http_requests_total",
    "http_requests_received_total",
    "http_server_requests_total",
    "django_http_responses_total_by_status_total",
    "flask_http_request_total",
    "grpc_server_handled_total",
    "haproxy_backend_http_responses_total",
    "istio_requests_total",
    "kong_http_requests_total",
    "nginx_ingress_controller_requests",
    "traefik_service_requests_total",
)
"""Answers that are counted by what became of them, without how long they took."""
_READY = ("service.requests", "service.request.rate", "service.request.errors", "service.request.availability")
_DURATION = "service.request.duration"
NAMES = (*_READY, _DURATION, *(f"{name}_{part}" for name in HISTOGRAMS for part in ("count", "sum")), *COUNTERS)
"""All metrics by which services tell of their requests themselves."""
_STATUS = (
    "http.response.status_code", "http.status_code", "rpc.grpc.status_code", "http_response_status_code",
    "http_status_code", "code", "status", "status_code", "response_code", "grpc_code",
)  # fmt: skip
"""Labels that say what became of a request: 503 and 5xx are failures of the service, and so are some words of gRPC."""
_GRPC_FAILED = frozenset({"Unknown", "DeadlineExceeded", "Unimplemented", "Internal", "Unavailable", "DataLoss"})
_FINE, _FAILED, _UNTOLD = "", " failed", " untold"


def with_reported(red: Window, metrics: Window) -> Window:
    """The windows of spans (see ``Spans.red``) and what services report by themselves, as one.

    Both windows share one grid. A service that has both is told by whichever was seen in more steps, and where it
    reports more requests than were traced, by its own counts: only some are traced then, and spans tell how long
    answers take.
    """
    reported = _reported(metrics)
    if not reported:
        return red
    traced = {info.entity: red.values[:, j] for j, info in enumerate(red.series) if info.name == RATE}
    more = {entity: _times_as_many(columns[RATE], traced.get(entity)) for entity, columns in reported.items()}
    series, values = list[SeriesInfo](), list[Floats]()
    for j, info in enumerate(red.series):
        times = more.get(info.entity, 1.0)
        if np.isfinite(times):
            column = red.values[:, j]
            if times > 1.0 and info.name in (RATE, ERRORS):
                column = _of_all(column, reported[info.entity].get(info.name), times)
            series.append(info)
            values.append(column)
    for entity in sorted(entity for entity, times in more.items() if np.isinf(times)):
        for name, column in sorted(reported[entity].items()):
            series.append(SeriesInfo(derived_id(name, entity), name, UNITS[name], REPORTED, entity))
            values.append(column)
    grid = np.stack(values, axis=1) if values else np.empty((len(red.times), 0))
    return Window(red.times, grid, tuple(series))


def _of_all(traced: Floats, reported: Floats | None, times: float) -> Floats:
    """A column of spans that stand for so many requests each, by what is reported where it is."""
    every = traced * times
    return every if reported is None else np.where(np.isfinite(reported), reported, every)


def _reported(metrics: Window) -> dict[str, dict[str, Floats]]:
    """The indicators of each service that reports how many requests it had, by name."""
    found = {}
    for entity, roles in _roles(metrics.series).items():
        indicators = _indicators(metrics, roles)
        if RATE in indicators:
            found[entity] = indicators
    return found


@of_series
def _roles(series: tuple[SeriesInfo, ...]) -> dict[str, dict[str, list[int]]]:
    """The columns of each service that say something about requests, by what they say."""
    columns: dict[str, dict[str, list[int]]] = {}
    for column, info in enumerate(series):
        if info.entity.startswith("service:") and (role := _role(info)):
            columns.setdefault(info.entity, {}).setdefault(role, []).append(column)
    return columns


def _role(info: SeriesInfo) -> str:
    """What a series says about requests; empty where it is about something else."""
    if info.name in _READY:
        return info.name
    if info.name == _DURATION:
        statistic = info.attributes.get("statistic", "")
        return f"{_DURATION} {statistic}" if statistic in DURATIONS else ""
    if info.attributes.get("reporter") == "source":
        return ""  # a mesh tells of each request twice: whom it was sent to counts it, too
    base, _, part = info.name.rpartition("_")
    if info.name in COUNTERS:
        return f"requests{_became(info.attributes)}"
    if base in HISTOGRAMS and part == "count":
        return f"count{_became(info.attributes)}"
    return part if base in HISTOGRAMS and part == "sum" else ""


def _became(attributes: Mapping[str, str]) -> str:
    """What became of requests, as far as their labels say."""
    if attributes.get("error.type") or attributes.get("error_type"):
        return _FAILED
    said = [attributes[name] for name in _STATUS if attributes.get(name)]
    if any((word.startswith("5") and len(word) == 3) or word in _GRPC_FAILED for word in said):
        return _FAILED
    return _FINE if said else _UNTOLD


def _indicators(metrics: Window, roles: Mapping[str, Sequence[int]]) -> dict[str, Floats]:
    def total(*names: str) -> Floats | None:
        picked = [column for name in names for column in roles.get(name, ())]
        return _over(metrics.values[:, picked], np.nansum) if picked else None

    # Where both are there, they count the same: the one that says what became of them.
    kind = min(("count", "requests"), key=lambda kind: (not _tells(kind, roles), total(*_all(kind)) is None))
    found: dict[str, Floats | None] = {RATE: total("service.requests", "service.request.rate", *_all(kind))}
    rate = found[RATE]
    if rate is None:
        return {}
    failed = total("service.request.errors", f"{kind}{_FAILED}")
    if _tells(kind, roles):  # of what never failed there is no series
        failed = np.full(len(rate), np.nan) if failed is None else failed
        failed = np.where(np.isfinite(rate) & ~np.isfinite(failed), 0.0, failed)
    found[ERRORS] = failed
    if (available := roles.get("service.request.availability")) is not None:
        found[ERRORS] = (1.0 - _over(metrics.values[:, available], np.nanmean)) * rate
    for statistic, name in DURATIONS.items():
        if (picked := roles.get(f"{_DURATION} {statistic}")) is not None:
            found[name] = _over(metrics.values[:, picked], np.nanmax)
    taken, answered = total("sum"), total(*_all("count"))
    if taken is not None and answered is not None:
        told = metrics.series[roles["sum"][0]]
        seconds = 0.001 if told.unit.startswith("ms") or "milliseconds" in told.name else 1.0
        with np.errstate(invalid="ignore", divide="ignore"):
            found[DURATIONS["mean"]] = np.where(answered > 0, taken * seconds / answered, np.nan)
    return {name: column for name, column in found.items() if column is not None}


def _all(kind: str) -> tuple[str, ...]:
    return tuple(f"{kind}{became}" for became in (_FINE, _FAILED, _UNTOLD))


def _tells(kind: str, roles: Mapping[str, Sequence[int]]) -> bool:
    """Whether requests are counted by what became of them."""
    return f"{kind}{_FINE}" in roles or f"{kind}{_FAILED}" in roles


def _over(block: Floats, reduce: Callable[..., Floats]) -> Floats:
    """Several series as one, NaN where none was seen."""
    seen = np.isfinite(block).any(axis=1)
    result = np.full(len(block), np.nan)
    if seen.any():
        result[seen] = reduce(block[seen], axis=1)
    return result


def _times_as_many(reported: Floats, traced: Floats | None) -> float:
    """How many times as many requests are reported as were traced: inf where less is known by spans, 1 where all is."""
    if traced is None or np.isfinite(reported).sum() > np.isfinite(traced).sum():
        return np.inf
    both = np.isfinite(reported) & np.isfinite(traced)
    of_spans = float(traced[both].sum())
    times = float(reported[both].sum()) / of_spans if of_spans > 0 else 1.0
    return times if times > SAMPLED else 1.0

"""Rate, errors and duration of services, from spans where there are spans, from reported metrics where there are not.

Services report these indicators in two ways. Instrumentation reports histograms of how long answers took, with the
errors told apart by an attribute (``http.server.request.duration`` and its like). Meshes, gateways and cloud providers
report ready figures: ``service.requests`` (a count) or ``service.request.rate``, ``service.request.errors`` (per
second) or ``service.request.availability`` (a share), and ``service.request.duration`` with the attribute
``statistic`` (mean, p50, p95).
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
)
"""Durations of answers by OpenTelemetry's semantic conventions, present and former; the former count milliseconds."""
_READY = ("service.requests", "service.request.rate", "service.request.errors", "service.request.availability")
_DURATION = "service.request.duration"
_STATUS = ("http.response.status_code", "http.status_code", "rpc.grpc.status_code")


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
    base, _, part = info.name.rpartition("_")
    if base in HISTOGRAMS and part in ("count", "sum"):
        return f"{part} failed" if part == "count" and _failed(info.attributes) else part
    return ""


def _failed(attributes: Mapping[str, str]) -> bool:
    if attributes.get("error.type"):
        return True
    return any(attributes.get(name, "").startswith("5") and len(attributes[name]) == 3 for name in _STATUS)


def _indicators(metrics: Window, roles: Mapping[str, Sequence[int]]) -> dict[str, Floats]:
    def total(*names: str) -> Floats | None:
        picked = [column for name in names for column in roles.get(name, ())]
        return _over(metrics.values[:, picked], np.nansum) if picked else None

    found: dict[str, Floats | None] = {RATE: total("service.requests", "service.request.rate", "count", "count failed")}
    rate = found[RATE]
    if rate is None:
        return {}
    found[ERRORS] = total("service.request.errors", "count failed")
    if (available := roles.get("service.request.availability")) is not None:
        found[ERRORS] = (1.0 - _over(metrics.values[:, available], np.nanmean)) * rate
    for statistic, name in DURATIONS.items():
        if (picked := roles.get(f"{_DURATION} {statistic}")) is not None:
            found[name] = _over(metrics.values[:, picked], np.nanmax)
    taken = total("sum")
    if taken is not None:
        seconds = 0.001 if metrics.series[roles["sum"][0]].unit.startswith("ms") else 1.0
        with np.errstate(invalid="ignore", divide="ignore"):
            found[DURATIONS["mean"]] = np.where(rate > 0, taken * seconds / rate, np.nan)
    return {name: column for name, column in found.items() if column is not None}


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

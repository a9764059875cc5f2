"""Rate, errors and duration of services, from spans where there are spans, from reported metrics where there are not.

Services report these indicators in three ways. Instrumentation reports histograms of how long answers took, with the
errors told apart by an attribute (``http.server.request.duration`` and its like, and what libraries of Prometheus call
them), or counts answers by their status alone (``http_requests_total``). The buckets of histograms tell how long the
slowest answers took. Meshes, gateways and cloud providers report ready figures: ``service.requests`` (a count) or
``service.request.rate``, ``service.request.errors`` (per second) or ``service.request.availability`` (a share), and
``service.request.duration`` with the attribute ``statistic`` (mean, p50, p95).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.grid import derived_id
from wellkept.store.telemetry.promql.buckets import interpolated
from wellkept.store.telemetry.requestnames import DURATION, PLACE, READY, is_counter, is_histogram
from wellkept.store.telemetry.window import SeriesInfo, Window, of_series

Floats = NDArray[np.float64]

REPORTED = "reported"
"""The kind of these series. Where one has no value, nothing was reported; where one of spans has none, nothing came."""
RATE, ERRORS = "span.rate", "span.errors"
DURATIONS = {"mean": "span.duration.mean", "p50": "span.duration.p50", "p95": "span.duration.p95"}
SAMPLED = 1.2
"""A service that reports so many times the requests that were traced traces only some of them."""
UNITS = {RATE: "1/s", ERRORS: "1/s", **dict.fromkeys(DURATIONS.values(), "s")}

_LEVELS = frozenset({"gauge", "prometheus_gauge", "prometheus_unknown"})
"""Kinds of series that are no counters, or not known to be: who sent them did not say."""
_QUANTILES = {DURATIONS["p50"]: 0.5, DURATIONS["p95"]: 0.95}
_STATUS = (
    "http.response.status_code", "http.status_code", "http_response_status_code", "http_status_code", "code", "status",
    "status_code", "response_code",
)  # fmt: skip
"""Labels that say what became of a request: 503 and 5xx are failures of the service, and so are some words of gRPC."""
_CLASS = ("envoy_response_code_class",)
"""The first digit of it."""
_GRPC_STATUS = (
    "rpc.grpc.status_code", "rpc.response.status_code", "rpc_grpc_status_code", "rpc_response_status_code",
    "grpc_code", "grpc_response_status",
)  # fmt: skip
"""The same of gRPC alone, which says it by a word or by its number; a mesh says 200 of the HTTP that it came by."""
_GRPC_FAILED = frozenset({"Unknown", "DeadlineExceeded", "Unimplemented", "Internal", "Unavailable", "DataLoss"})
_GRPC_FAILED_SAID = {word.lower() for word in _GRPC_FAILED} | {"2", "4", "12", "13", "14", "15"}
_FINE, _FAILED, _UNTOLD = "", " failed", " untold"
_REQUESTS, _ANSWERED, _SUM, _SUM_MS = "requests", "answered", "sum", "sum in ms"
_COUNTED = tuple(f"{_REQUESTS}{became}" for became in (_FINE, _FAILED, _UNTOLD))
_BOUND = "le"
_MESH, _RPC, _HTTP = "mesh", "rpc", "http"


def with_reported(red: Window, metrics: Window, buckets: Window | None = None) -> Window:
    """The windows of spans (see ``Spans.red``) and what services report by themselves, as one.

    ``buckets``: a window of ``REQUEST_BUCKETS``, where they are not among the metrics. All share one grid.
    A service that has both is told by whichever was seen in more steps, and where it reports more requests than were
    traced, by its own counts: only some are traced then, and spans tell how long answers take.
    """
    reported = _reported(metrics)
    if not reported:
        return red
    for entity, quantiles in _quantiles(metrics if buckets is None else buckets, reported).items():
        reported[entity] = quantiles | reported[entity]
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
    for entity, told in _told(metrics.series).items():
        indicators = _indicators(_carried(metrics.values[:, told.columns], told.counters), told.roles)
        if RATE in indicators:
            found[entity] = indicators
    return found


def _quantiles(buckets: Window, reported: Mapping[str, Mapping[str, Floats]]) -> dict[str, dict[str, Floats]]:
    """How long half, and all but a twentieth, of the answers of each of these services took, by their buckets."""
    alike: dict[int, list[tuple[str, _Bounded]]] = {}
    for entity, told in _bounded(buckets.series).items():
        if entity in reported:
            alike.setdefault(len(told.bounds), []).append((entity, told))
    found: dict[str, dict[str, Floats]] = {}
    for bounds, services in alike.items():
        steps = len(buckets.times)
        within = np.concatenate([told.counted(buckets.values) for _, told in services])
        edges = np.concatenate([np.broadcast_to(told.bounds, (steps, bounds)) for _, told in services])
        held = np.full(len(within), bounds)
        with np.errstate(invalid="ignore", divide="ignore"):
            for name, share in _QUANTILES.items():
                values = interpolated(np.full(len(within), share), edges, within, held)
                beyond = within[:, -2] < share * within[:, -1]
                parts = (np.split(column, len(services)) for column in (values, beyond))
                for (entity, _), own, is_beyond in zip(services, *parts, strict=True):
                    mean = reported[entity].get(DURATIONS["mean"])
                    found.setdefault(entity, {})[name] = own if mean is None else _credible(own, is_beyond, share, mean)
    return found


def _credible(values: Floats, beyond: NDArray[np.bool_], share: float, mean: Floats) -> Floats:
    """A quantile where buckets may be too coarse for it: within what the mean allows.

    No more than a twentieth can take more than twenty times the mean (Markov's inequality). Beyond the last bound,
    where buckets tell nothing, the mean is taken where it is longer.
    """
    known = np.where(np.isfinite(mean), mean, values)
    return np.where(beyond, np.maximum(values, known), np.minimum(values, known / (1.0 - share)))


@dataclass(frozen=True, slots=True, eq=False)
class _Bounded:
    """The columns of a service's buckets, which are counters, its bounds in seconds, and where each histogram has them.

    Histograms may have different bounds: of one that lacks a bound counts what is within its next lower one, and so it
    does in a step in which a bound is not told (exponential histograms tell those that they need).
    """

    columns: list[int]
    counters: NDArray[np.bool_]
    bounds: Floats
    places: NDArray[np.intp]
    """intp[histograms, bounds]: which of the columns counts what is within a bound; -1 for none."""
    again: list[tuple[int, int]]
    """Columns of a bucket that is told twice, as by two scopes of one sender, each with the one that it is added to."""

    def counted(self, values: Floats) -> Floats:
        """float64[T, bounds]: how many answers per second took at most so long; 0 where nothing is known."""
        carried = np.nan_to_num(_carried(values[:, self.columns], self.counters), nan=0.0)
        for place, first in self.again:
            carried[:, first] += carried[:, place]
        each = np.where(self.places >= 0, carried[:, self.places], 0.0)
        return np.asarray(np.maximum.accumulate(each, axis=2).sum(axis=1))


def slower_than(buckets: Window, seconds: float) -> dict[str, tuple[Floats, Floats]]:
    """How many answers per second of each service took longer, and how many there were; NaN where none was told of.

    ``buckets``: a window of ``REQUEST_BUCKETS``. Longer is what surely was: beyond the next bound that is not below. Of
    a time after the last bound nothing is known, and the service is left out.
    """
    found = {}
    for entity, told in _bounded(buckets.series).items():
        bound = int(np.searchsorted(told.bounds, seconds))
        if np.isinf(told.bounds[bound]):
            continue
        within = told.counted(buckets.values)
        total = np.where(within[:, -1] > 0, within[:, -1], np.nan)
        found[entity] = (total - within[:, bound], total)
    return found


@of_series
def _bounded(series: tuple[SeriesInfo, ...]) -> dict[str, _Bounded]:
    """The buckets in which each service tells how long its answers took, by one name each."""
    found: dict[str, list[int]] = {}
    for column, info in enumerate(series):
        if info.entity.startswith("service:") and _family(info) and _is_bucket(info):
            found.setdefault(info.entity, []).append(column)
    bounded = {}
    for entity, columns in found.items():
        _, timing = _once([series[column] for column in columns])
        own = [column for column in columns if (_sender(series[column]), _family(series[column])) in timing]
        histograms: dict[Hashable, dict[float, int]] = {}
        again = list[tuple[int, int]]()
        for place, column in enumerate(own):
            info = series[column]
            labels = frozenset(pair for pair in info.attributes.items() if pair[0] != _BOUND)
            which = (info.name, labels, frozenset(info.resource_attributes.items()))
            if not np.isnan(bound := _bound(info)):
                first = histograms.setdefault(which, {}).setdefault(bound, place)
                again += [(place, first)] if first != place else []
        whole = [places for places in histograms.values() if np.inf in places]
        bounds = sorted({bound for places in whole for bound in places})
        if len(bounds) > 1:
            places = np.array([[told.get(bound, -1) for bound in bounds] for told in whole])
            counters = np.array([_is_counter(series[column]) for column in own])
            bounded[entity] = _Bounded(own, counters, np.array(bounds), places, again)
    return bounded


def _bound(info: SeriesInfo) -> float:
    """Up to how many seconds a bucket counts; NaN where it does not say."""
    try:
        bound = float(info.attributes.get(_BOUND, ""))
    except ValueError:
        return np.nan
    return bound / 1000 if _is_in_ms(info) else bound


@dataclass(frozen=True, slots=True)
class _Told:
    """The columns in which a service tells of its requests, which are counters, and where each role is among them."""

    columns: list[int]
    counters: NDArray[np.bool_]
    roles: dict[str, list[int]]


@of_series
def _told(series: tuple[SeriesInfo, ...]) -> dict[str, _Told]:
    """What each service tells about requests."""
    found: dict[str, list[int]] = {}
    for column, info in enumerate(series):
        if info.entity.startswith("service:") and (_ready(info) or _family(info)) and not _is_bucket(info):
            found.setdefault(info.entity, []).append(column)
    told = {}
    for entity, columns in found.items():
        roles: dict[str, list[int]] = {}
        counting, timing = _once([series[column] for column in columns])
        for place, column in enumerate(columns):
            for role in _roles(series[column], counting, timing):
                roles.setdefault(role, []).append(place)
        told[entity] = _Told(columns, np.array([_is_counter(series[column]) for column in columns]), roles)
    return told


_Chosen = frozenset[tuple[Hashable, str]]
"""Senders, each with a family by which it counts its requests, or tells how long they took."""


def _once(told: Sequence[SeriesInfo]) -> tuple[_Chosen, _Chosen]:
    """By what the requests of a service are counted, and their durations: each once.

    A sender may tell of them by several names: those of before and after a change of conventions, a counter beside a
    histogram, a mesh beside the program itself. Requests by HTTP and by RPC are others.
    """
    senders: dict[Hashable, dict[str, set[str]]] = {}
    for info in told:
        if (family := _family(info)) and not info.name.endswith("_sum"):
            senders.setdefault(_sender(info), {}).setdefault(family, set()).add(_became(info.attributes))
    counting, timing = set[tuple[Hashable, str]](), set[tuple[Hashable, str]]()
    for sender, families in senders.items():
        counting.update((sender, family) for family in _best(families))
        histograms = {family: set[str]() for family in families if is_histogram(family)}
        timing.update((sender, family) for family in _best(histograms))
    return frozenset(counting), frozenset(timing)


def _best(families: Mapping[str, set[str]]) -> list[str]:
    """Of each protocol the family that says what became of requests, else the first of the table; own names come last.

    What a mesh tells is of all protocols: it is taken where the program tells nothing, or not what became of them.
    """
    best: dict[str, str] = {}
    tells = {family: not became <= {_UNTOLD} for family, became in families.items()}
    for family in sorted(families, key=lambda family: (not tells[family], PLACE.get(family, len(PLACE)), family)):
        best.setdefault(_protocol(family), family)
    mesh = best.pop(_MESH, "")
    if mesh and not any(tells[family] or not tells[mesh] for family in best.values()):
        return [mesh]
    return list(best.values())


def _protocol(family: str) -> str:
    if family.startswith("istio_"):
        return _MESH
    return _RPC if "rpc" in family else _HTTP


def _sender(info: SeriesInfo) -> Hashable:
    """Who sent a series: an instance, whichever of its ports was asked (a mesh answers at one of its own)."""
    instance = info.attributes.get("instance") or info.resource_attributes.get("service.instance.id", "")
    return instance.rpartition(":")[0] or instance or frozenset(info.resource_attributes.items())


def _is_counter(info: SeriesInfo) -> bool:
    return not info.is_delta and info.name not in READY and info.name != DURATION


def _carried(block: Floats, counters: NDArray[np.bool_]) -> Floats:
    """The series of a service, each of which goes on until its next word is due, where others of them are seen.

    Instances that are asked every 15 s are not seen in every step of 10 s, and not all in the same ones: their sum is
    that of all of them nevertheless. Of deltas and of ready figures all is said where they are seen.
    """
    seen = np.isfinite(block)
    any_seen = seen.any(axis=1, keepdims=True)
    if (seen == any_seen).all():
        return block
    steps = np.arange(len(block))[:, None]
    last = np.maximum.accumulate(np.where(seen, steps, -1), axis=0)
    before = np.vstack([np.full((1, block.shape[1]), -1), last[:-1]])
    gaps = np.sort(np.where(seen & (before >= 0), steps - before, len(block)), axis=0)
    usual = gaps[(gaps < len(block)).sum(axis=0) // 2, np.arange(block.shape[1])]
    rhythm = np.where(usual < len(block), usual, 1)
    goes_on = ~seen & any_seen & counters & (last >= 0) & (steps - last <= rhythm)
    return np.where(goes_on, np.take_along_axis(block, np.maximum(last, 0), axis=0), block)


def _family(info: SeriesInfo) -> str:
    """The metric by which a series counts requests or tells how long they took; empty where it does neither."""
    if _is_counted_elsewhere(info):
        return ""
    if is_counter(info.name):
        return info.name if info.kind not in _LEVELS else ""
    base, _, part = info.name.rpartition("_")
    return base if is_histogram(base) and part in ("count", "sum", "bucket") else ""


def of_requests(info: SeriesInfo) -> bool:
    """Whether a series tells of the requests that a service answers.

    Others have labels such as routes, too: what a program asks of others, or the paths of its files.
    """
    return bool(_family(info) or _ready(info))


def _is_counted_elsewhere(info: SeriesInfo) -> bool:
    """Whether another series counts the same requests: a mesh tells of each at both ends, a proxy at its frontend, its
    backend and its server.
    """
    return (
        info.attributes.get("reporter") == "source"
        or info.resource_attributes.get("haproxy.service_name", "FRONTEND") != "FRONTEND"
    )


def _ready(info: SeriesInfo) -> str:
    """What a series says that is a ready figure; empty where it is none."""
    if info.name == DURATION:
        statistic = info.attributes.get("statistic", "")
        return f"{DURATION} {statistic}" if statistic in DURATIONS else ""
    return info.name if info.name in READY else ""


def _roles(info: SeriesInfo, counting: _Chosen, timing: _Chosen) -> Iterator[str]:
    """What a series says about requests, as far as it is taken."""
    family = _family(info)
    if not family:
        yield _ready(info)
        return
    told = (_sender(info), family)
    if info.name.endswith("_sum") and family != info.name:
        if told in timing:
            yield _SUM_MS if _is_in_ms(info) else _SUM
        return
    if told in counting:
        yield f"{_REQUESTS}{_became(info.attributes)}"
    if told in timing:
        yield _ANSWERED


def _is_bucket(info: SeriesInfo) -> bool:
    return info.name.endswith("_bucket")


def _is_in_ms(info: SeriesInfo) -> bool:
    return info.unit.startswith("ms") or "milliseconds" in info.name


def _became(attributes: Mapping[str, str]) -> str:
    """What became of requests, as far as their labels say."""
    if attributes.get("error.type") or attributes.get("error_type"):
        return _FAILED
    said = [attributes[name] for name in _STATUS if attributes.get(name)]
    said += [f"{attributes[name]}xx" for name in _CLASS if attributes.get(name)]
    said_by_grpc = [attributes[name] for name in _GRPC_STATUS if attributes.get(name)]
    if any(word.replace("_", "").lower() in _GRPC_FAILED_SAID for word in said_by_grpc):
        return _FAILED
    if any((word.startswith("5") and len(word) == 3) or word in _GRPC_FAILED for word in said):
        return _FAILED
    return _FINE if said or said_by_grpc else _UNTOLD


def _indicators(values: Floats, roles: Mapping[str, Sequence[int]]) -> dict[str, Floats]:
    def total(*names: str) -> Floats | None:
        picked = [column for name in names for column in roles.get(name, ())]
        return _over(values[:, picked], np.nansum) if picked else None

    def first(*alternatives: tuple[str, ...]) -> Floats | None:
        return next((found for names in alternatives if (found := total(*names)) is not None), None)

    rate = first(("service.requests",), ("service.request.rate",), _COUNTED)
    if rate is None:
        return {}
    found: dict[str, Floats | None] = {RATE: rate}
    failed = first(("service.request.errors",), (f"{_REQUESTS}{_FAILED}",))
    if _COUNTED[0] in roles or _COUNTED[1] in roles:  # of what never failed there is no series
        failed = np.full(len(rate), np.nan) if failed is None else failed
        failed = np.where(np.isfinite(rate) & ~np.isfinite(failed), 0.0, failed)
    found[ERRORS] = failed
    if (available := roles.get("service.request.availability")) is not None:
        found[ERRORS] = (1.0 - _over(values[:, available], np.nanmean)) * rate
    for statistic, name in DURATIONS.items():
        if (picked := roles.get(f"{DURATION} {statistic}")) is not None:
            found[name] = _over(values[:, picked], np.nanmax)
    taken, answered = _seconds(total(_SUM), total(_SUM_MS)), total(_ANSWERED)
    if taken is not None and answered is not None:
        with np.errstate(invalid="ignore", divide="ignore"):
            found[DURATIONS["mean"]] = np.where(answered > 0, taken / answered, np.nan)
    return {name: column for name, column in found.items() if column is not None}


def _seconds(seconds: Floats | None, millis: Floats | None) -> Floats | None:
    """How long answers took, of histograms that count seconds and of those that count milliseconds."""
    if millis is None or seconds is None:
        return seconds if millis is None else millis / 1000
    return _over(np.stack([seconds, millis / 1000], axis=1), np.nansum)


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

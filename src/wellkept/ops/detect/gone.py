"""Metrics that do not come any more, while others of the same sender do: told from series that come and go anyway."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Evidence
from wellkept.ops.detect.blind import Cause, Spot
from wellkept.ops.detect.blindness import RECENT
from wellkept.ops.detect.catalogue import REPORTERS
from wellkept.ops.detect.down import SCRAPED
from wellkept.ops.detect.heard import entities_of
from wellkept.ops.detect.judged import columns_of
from wellkept.store.telemetry.window import SeriesInfo, Window, of_series

LASTED = 60
"""A series that was there for fewer steps than this comes and goes, and is not missed,"""
REPORTS = 10
"""and so one with fewer values."""
LATE = 5
"""A metric is gone when it has not come for so many times as long as it took from one value to the next,"""
STEADY = 2
"""which, while it came, never took this many times as long as usual, and a step more."""
BUSY = 0.5
"""A counter is missed when it had moved in this share of its steps: of rare events there is none until one happens."""
RENEWED_S = 1800.0
"""After a deploy it is another program that speaks: what it does not tell any more within so long is no loss."""
NAMED = 3
"""So many metrics are named in the sentence."""

Floats = NDArray[np.float64]
_SENDERS = ("instance", "service.instance.id", "k8s.pod.name", "pod")
"""Attributes of a series that tell its sender from others, beside those of its resource."""
_PARTS = ("_bucket", "_count", "_sum", "_min", "_max")
_SPEAKING = frozenset(kind.value for kind in REPORTERS)


@dataclass(frozen=True, slots=True)
class _Metric:
    """A metric that is gone: since when (the step after its last value), and the senders that go on without it."""

    name: str
    since: int
    senders: frozenset[Hashable]


def gone_metrics(window: Window, renewed: Mapping[str, float]) -> Iterator[Spot]:
    """One spot for each entity of which metrics are gone that had come steadily, by senders that go on.

    A metric is gone when all of its series are, so that one instance less is nothing. ``renewed``: when an entity was
    deployed last, seconds since the epoch. Metrics for which others of the same sender began at that time were renamed.
    """
    there = np.isfinite(window.values)
    places, owners = _metrics_of(window.series)
    alive = np.bincount(places[there[-RECENT:].any(axis=0)], minlength=len(owners)) > 0
    entities, _ = entities_of(window.series)
    speaks = np.zeros(len(entities), dtype=bool)
    speaks[owners[alive]] = True
    lost: dict[int, list[int]] = {}
    for place in np.flatnonzero(~alive & speaks[owners]).tolist():
        lost.setdefault(int(owners[place]), []).append(place)
    if not lost:
        return
    names = list(columns_of(window.series)[0])
    for entity, metrics in lost.items():
        if entities[entity].partition(":")[0] in _SPEAKING:
            found = _Entity(window, entities[entity]).gone([names[place][1] for place in metrics])
            told = [one for one in found if not _is_renewed(window, one, renewed.get(entities[entity]))]
            if told:
                yield _spot(window, entities[entity], told)


def _is_renewed(window: Window, metric: _Metric, deployed_at: float | None) -> bool:
    last_s = float(window.times[metric.since - 1])
    return deployed_at is not None and deployed_at >= last_s - RENEWED_S


class _Entity:
    """The series of one entity, by metric."""

    def __init__(self, window: Window, entity: str) -> None:
        self._window = window
        of_names = columns_of(window.series)[0]
        self._of = {name: of_names[entity, name] for name in names_of(window.series)[entity]}
        self._there = {name: np.isfinite(window.values[:, columns]) for name, columns in self._of.items()}

    def gone(self, names: Sequence[str]) -> list[_Metric]:
        """Which of these metrics, none of which was heard of late, are missed: none of who is down."""
        if self._is_down():
            return []
        found = [metric for metric in (self._lost(name) for name in names) if metric is not None]
        return [one for one in found if self._goes_on(one) and not self._renamed(one)]

    def _is_down(self) -> bool:
        """Whether it does not answer when it is scraped: the scrape tells of itself alone.

        An instance that is not scraped any more had answered before it went.
        """
        told = [self._window.values[-RECENT:, column] for column in self._of.get(SCRAPED, ())]
        newest = [values[np.isfinite(values)][-1:] for values in told]
        return any(map(len, newest)) and not any(map(np.any, newest))

    def _lost(self, name: str) -> _Metric | None:
        """The metric, if it has come steadily, by whom, and until when."""
        seen = self._there[name]
        if not seen.any():
            return None
        last = int(np.flatnonzero(seen.any(axis=1))[-1])
        senders, late = set(), 0
        for place, column in enumerate(self._of[name]):
            steps = np.flatnonzero(seen[:, place])
            info = self._window.series[column]
            if self._is_steady(info, steps, self._window.values[steps, column]):
                rhythm = int(np.median(np.diff(steps)))
                if steps[-1] + rhythm >= last:
                    senders.add(_sender(info))
                    late = max(late, LATE * rhythm)
        silent = len(self._window.times) - 1 - last
        return _Metric(name, last + 1, frozenset(senders)) if senders and silent >= late else None

    def _is_steady(self, info: SeriesInfo, steps: NDArray[np.intp], values: Floats) -> bool:
        """Whether a series was there for long, without holes, and is not one that is left out where nothing happens."""
        if len(steps) < REPORTS or steps[-1] - steps[0] + 1 < LASTED or info.is_delta:
            return False
        apart = np.diff(steps)
        if apart.max() > STEADY * np.median(apart) + 1:
            return False
        if info.kind == "gauge":
            return bool(np.count_nonzero(values[-RECENT:]))
        return bool(np.count_nonzero(values) >= BUSY * len(values))

    def _goes_on(self, metric: _Metric) -> bool:
        """Whether a sender of it tells of another metric as before."""
        return any(self._tells(name, metric, before=True) for name in self._of if name != metric.name)

    def _renamed(self, metric: _Metric) -> bool:
        """Whether a sender of it tells of a metric that it did not tell of before."""
        return any(self._tells(name, metric, before=False) for name in self._of if name != metric.name)

    def _tells(self, name: str, metric: _Metric, *, before: bool) -> bool:
        """Whether the senders of a metric that is gone tell of this one after that, and whether they did before."""
        columns = [_sender(self._window.series[column]) in metric.senders for column in self._of[name]]
        heard: NDArray[np.bool_] = np.any(self._there[name][:, columns], axis=1)
        first = metric.since - 1
        return bool(heard[-RECENT:].any()) and bool(heard[:first].any()) is before


def _spot(window: Window, entity: str, metrics: Sequence[_Metric]) -> Spot:
    names = sorted(one.name for one in metrics)
    since = min(one.since for one in metrics)
    others = len(names_of(window.series)[entity]) - len(names)
    share = len(names) / max(1, len(names) + others)
    evidence = tuple(Evidence(name) for name in names)
    since_s = float(window.times[since] - window.step_s)
    return Spot(entity, Cause.GONE, since_s, lost(names, others), share, series=len(names), evidence=evidence)


def lost(names: Sequence[str], others: int) -> str:
    """Which metrics do not come, where so many others of the same entity do."""
    families = _families(names)
    named, more = families[:NAMED], len(families) - NAMED
    listed = ", ".join(named) if more > 0 else " and ".join([", ".join(named[:-1])] * (len(named) > 1) + named[-1:])
    return (
        f"{'metric' if len(families) == 1 else 'metrics'} {listed}{f' and {more} more' if more > 0 else ''}, which had "
        f"come steadily, {'does' if len(families) == 1 else 'do'} not come any more, while {others} other"
        f"{'' if others == 1 else 's'} of the same sender {'does' if others == 1 else 'do'}"
    )


def _families(names: Iterable[str]) -> list[str]:
    """The parts of a histogram or a summary as the one metric that they are."""
    given = set(names)
    bases = {name[: -len(part)] for name in given for part in _PARTS[1:2] if name.endswith(part)}
    bases = {base for base in bases if f"{base}_sum" in given}
    parts = {f"{base}{part}" for base in bases for part in _PARTS}
    return sorted((given - parts) | bases)


def _sender(info: SeriesInfo) -> Hashable:
    """Who tells of a series."""
    own = tuple(info.attributes.get(name, "") for name in _SENDERS)
    return (frozenset(info.resource_attributes.items()), own)


@of_series
def _metrics_of(series: tuple[SeriesInfo, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The place of each series' metric of its entity, in the order of ``columns_of``; and the entity of each."""
    _, of_entity = entities_of(series)
    metrics = columns_of(series)[0]
    places, owners = np.zeros(len(series), np.intp), np.zeros(len(metrics), np.intp)
    for place, columns in enumerate(metrics.values()):
        places[columns], owners[place] = place, of_entity[columns[0]]
    return places, owners


@of_series
def names_of(series: tuple[SeriesInfo, ...]) -> dict[str, list[str]]:
    """The names of the metrics of each entity."""
    found: dict[str, list[str]] = {}
    for entity, name in columns_of(series)[0]:
        found.setdefault(entity, []).append(name)
    return found

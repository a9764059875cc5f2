"""From windows to signals: the series that the catalogue knows, one contiguous row each, ready for arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Evidence
from wellkept.ops.detect.base import View
from wellkept.ops.detect.blind import Blind
from wellkept.ops.detect.catalogue import BY_NAME, LIMITS, READ_ONLY_FILESYSTEMS
from wellkept.ops.detect.meaning import Extreme, Meaning
from wellkept.store.telemetry.indicators import REPORTED
from wellkept.store.telemetry.window import SeriesInfo, Window, of_series

Floats = NDArray[np.float64]

FULL = 0.97
"""From this share of the limit on, what has one is full."""
PICTURE_POINTS = 60
"""A finding's picture has at most this many points."""

_STATES = frozenset({"state", "system.filesystem.state", "system.memory.state", "cpu.mode", "system.cpu.state"})
_CORES = frozenset({"cpu.logical_number", "system.cpu.logical_number", "cpu"})


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """``values[i]`` is the history of signal ``i`` (float64[S, T], NaN where nothing was seen).

    ``limits``: float64[S], where the signal ends, NaN where that is not known. ``series[i]`` describes the first of
    the series that were averaged into the signal (the cores of one CPU).
    """

    times: Floats
    values: Floats
    limits: Floats
    meanings: tuple[Meaning, ...]
    series: tuple[SeriesInfo, ...]

    @property
    def step_s(self) -> float:
        """Length of a step in seconds; 0 where there are fewer than two."""
        return float(self.times[1] - self.times[0]) if len(self.times) > 1 else 0.0

    def column(self, read: Callable[[Meaning], float | None]) -> Floats:
        """One number of the catalogue per signal, NaN for None."""
        numbers = {meaning.name: _number(read(meaning)) for meaning in {m.name: m for m in self.meanings}.values()}
        return np.array([numbers[meaning.name] for meaning in self.meanings], dtype=np.float64)

    def full(self, level: Floats, steps: int) -> NDArray[np.bool_]:
        """Which are at their limit, where that is trouble: bool[S].

        Disks go by their newest value (``level``), and so does what was not seen in the newest ``steps``; what breathes
        must not have come down in them.
        """
        recent = self.values[:, -steps:]
        floor = np.minimum(np.where(np.isfinite(recent), recent, np.inf).min(axis=1), level)
        breathes = np.array([meaning.fills is Extreme.LOWEST for meaning in self.meanings], dtype=bool)
        matters = np.array([meaning.brim for meaning in self.meanings], dtype=bool)
        with np.errstate(invalid="ignore"):
            full = np.where(breathes, floor, level) >= FULL * self.limits
        return np.asarray(full & matters & np.isfinite(level))

    def evidence(self, index: int, expected: tuple[float, float] | None, values: Mapping[str, float]) -> Evidence:
        """The evidence of a finding about signal ``index``: its picture, its band, its limit."""
        meaning, limit = self.meanings[index], float(self.limits[index])
        found = evidence_of(self.series[index], self.times, self.values[index], values, expected)
        return replace(found, signal=meaning.name, unit=meaning.unit, limit=None if np.isnan(limit) else limit)


def evidence_of(
    info: SeriesInfo,
    times: Floats,
    shown: Floats,
    values: Mapping[str, float],
    expected: tuple[float, float] | None = None,
) -> Evidence:
    """The evidence of a finding about a series: the picture of what is ``shown``, and its band."""
    return Evidence(
        signal=info.name,
        attributes=dict(sorted(info.attributes.items())),
        unit=info.unit,
        window_start=moment(times[0]),
        window_end=moment(times[-1]),
        points=picture(times, shown),
        expected=told_band(expected, shown),
        values=values,
    )


def told_band(band: tuple[float, float] | None, values: Floats) -> tuple[float, float] | None:
    """A band as people are told of it: nothing below zero is expected of what was never there."""
    if band is None or (values < 0).any():
        return band
    return max(0.0, band[0]), max(0.0, band[1])


def signals(view: View, wanted: Callable[[Meaning], bool]) -> Signals:
    """The signals of a view whose meaning is ``wanted``, ordered by series id so that arrival order is irrelevant.

    Those that telemetry is blind to are left out.
    """
    parts = [_from_window(window, wanted, view.blind) for window in (view.red, view.metrics, view.logs)]
    parts = [part for part in parts if part.meanings]
    if not parts:
        times = view.metrics.times
        return Signals(times, np.empty((0, len(times))), np.empty(0), (), ())
    return Signals(
        parts[0].times,
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.limits for part in parts]),
        tuple(meaning for part in parts for meaning in part.meanings),
        tuple(info for part in parts for info in part.series),
    )


def long_signals(view: View, wanted: Callable[[Meaning], bool]) -> Signals | None:
    """The same over days, from the coarse steps of ``view.long``; None where days are not kept."""
    return None if view.long is None else _from_window(view.long, wanted, view.blind)


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Which columns of a window make up its signals, which depends on nothing but what series there are.

    ``meanings``: of each signal; ``kinds``: each of these once; ``columns``: those that make up each signal, the first
    of which is in ``first``; ``limits``: the column of each signal's limit, -1 for none; ``wholes``: those that add up
    to it where it has no column.
    """

    series: tuple[SeriesInfo, ...]
    meanings: tuple[Meaning, ...]
    kinds: tuple[Meaning, ...]
    columns: tuple[tuple[int, ...], ...]
    first: NDArray[np.intp]
    limits: NDArray[np.intp]
    wholes: tuple[tuple[int, ...], ...]


@of_series
def _plan(series: tuple[SeriesInfo, ...]) -> _Plan:
    groups: dict[tuple[object, ...], list[int]] = {}
    limits: dict[tuple[object, ...], int] = {}
    there, parts = {(info.name, info.entity) for info in series}, _Parts()
    for index, info in sorted(enumerate(series), key=lambda pair: pair[1].id):
        meaning = BY_NAME.get(info.name)
        if meaning is not None:
            parts.add(info, meaning, index)
        if meaning is not None and any((other, info.entity) in there for other in meaning.unless):
            continue
        if meaning is not None and watched(info, meaning):
            groups.setdefault((info.name, info.entity, *_identity(info, _CORES, resource=True)), []).append(index)
        elif info.name in LIMITS and _tells_limit(info, meaning):
            limits[info.name, info.entity, *_identity(info, _states(meaning), resource=False)] = index
    firsts = [columns[0] for columns in groups.values()]
    found = tuple(series[index] for index in firsts)
    meanings = tuple(BY_NAME[info.name] for info in found)
    of_limits = [_limit_of(info, meaning, limits) for info, meaning in zip(found, meanings, strict=True)]
    columns = tuple(tuple(columns) for columns in groups.values())
    wholes = tuple(
        parts.of(info, meaning) if limit < 0 else ()
        for info, meaning, limit in zip(found, meanings, of_limits, strict=True)
    )
    kinds = tuple({meaning.name: meaning for meaning in meanings}.values())
    return _Plan(found, meanings, kinds, columns, np.array(firsts, np.intp), np.array(of_limits, np.intp), wholes)


class _Parts:
    """The columns of the states of each usage that make up a whole. A collector tells of these, and of no limit."""

    def __init__(self) -> None:
        self._columns: dict[tuple[object, ...], dict[str, int]] = {}

    def add(self, info: SeriesInfo, meaning: Meaning, column: int) -> None:
        state = next((info.attributes[name] for name in _STATES if name in info.attributes), "")
        if state in meaning.whole:
            self._columns.setdefault(self._of_what(info), {})[state] = column

    def of(self, info: SeriesInfo, meaning: Meaning) -> tuple[int, ...]:
        """All of them; none where what is used, or what is free, is not told of."""
        found = self._columns.get(self._of_what(info), {}) if meaning.whole else {}
        return tuple(found.values()) if found.keys() >= {"used", "free"} else ()

    def _of_what(self, info: SeriesInfo) -> tuple[object, ...]:
        return (info.name, info.entity, *_identity(info, _STATES, resource=True))


def _limit_of(info: SeriesInfo, meaning: Meaning, limits: Mapping[tuple[object, ...], int]) -> int:
    if meaning.capacity is not None or not meaning.limit:
        return -1
    own = limits.get((meaning.limit, info.entity, *_identity(info, _states(meaning), resource=False)))
    return limits.get((meaning.limit, info.entity, ()), -1) if own is None else own


def _tells_limit(info: SeriesInfo, meaning: Meaning | None) -> bool:
    """Whether a series of a limit's name is the limit; where usage has the same name, an attribute tells them apart."""
    if meaning is None or meaning.limit_where is None:
        return True
    name, value = meaning.limit_where
    return info.attributes.get(name) == value


def _from_window(window: Window, wanted: Callable[[Meaning], bool], blind: Blind) -> Signals:
    plan = _plan(window.series)
    is_wanted = {meaning.name: wanted(meaning) for meaning in plan.kinds}
    rows = [row for row, meaning in enumerate(plan.meanings) if is_wanted[meaning.name]]
    if blind.entities or blind.metrics:
        rows = [row for row in rows if not blind.hides(plan.series[row].entity, plan.series[row].name)]
    series = tuple(plan.series[row] for row in rows)
    meanings = tuple(plan.meanings[row] for row in rows)
    values, ends = _rows(window, plan, rows), _limits(window, meanings, plan, rows)
    for row, meaning in enumerate(meanings):
        if meaning.complement:
            values[row] = ends[row] - values[row]
    counting = [row for row, info in enumerate(series) if meanings[row].counts and info.kind != REPORTED]
    if counting:
        values[counting] = _silence_is_zero(values[counting])
    return Signals(window.times, values, ends, meanings, series)


def watched(info: SeriesInfo, meaning: Meaning) -> bool:
    """Whether a series is the one that its meaning is about, and can get worse at all."""
    if info.entity == "":
        return False
    attributes = {**info.resource_attributes, **info.attributes} if meaning.where else info.attributes
    if not READ_ONLY_FILESYSTEMS.isdisjoint((attributes.get("system.filesystem.type"), attributes.get("fstype"))):
        return False
    if attributes.get("system.filesystem.mode") == "ro":
        return False
    return all(_matches(attributes, names, value, meaning.loose) for names, value in meaning.where)


def _matches(attributes: Mapping[str, str], names: Sequence[str], value: str, loose: bool) -> bool:
    found = [attributes[name] for name in names if name in attributes]
    return value in found if found else loose


def _states(meaning: Meaning | None) -> frozenset[str]:
    """Attributes that usage has, or has other values of, and its limit does not."""
    return _STATES if meaning is None or meaning.limit_where is None else _STATES | {meaning.limit_where[0]}


def _identity(info: SeriesInfo, without: frozenset[str], *, resource: bool) -> tuple[object, ...]:
    own = tuple(sorted((k, v) for k, v in info.attributes.items() if k not in without))
    return (own, tuple(sorted(info.resource_attributes.items()))) if resource else (own,)


def _rows(window: Window, plan: _Plan, rows: Sequence[int]) -> Floats:
    """One row per signal: the series itself, or the mean of several where any of them was seen."""
    values = np.ascontiguousarray(window.values[:, plan.first[rows]].T)
    for place, row in enumerate(rows):
        if len(plan.columns[row]) > 1:
            block = window.values[:, list(plan.columns[row])]
            seen = ~np.isnan(block)
            count = seen.sum(axis=1)
            total = np.where(seen, block, 0.0).sum(axis=1)
            values[place] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return values


def _limits(window: Window, meanings: Sequence[Meaning], plan: _Plan, rows: Sequence[int]) -> Floats:
    """Where each signal ends: what is known of its meaning, or the newest value of the series that tells."""
    found = np.array([_number(meaning.capacity) for meaning in meanings], dtype=np.float64)
    columns = plan.limits[rows]
    told = np.flatnonzero(columns >= 0)
    if len(told) and len(window.times):
        found[told] = _newest(window.values[:, columns[told]])
    wholes = [plan.wholes[row] for row in rows]
    for count in {len(whole) for whole in wholes if whole and len(window.times)}:
        told = np.array([place for place, whole in enumerate(wholes) if len(whole) == count], np.intp)
        parts = window.values[:, np.array([wholes[place] for place in told.tolist()], np.intp)]
        found[told] = _newest(parts.sum(axis=2))
    return found


def _newest(values: Floats) -> Floats:
    """The newest value of each column, NaN where there is none above 0."""
    seen = np.isfinite(values)
    newest = values[len(values) - 1 - np.argmax(seen[::-1], axis=0), np.arange(values.shape[1])]
    with np.errstate(invalid="ignore"):
        return np.where(seen.any(axis=0) & (newest > 0), newest, np.nan)


def _silence_is_zero(values: Floats) -> Floats:
    """After a counting series was first seen, a silent step is a step in which nothing happened: [S, T]."""
    seen = np.isfinite(values)
    return np.where(np.logical_or.accumulate(seen, axis=1) & np.isnan(values), 0.0, values)


def picture(times: Floats, values: Floats) -> tuple[tuple[float, float], ...]:
    """At most ``PICTURE_POINTS`` of the finite points, evenly thinned, the newest always among them."""
    seen = np.flatnonzero(np.isfinite(values))
    stride = max(1, -(-len(seen) // PICTURE_POINTS))
    kept = seen[::-1][::stride][::-1]
    return tuple((float(times[i]), float(values[i])) for i in kept)


def moment(seconds: float | np.float64) -> datetime:
    """Seconds since the epoch as an aware UTC moment."""
    return datetime.fromtimestamp(float(seconds), UTC)


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)

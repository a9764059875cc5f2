"""From windows to signals: the series that the catalogue knows, one contiguous row each, ready for arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Evidence
from wellkept.ops.detect.base import View
from wellkept.ops.detect.catalogue import BY_NAME, READ_ONLY_FILESYSTEMS, Meaning
from wellkept.store.telemetry.indicators import REPORTED
from wellkept.store.telemetry.window import SeriesInfo, Window

Floats = NDArray[np.float64]

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
        return np.array([_number(read(meaning)) for meaning in self.meanings], dtype=np.float64)

    def evidence(self, index: int, expected: tuple[float, float] | None, values: Mapping[str, float]) -> Evidence:
        """The evidence of a finding about signal ``index``: its picture, its band, its limit."""
        meaning, info = self.meanings[index], self.series[index]
        limit = float(self.limits[index])
        return Evidence(
            signal=meaning.name,
            attributes=dict(sorted(info.attributes.items())),
            unit=meaning.unit,
            window_start=moment(self.times[0]),
            window_end=moment(self.times[-1]),
            points=picture(self.times, self.values[index]),
            expected=expected,
            limit=None if np.isnan(limit) else limit,
            values=values,
        )


def signals(view: View, wanted: Callable[[Meaning], bool]) -> Signals:
    """The signals of a view whose meaning is ``wanted``, ordered by series id so that arrival order is irrelevant."""
    parts = [_from_window(window, wanted) for window in (view.red, view.metrics, view.logs)]
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


def _from_window(window: Window, wanted: Callable[[Meaning], bool]) -> Signals:
    groups: dict[tuple[object, ...], list[int]] = {}
    limits: dict[tuple[object, ...], int] = {}
    limit_names = {meaning.limit for meaning in BY_NAME.values() if meaning.limit}
    for index, info in sorted(enumerate(window.series), key=lambda pair: pair[1].id):
        meaning = BY_NAME.get(info.name)
        if meaning is not None and wanted(meaning) and watched(info, meaning):
            groups.setdefault((info.name, info.entity, *_identity(info, _CORES, resource=True)), []).append(index)
        elif info.name in limit_names:
            limits[info.name, info.entity, *_identity(info, _STATES, resource=False)] = index
    series = tuple(window.series[columns[0]] for columns in groups.values())
    meanings = tuple(BY_NAME[info.name] for info in series)
    values = _rows(window, list(groups.values()))
    for row, meaning in enumerate(meanings):
        if meaning.complement:
            values[row] = (meaning.capacity or 0.0) - values[row]
        if meaning.counts and series[row].kind != REPORTED:
            values[row] = _silence_is_zero(values[row])
    return Signals(window.times, values, _limits(window, series, meanings, limits), meanings, series)


def watched(info: SeriesInfo, meaning: Meaning) -> bool:
    """Whether a series is the one that its meaning is about, and can get worse at all."""
    if info.entity == "":
        return False
    attributes = info.attributes
    if attributes.get("system.filesystem.type") in READ_ONLY_FILESYSTEMS:
        return False
    if attributes.get("system.filesystem.mode") == "ro":
        return False
    return all(_matches(attributes, names, value, meaning.loose) for names, value in meaning.where)


def _matches(attributes: Mapping[str, str], names: Sequence[str], value: str, loose: bool) -> bool:
    found = [attributes[name] for name in names if name in attributes]
    return value in found if found else loose


def _identity(info: SeriesInfo, without: frozenset[str], *, resource: bool) -> tuple[object, ...]:
    own = tuple(sorted((k, v) for k, v in info.attributes.items() if k not in without))
    return (own, tuple(sorted(info.resource_attributes.items()))) if resource else (own,)


def _rows(window: Window, groups: Sequence[Sequence[int]]) -> Floats:
    """One row per group: the series itself, or the mean of several where any of them was seen."""
    values = np.ascontiguousarray(window.values[:, [columns[0] for columns in groups]].T)
    for row, columns in enumerate(groups):
        if len(columns) > 1:
            block = window.values[:, list(columns)]
            seen = ~np.isnan(block)
            count = seen.sum(axis=1)
            total = np.where(seen, block, 0.0).sum(axis=1)
            values[row] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return values


def _limits(
    window: Window,
    series: Sequence[SeriesInfo],
    meanings: Sequence[Meaning],
    limits: Mapping[tuple[object, ...], int],
) -> Floats:
    found = np.full(len(series), np.nan)
    for row, (info, meaning) in enumerate(zip(series, meanings, strict=True)):
        if meaning.capacity is not None:
            found[row] = meaning.capacity
        elif meaning.limit:
            column = limits.get((meaning.limit, info.entity, *_identity(info, _STATES, resource=False)))
            column = limits.get((meaning.limit, info.entity, ())) if column is None else column
            if column is not None:
                known = window.values[:, column]
                known = known[np.isfinite(known)]
                found[row] = known[-1] if len(known) and known[-1] > 0 else np.nan
    return found


def _silence_is_zero(row: Floats) -> Floats:
    """After a counting series was first seen, a silent step is a step in which nothing happened."""
    seen = np.flatnonzero(np.isfinite(row))
    if len(seen):
        tail = row[seen[0] :]
        tail[np.isnan(tail)] = 0.0
    return row


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

"""What was seen around this time of day yesterday, and a week ago, in bins of clock time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.parameters import DAY_S
from wellkept.ops.detect.baseline.residuals import outside
from wellkept.ops.detect.baseline.state import Layout, Slot, State

Floats = NDArray[np.float32]

FAR = 30_000.0
"""Stored figures beyond this are about to leave the range of half precision (65,504)."""


class _Cycle:
    """One rhythm: bins of ``bin_s`` seconds, ``bins`` of them until it repeats."""

    def __init__(self, name: str, bin_s: float, bins: int) -> None:
        self.name, self.bin_s, self.bins = name, bin_s, bins
        self.layout: Layout = {
            f"{name}_bins": Slot((2, bins), np.nan, np.float16),
            f"{name}_aside": Slot((2,), np.nan),
            f"{name}_now": Slot((2,), np.nan),
        }

    def number(self, time: float) -> int:
        return int(time // self.bin_s)


CYCLES = (_Cycle("day", 900.0, 96), _Cycle("week", 3600.0, 168))
LAYOUT: Layout = {
    **CYCLES[0].layout,
    **CYCLES[1].layout,
    "season_centre": Slot((), np.nan),
    "season_unit": Slot((), np.nan),
}


def season(
    state: State, clock: dict[str, int], times: NDArray[np.float64], values: Floats
) -> tuple[Floats, Floats, Floats]:
    """Signed distance of values [B, S] outside what was seen at this time, the nearer of yesterday and a week ago.

    NaN where there is no memory. Also the band, [B, S] each. ``clock``: the number of each cycle's current bin, which
    is moved on. ``times`` never decrease.
    """
    distance = np.full(values.shape, np.nan, dtype=np.float32)
    low, high = distance.copy(), distance.copy()
    fine = (times // CYCLES[0].bin_s).astype(np.int64)
    edges = np.flatnonzero(np.diff(fine)) + 1
    for start, stop in zip((0, *edges), (*edges, len(times)), strict=True):
        part = values[start:stop]
        for cycle in CYCLES:
            band = _move(state, clock, cycle, cycle.number(float(times[start])))
            found = outside(part, band[0], band[1])
            nearer = np.isnan(distance[start:stop]) | (np.abs(found) < np.abs(distance[start:stop]))
            nearer &= ~np.isnan(found)
            for target, source in ((distance, found), (low, band[0]), (high, band[1])):
                np.copyto(target[start:stop], source, where=nearer)
            now = state[f"{cycle.name}_now"]
            now[0] = np.fmin(now[0], np.fmin.reduce(part, axis=0))
            now[1] = np.fmax(now[1], np.fmax.reduce(part, axis=0))
    return distance, low, high


def _move(state: State, clock: dict[str, int], cycle: _Cycle, number: int) -> Floats:
    """Go to bin ``number``: write what was seen into the bins behind, and give the band around the new one, [2, S].

    A bin is overwritten when it is over, and what it held a cycle ago is set aside, for it is a neighbour of the next.
    """
    bins, now = state[f"{cycle.name}_bins"], state[f"{cycle.name}_now"]
    aside = state[f"{cycle.name}_aside"]
    last = clock.get(cycle.name, number)
    for step in range(last, min(number, last + cycle.bins)):
        slot = step % cycle.bins
        aside[...] = _decode(state, bins[:, slot])
        bins[:, slot] = _encode(state, now)
        now[...] = np.nan
    if number > last + cycle.bins:
        bins[...] = np.nan
        aside[...] = np.nan
    clock[cycle.name] = number
    near = _decode(state, bins[:, [number % cycle.bins, (number + 1) % cycle.bins]])
    low = np.fmin(np.fmin(near[0, 0], near[0, 1]), aside[0])
    high = np.fmax(np.fmax(near[1, 0], near[1, 1]), aside[1])
    return np.stack((low, high))


def _decode(state: State, codes: NDArray[np.float16]) -> Floats:
    return codes.astype(np.float32) * state["season_unit"] + state["season_centre"]


def _encode(state: State, band: Floats) -> NDArray[np.float16]:
    """Half precision relative to a centre and a unit of the series, which are chosen anew when a value is far off."""
    centre, unit = state["season_centre"], state["season_unit"]
    codes = (band - centre) / unit
    fresh = np.isfinite(band[0]) & ~(np.abs(codes).max(axis=0) < FAR)
    if fresh.any():
        _recentre(state, np.flatnonzero(fresh), band)
        codes = (band - centre) / unit
    return codes.astype(np.float16)


def _recentre(state: State, columns: NDArray[np.intp], band: Floats) -> None:
    held = {cycle.name: _decode(_part(state, columns), state[f"{cycle.name}_bins"][..., columns]) for cycle in CYCLES}
    middle, width = band[:, columns].mean(axis=0), band[1, columns] - band[0, columns]
    old = np.fmax.reduce([np.fmax.reduce(np.abs(bins - middle), axis=(0, 1)) for bins in held.values()])
    least = np.maximum(np.abs(middle) * 1e-6, 1e-30)
    unit = np.fmax(np.fmax(width, least), np.where(np.isfinite(old), old, 0) / 1000)
    state["season_centre"][columns], state["season_unit"][columns] = middle, unit
    for name, values in held.items():
        state[f"{name}_bins"][..., columns] = ((values - middle) / unit).astype(np.float16)


def _part(state: State, columns: NDArray[np.intp]) -> State:
    return {name: state[name][columns] for name in ("season_centre", "season_unit")}


__all__ = ["DAY_S", "LAYOUT", "season"]

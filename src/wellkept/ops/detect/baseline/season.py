"""What was seen around this time of day yesterday, and a week ago, in bins of clock time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.residuals import outside
from wellkept.ops.detect.baseline.state import Layout, Slot, State

Floats = NDArray[np.float32]

FAR = 30_000.0
"""Stored figures beyond this are about to leave the range of half precision (65,504)."""


class _Cycle:
    """One rhythm: bins of ``bin_s`` seconds, ``bins`` of them until it repeats."""

    def __init__(self, name: str, bin_s: float, bins: int) -> None:
        self.bin_s, self.bins = bin_s, bins
        self.held, self.aside, self.now = f"{name}_bins", f"{name}_aside", f"{name}_now"
        self.layout: Layout = {
            self.held: Slot((2, bins), np.nan, np.float16),
            self.aside: Slot((2,), np.nan),
            self.now: Slot((2,), np.nan),
        }


CYCLES = (_Cycle("day", 900.0, 96), _Cycle("week", 3600.0, 168))
LAYOUT: Layout = {
    **CYCLES[0].layout,
    **CYCLES[1].layout,
    "season_centre": Slot((), np.nan),
    "season_unit": Slot((), np.nan),
}
"""Lowest and highest of each bin, in half precision relative to a centre and in a unit of the series."""


class Season:
    """The memory of clock time. ``numbers`` are those of the bins that are being filled, one a cycle; -1 at first."""

    def __init__(self) -> None:
        self.numbers = [-1] * len(CYCLES)
        self._bands: list[Floats | None] = [None] * len(CYCLES)

    def forget_bands(self) -> None:
        """To be called when columns of the state came or went."""
        self._bands = [None] * len(CYCLES)

    def distance(self, state: State, times: NDArray[np.float64], values: Floats) -> tuple[Floats, Floats, Floats]:
        """Signed distance of values [B, S] outside what was seen at this time, the nearer of yesterday and a week ago;
        and the lowest and the highest of both.

        NaN where there is no memory. Learns the values. ``times`` [B] never decrease.
        """
        found, low, high = (np.empty(values.shape, dtype=np.float32) for _ in range(3))
        edges = (np.flatnonzero(np.diff(times // CYCLES[0].bin_s)) + 1).tolist()
        for start, stop in zip([0, *edges], [*edges, len(times)], strict=True):
            part = values[start:stop]
            bands = [self._band(state, i, float(times[start])) for i in range(len(CYCLES))]
            low[start:stop] = np.fmin(bands[0][0], bands[1][0])
            high[start:stop] = np.fmax(bands[0][1], bands[1][1])
            day, week = (outside(part, *band) for band in bands)
            found[start:stop] = np.where((np.abs(week) < np.abs(day)) | np.isnan(day), week, day)
            lowest, highest = np.fmin.reduce(part, axis=0), np.fmax.reduce(part, axis=0)
            for cycle in CYCLES:
                now = state[cycle.now]
                np.fmin(now[0], lowest, out=now[0])
                np.fmax(now[1], highest, out=now[1])
        return found, low, high

    def _band(self, state: State, index: int, time: float) -> Floats:
        """Go to the bin of ``time`` and give the band around it a cycle ago, [2, S].

        A bin is overwritten when it is over, and what it held is set aside, for it is a neighbour of the next.
        """
        cycle, last = CYCLES[index], self.numbers[index]
        number = int(time // cycle.bin_s)
        band = self._bands[index]
        if number == last and band is not None:
            return band
        bins, now, aside = state[cycle.held], state[cycle.now], state[cycle.aside]
        for step in range(last, min(number, last + cycle.bins)) if last >= 0 else ():
            slot = step % cycle.bins
            code = _encode(state, now)
            aside[...] = _decode(state, bins[:, slot])
            bins[:, slot] = code
            now[...] = np.nan
        if last >= 0 and number > last + cycle.bins:
            bins[...] = np.nan
            aside[...] = np.nan
        self.numbers[index] = number
        own, following = (_decode(state, bins[:, (number + ahead) % cycle.bins]) for ahead in (0, 1))
        low = np.fmin(np.fmin(own[0], following[0]), aside[0])
        band = np.stack((low, np.fmax(np.fmax(own[1], following[1]), aside[1])))
        self._bands[index] = band
        return band


def _decode(state: State, codes: NDArray[np.float16]) -> Floats:
    return codes.astype(np.float32) * state["season_unit"] + state["season_centre"]


def _encode(state: State, band: Floats) -> NDArray[np.float16]:
    """Codes of a band; centre and unit of a series are chosen anew when it has left their range."""
    centre, unit = state["season_centre"], state["season_unit"]
    codes = (band - centre) / unit
    fresh = np.isfinite(band[0]) & ~(np.abs(codes).max(axis=0) < FAR)
    if fresh.any():
        _recentre(state, np.flatnonzero(fresh), band)
        codes = (band - centre) / unit
    return codes.astype(np.float16)


def _recentre(state: State, columns: NDArray[np.intp], band: Floats) -> None:
    centre, unit = state["season_centre"][columns], state["season_unit"][columns]
    held = {c.held: state[c.held][..., columns].astype(np.float32) * unit + centre for c in CYCLES}
    middle, width = band[:, columns].mean(axis=0), band[1, columns] - band[0, columns]
    farthest = np.fmax.reduce([np.fmax.reduce(np.abs(bins - middle), axis=(0, 1)) for bins in held.values()])
    least = np.maximum(np.abs(middle) * 1e-6, 1e-30)
    unit = np.fmax(np.fmax(width, least), np.where(np.isfinite(farthest), farthest, 0) / 1000)
    state["season_centre"][columns], state["season_unit"][columns] = middle, unit
    for name, bins in held.items():
        state[name][..., columns] = ((bins - middle) / unit).astype(np.float16)

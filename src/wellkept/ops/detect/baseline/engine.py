"""The baseline: what is usual of every series, learned as its values come in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ops.detect.baseline import budget as budgets
from wellkept.ops.detect.baseline import records, residuals, season
from wellkept.ops.detect.baseline.base import Scores
from wellkept.ops.detect.baseline.channels import Channels
from wellkept.ops.detect.baseline.parameters import SHIPPED, Parameters
from wellkept.ops.detect.baseline.state import Layout, Slot, State, fresh, grown, kept, restarted
from wellkept.ops.detect.baseline.tails import Tails

Floats = NDArray[np.float32]

CHUNK = 16
"""Steps after which what was seen is learned. Before, it is only added up."""

_OWN: Layout = {
    "origin": Slot((), np.nan, np.float64),
    "last": Slot((), np.nan, np.float64),
    "count": Slot(),
    "rows": Slot(),
    "seconds": Slot(),
    "moved": Slot(),
    "mean_step": Slot(),
    "fork_level": Slot((), np.nan),
    "fork_scale": Slot((), np.nan),
}


class Baseline:
    """What is usual of ``series`` series at once, kept in arrays with one column a series.

    Values are given block by block in the order of time; a block of many steps gives the same scores as its steps one
    by one. Times are seconds since the epoch, and those of a day are found again by clock time, so that irregular
    steps do no harm. A value that is NaN was not seen, and teaches nothing. All state is in float32 or smaller (but for
    two moments): see ``state_bytes``.
    """

    def __init__(self, series: int, parameters: Parameters = SHIPPED) -> None:
        self.parameters = parameters
        tails = len(residuals.NAMES)
        self._sudden = Tails("up_down", 2 * tails, parameters.sudden_level, parameters.horizon_s, parameters.clip)
        self._unusual = Tails("both", tails, parameters.unusual_level, parameters.horizon_s, parameters.clip)
        self._channels = Channels(parameters)
        self._layout: Layout = {
            **_OWN, **budgets.LAYOUT, **residuals.LAYOUT, **records.LAYOUT, **season.LAYOUT,
            **self._sudden.layout, **self._unusual.layout, **self._channels.layout,
        }  # fmt: skip
        self._state: State = fresh(self._layout, series)
        self._clock: dict[str, int] = {}
        self._step = 0
        self._time = -np.inf
        self._scales = np.array([parameters.record_long_s, parameters.record_short_s], dtype=np.float32)

    @property
    def series(self) -> int:
        return len(self._state["count"])

    @property
    def state_bytes(self) -> int:
        """Bytes of state of one series."""
        return sum(slot.new(1).nbytes for slot in self._layout.values())

    def advance(self, times: NDArray[np.float64], values: NDArray[np.float64]) -> Scores:
        """Score steps by what was usual before each of them, and learn from them.

        ``times``: [B], not decreasing, and not before the last ones. ``values``: [B, S], NaN where nothing was seen.
        """
        if values.shape != (len(times), self.series):
            raise InputError("baseline.values", f"must have the shape {(len(times), self.series)}", values.shape)
        if len(times) == 0:
            return self._channels.nothing(self.series)
        if times[0] < self._time or (np.diff(times) < 0).any():
            raise InputError("baseline.times", "must not go back", float(times[0]))
        self._time = float(times[-1])
        with np.errstate(all="ignore"):
            return self._advance(times, values)

    def _advance(self, times: NDArray[np.float64], values: NDArray[np.float64]) -> Scores:
        state = self._state
        shifted, elapsed = self._shifted(times, values)
        found = residuals.recent(state, shifted)
        found["season"], found["season_low"], found["season_high"] = season.season(state, self._clock, times, shifted)
        pieces = []
        start = 0
        while start < len(times):
            stop = min(len(times), start + CHUNK - self._step % CHUNK)
            part = {name: array[start:stop] for name, array in found.items()}
            pieces.append(self._chunk(part, shifted[start:stop], elapsed[start:stop]))
            self._step += stop - start
            if self._step % CHUNK == 0:
                self._settle()
            start = stop
        sudden, unusual, low, high = (np.concatenate([piece[i] for piece in pieces]) for i in range(4))
        return Scores(sudden, unusual, low, high, state["count"] >= self.parameters.warm_up)

    def _shifted(self, times: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[Floats, Floats]:
        """Values less the first of their series, so that float32 loses nothing; seconds since the one before."""
        state = self._state
        seen = np.isfinite(values)
        first = np.take_along_axis(values, np.argmax(seen, axis=0)[None, :], axis=0)[0]
        np.copyto(state["origin"], first, where=np.isnan(state["origin"]) & np.isfinite(first))
        at = np.where(seen, times[:, None], -np.inf)
        at = np.fmax.accumulate(np.concatenate((np.fmax(state["last"], -np.inf)[None, :], at)), axis=0)
        elapsed = np.diff(at, axis=0)
        state["last"] = np.where(np.isfinite(at[-1]), at[-1], np.nan)
        elapsed = np.where(np.isfinite(elapsed), elapsed, 0)
        shifted = np.where(seen, values - state["origin"], np.nan)
        return shifted.astype(np.float32), elapsed.astype(np.float32)

    def _chunk(self, found: dict[str, Floats], values: Floats, elapsed: Floats) -> tuple[Floats, ...]:
        state = self._state
        found["record_long"], found["record_short"] = records.records(state, values, elapsed, self._scales)
        stack = np.stack([found[name] for name in residuals.NAMES])
        sides = np.concatenate((np.maximum(stack, 0), np.maximum(-stack, 0)))
        size = np.abs(stack)
        seen = np.isfinite(values)
        state["rows"] += seen.sum(axis=0)
        state["seconds"] += np.minimum(elapsed, 3600).sum(axis=0)
        state["moved"] += np.nansum(size[1], axis=0)
        up_down = self._sudden.excess(state, sides)
        sudden = np.maximum(up_down[: len(stack)], up_down[len(stack) :])
        unusual = self._unusual.excess(state, size)
        ready = seen & (state["count"] >= self.parameters.warm_up)
        return (
            *self._channels.scores(state, sudden, unusual, ready),
            np.where(seen, found["low3"] + state["origin"], np.nan).astype(np.float32),
            np.where(seen, found["high3"] + state["origin"], np.nan).astype(np.float32),
        )

    def _settle(self) -> None:
        state = self._state
        records.settle(state, self._scales)
        rows = np.maximum(state["rows"], 1)
        step_s = (state["seconds"] / rows).astype(np.float32)
        rate = np.maximum(step_s / self.parameters.horizon_s, 1 / (state["count"] + rows))
        share = -np.expm1(-rate * state["rows"])
        state["mean_step"] += (share * (state["moved"] / rows - state["mean_step"])).astype(np.float32)
        width = np.where(np.isnan(state["record_high"][0]), 0, state["record_high"][0] - state["record_low"][0])
        floor = np.maximum(0.01 * state["mean_step"], 0.001 * width).astype(np.float32)
        for tails in (self._sudden, self._unusual):
            tails.settle(state, step_s, floor)
        state["count"] += state["rows"]
        np.copyto(state["step_s"], step_s, where=step_s > 0)
        for name in ("rows", "seconds", "moved"):
            state[name][...] = 0

    def thresholds(self, budget: float = 1.0) -> Floats:
        """The least score [S] worth a finding, where ``budget`` false findings a series and week are accepted."""
        return budgets.thresholds(self._state, budget)

    def adjust(self, columns: NDArray[np.intp], by: Floats | float) -> None:
        """Move the thresholds of some series by what people said of findings: up for noise, down for a missed one."""
        self._state["adjusted"][columns] += by

    def grow(self, series: int) -> None:
        """Let ``series`` new ones in, after those that are there."""
        self._state = grown(self._state, self._layout, series)

    def keep(self, columns: NDArray[np.intp]) -> None:
        """Keep these series alone, in this order."""
        self._state = kept(self._state, np.asarray(columns, dtype=np.intp))

    def save(self) -> dict[str, NDArray]:  # type: ignore[type-arg]
        """Everything that ``restore`` needs to go on exactly from here."""
        clock = [self._step, *(self._clock.get(cycle.name, -1) for cycle in season.CYCLES)]
        return {
            **{name: array.copy() for name, array in self._state.items()},
            "clock": np.array(clock, dtype=np.int64),
            "time": np.array([self._time]),
        }

    def restore(self, saved: Mapping[str, NDArray]) -> None:  # type: ignore[type-arg]
        """Go on from what ``save`` gave. Raises InputError where it is not the state of this version."""
        for name, slot in self._layout.items():
            got = saved.get(name)
            if got is None or got.shape[:-1] != slot.shape or got.dtype != np.dtype(slot.dtype):
                raise InputError(
                    f"baseline.state.{name}", f"must be {slot.dtype.__name__} of {slot.shape}", got is None
                )
        self._state = {name: np.array(saved[name]) for name in self._layout}
        step, *numbers = (int(number) for number in saved["clock"])
        self._step = step
        self._clock = {c.name: n for c, n in zip(season.CYCLES, numbers, strict=True) if n >= 0}
        self._time = float(saved["time"][0])

    def fork(self, columns: NDArray[np.intp], at: float) -> None:  # noqa: ARG002 - the moment is now
        """These series were changed on purpose: learn their level and scale anew, and quickly.

        The memory of the days before is kept. What was usual stays readable in ``before_fork``.
        """
        state = self._state
        long_band = state["record_high"][0] - state["record_low"][0]
        state["fork_level"][columns] = state["record_mean"][0][columns]
        state["fork_scale"][columns] = long_band[columns]
        restarted(state, self._layout, ("count", "rows", "seconds", *records.LAYOUT), np.asarray(columns))

    def before_fork(self, columns: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Mean and width of the usual band of these series before their last fork; NaN where there was none."""
        level = self._state["fork_level"][columns] + self._state["origin"][columns]
        return level.astype(np.float32), self._state["fork_scale"][columns]

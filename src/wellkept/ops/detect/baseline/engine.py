"""The baseline: what is usual of every series, learned as its values come in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ops.detect.baseline import budget as budgets
from wellkept.ops.detect.baseline import channels, levels, records, residuals, season
from wellkept.ops.detect.baseline.base import Scores
from wellkept.ops.detect.baseline.parameters import SHIPPED, Parameters
from wellkept.ops.detect.baseline.state import Layout, Slot, State, fresh, grown, kept, restarted
from wellkept.ops.detect.baseline.tails import ABSENT, Tails

Floats = NDArray[np.float32]

CHUNK = 8
"""Steps after which what was seen is learned. Before, it is only added up."""
_OWN: Layout = {
    "origin": Slot((), np.nan, np.float64),
    "last": Slot((), np.nan, np.float64),
    "count": Slot(),
    "rows": Slot(),
    "seconds": Slot(),
    "fork_level": Slot((), np.nan),
    "fork_width": Slot((), np.nan),
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
        pairs = len(residuals.SUDDEN)
        tails = [parameters.sudden_level] * 2 * pairs + [parameters.unusual_level] * len(residuals.UNUSUAL)
        self._tails = Tails(tails, pairs, parameters.balance, parameters.horizon_s, parameters.clip)
        self._channels = channels.Channels(parameters)
        self._layout: Layout = {
            **_OWN, **budgets.LAYOUT, **residuals.LAYOUT, **levels.LAYOUT, **records.LAYOUT, **season.LAYOUT,
            **self._tails.layout, **channels.LAYOUT,
        }  # fmt: skip
        self._state: State = fresh(self._layout, series)
        self._season = season.Season()
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
            return _nothing(self.series)
        if times[0] < self._time or (np.diff(times) < 0).any():
            raise InputError("baseline.times", "must not go back", float(times[0]))
        self._time = float(times[-1])
        with np.errstate(all="ignore"):
            return self._advance(times, values)

    def _advance(self, times: NDArray[np.float64], values: NDArray[np.float64]) -> Scores:
        state = self._state
        shifted, elapsed = self._shifted(times, values)
        found = residuals.recent(state, shifted)
        found["season"], found["low"], found["high"] = self._season.distance(state, times, shifted)
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
        said = [np.concatenate([piece[i] for piece in pieces]) for i in range(7)]
        sudden, unusual, low, high, standard, alarm, blame = said
        low, high = ((edge + state["origin"]).astype(np.float32) for edge in (low, high))
        return Scores(sudden, unusual, low, high, state["count"] >= self.parameters.warm_up, standard, alarm, blame)

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
        state, pairs = self._state, len(residuals.SUDDEN)
        found["record_long"], found["record_short"] = records.records(state, values, elapsed, self._scales)
        seen = np.isfinite(values)
        begun = np.logical_or.accumulate(seen, axis=0) | (state["count"] + state["rows"] > 0)
        state["rows"] += seen.sum(axis=0)
        state["seconds"] += np.minimum(elapsed, 3600).sum(axis=0)
        signed = np.stack([found[name] for name in residuals.SUDDEN])
        size = np.abs(np.stack([found[name] for name in residuals.UNUSUAL]))
        stack = np.concatenate((np.maximum(signed, 0), np.maximum(-signed, 0), size))
        np.copyto(stack, ABSENT, where=np.isnan(stack))
        excess, times = self._tails.excess(state, stack)
        ready = seen & (state["count"] >= self.parameters.warm_up)
        blame = np.maximum(times[0], times[pairs]) + times[-1]
        sudden = self._channels.sudden(excess[: 2 * pairs], ready)
        unusual, alarm = self._channels.unusual(state, excess[2 * pairs :], elapsed, ready)
        np.maximum(state["peak"], sudden.max(axis=0), out=state["peak"])
        low, high = (np.where(begun, edge, np.nan) for edge in levels.usual(state))
        return (
            sudden,
            unusual,
            np.where(np.isnan(found["low"]), low, found["low"]),
            np.where(np.isnan(found["high"]), high, found["high"]),
            np.where(ready, levels.standard(state, found["difference"], values), 0).astype(np.float32),
            alarm,
            np.where(ready, blame, 0).astype(np.float32),
        )

    def _settle(self) -> None:
        state = self._state
        records.settle(state, self._scales)
        rows = np.maximum(state["rows"], 1)
        step_s = np.asarray(state["seconds"] / rows, dtype=np.float32)
        rate = np.maximum(step_s / self.parameters.horizon_s, 1 / (state["count"] + rows))
        share = np.asarray(-np.expm1(-rate * state["rows"]), dtype=np.float32)
        levels.settle(state, share, rows)
        floor = np.maximum(0.01 * state["mean_step"], 0.001 * levels.width(state))
        self._tails.settle(state, step_s, floor)
        state["count"] += state["rows"]
        np.copyto(state["step_s"], step_s, where=step_s > 0)
        budgets.learn(state, self.parameters, state["seconds"])
        state["rows"][...] = 0
        state["seconds"][...] = 0

    def thresholds(self, budget: float = 1.0) -> Floats:
        """The least score [S] worth a finding, where ``budget`` false findings a series and week are accepted."""
        return budgets.thresholds(self._state, self.parameters, budget)

    def adjust(self, columns: NDArray[np.intp], by: Floats | float) -> None:
        """Move the thresholds of some series by what people said of findings: up for noise, down for a missed one."""
        self._state["adjusted"][columns] += by

    def grow(self, series: int) -> None:
        """Let ``series`` new ones in, after those that are there."""
        self._state = grown(self._state, self._layout, series)
        self._season.forget_bands()

    def keep(self, columns: NDArray[np.intp]) -> None:
        """Keep these series alone, in this order."""
        self._state = kept(self._state, np.asarray(columns, dtype=np.intp))
        self._season.forget_bands()

    def save(self) -> dict[str, NDArray]:  # type: ignore[type-arg]
        """Everything that ``restore`` needs to go on exactly from here."""
        clock = [self._step, *self._season.numbers]
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
        self._step, *self._season.numbers = (int(number) for number in saved["clock"])
        self._season.forget_bands()
        self._time = float(saved["time"][0])

    def fork(self, columns: NDArray[np.intp], at: float) -> None:  # noqa: ARG002 - the moment is now
        """These series were changed on purpose: learn their level and scale anew, and quickly.

        The memory of the days before is kept. What was usual stays readable in ``before_fork``.
        """
        state = self._state
        state["fork_level"][columns] = state["record_mean"][0][columns]
        state["fork_width"][columns] = levels.width(state)[columns]
        restarted(state, self._layout, ("count", "rows", "seconds", *records.LAYOUT), np.asarray(columns))

    def before_fork(self, columns: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Mean and width of the usual band of these series before their last fork; NaN where there was none."""
        level = self._state["fork_level"][columns] + self._state["origin"][columns]
        return level.astype(np.float32), self._state["fork_width"][columns]


def _nothing(series: int) -> Scores:
    """The scores of no steps at all."""
    empty = np.zeros((0, series), dtype=np.float32)
    return Scores(empty, empty, empty, empty, np.zeros(series, dtype=np.bool_), empty, empty, empty)

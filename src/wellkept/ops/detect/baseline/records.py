"""Record bands: the highest and the lowest so far, which relax towards the mean, so that old records fade."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.residuals import outside
from wellkept.ops.detect.baseline.state import Layout, Slot, State

Floats = NDArray[np.float32]

LAYOUT: Layout = {
    "record_low": Slot((2,), np.nan),
    "record_high": Slot((2,), np.nan),
    "record_mean": Slot((2,), np.nan),
    "record_sum": Slot((2,)),
    "record_time": Slot(),
    "record_age": Slot(),
    "record_count": Slot(),
}


def records(state: State, values: Floats, elapsed: Floats, scales: Floats) -> Floats:
    """Signed distance of values [B, S] outside their two bands, [2, B, S]; ``scales``: the two times of relaxing.

    ``elapsed`` [B, S]: seconds since the series' value before. Within a block the means stand still: see ``settle``.
    """
    seen = np.isfinite(values)
    first = np.argmax(seen, axis=0)
    start = np.where(seen.any(axis=0), np.take_along_axis(values, first[None, :], axis=0)[0], np.nan)
    for name in ("record_low", "record_high", "record_mean"):
        np.copyto(state[name], start, where=np.isnan(state[name]))
    mean = state["record_mean"][:, None]
    faded = np.cumsum(np.where(seen, elapsed, 0), axis=0) / scales[:, None, None]
    grow = np.exp(np.minimum(faded, 60)).astype(np.float32)
    at = np.where(seen, values - mean, np.nan)
    high = _running(np.fmax, at * grow, state["record_high"] - state["record_mean"]) / grow
    low = _running(np.fmin, at * grow, state["record_low"] - state["record_mean"]) / grow
    step = np.exp(-np.where(seen, elapsed, 0) / scales[:, None, None]).astype(np.float32)
    before_high = np.concatenate(((state["record_high"] - state["record_mean"])[:, None], high[:, :-1]), axis=1) * step
    before_low = np.concatenate(((state["record_low"] - state["record_mean"])[:, None], low[:, :-1]), axis=1) * step
    state["record_high"] = high[:, -1] + mean[:, 0]
    state["record_low"] = low[:, -1] + mean[:, 0]
    state["record_sum"] += np.nansum(at, axis=1)
    state["record_count"] += seen.sum(axis=0)
    state["record_time"] += np.where(seen, elapsed, 0).sum(axis=0)
    return outside(at, before_low, before_high)


def settle(state: State, scales: Floats) -> None:
    """Let the means take in what was summed up since the last time."""
    count = state["record_count"]
    state["record_age"] += state["record_time"]
    share = -np.expm1(-state["record_time"] / np.minimum(scales[:, None], np.maximum(state["record_age"], 1)))
    fresh = np.where(count > 0, share * state["record_sum"] / np.maximum(count, 1), 0)
    state["record_mean"] += fresh.astype(np.float32)
    for name in ("record_sum", "record_count", "record_time"):
        state[name][...] = 0


def _running(extreme: np.ufunc, at: Floats, start: Floats) -> Floats:
    return np.asarray(extreme.accumulate(np.concatenate((start[:, None], at), axis=1), axis=1)[:, 1:], dtype=np.float32)

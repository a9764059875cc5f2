"""From the excesses of the residuals to the two scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.parameters import Parameters
from wellkept.ops.detect.baseline.state import Layout, Slot, State

Floats = NDArray[np.float32]

LAYOUT: Layout = {"quick": Slot(), "slow": Slot()}
"""Fading means of the excess: over some values, and over some hours."""


class Channels:
    """Adds up the excesses with the weights of each channel. ``unusual`` also counts what was a while ago."""

    def __init__(self, parameters: Parameters) -> None:
        self._sudden = np.array(parameters.sudden_weights, dtype=np.float32)[:, None, None]
        self._unusual = np.array(parameters.unusual_weights, dtype=np.float32)[:, None, None]
        self._parameters = parameters
        self._scales = tuple(
            np.array(scale, dtype=np.float64).T for scale in (parameters.sudden_scale, parameters.unusual_scale)
        )

    def sudden(self, excess: Floats, ready: NDArray[np.bool_]) -> Floats:
        """[B, S] of the excess [2 * residuals, B, S] of both sides."""
        sides = np.maximum(excess[: len(self._sudden)], excess[len(self._sudden) :])
        return _calibrated((sides * self._sudden).sum(axis=0), self._scales[0], ready)

    def unusual(self, state: State, excess: Floats, elapsed: Floats, ready: NDArray[np.bool_]) -> Floats:
        """[B, S] of the excess [residuals, B, S]. ``elapsed``: seconds since the value before."""
        now = np.where(ready, (excess * self._unusual).sum(axis=0), 0)
        chosen = self._parameters
        values, hours = ready.astype(np.float32), np.where(ready, elapsed, 0).astype(np.float32)
        quick = fading(state, "quick", now, values / np.float32(chosen.quick_values))
        slow = fading(state, "slow", now, hours / np.float32(chosen.slow_s))
        total = now + chosen.quick_weight * quick + chosen.slow_weight * slow
        return _calibrated(total, self._scales[1], ready)


def fading(state: State, name: str, values: Floats, halvings: Floats) -> Floats:
    """The exponential mean of values [B, S], whose past is halved ``halvings`` [B, S] times (7 at most) before each."""
    decay = np.minimum(halvings, 7)
    grown = np.exp2(np.cumsum(decay, axis=0))
    fresh = np.cumsum(values * (1 - np.exp2(-decay)) * grown, axis=0)
    mean = np.asarray((state[name] + fresh) / grown, dtype=np.float32)
    state[name] = mean[-1].copy()
    return mean


def _calibrated(excess: Floats, scale: NDArray[np.float64], ready: NDArray[np.bool_]) -> Floats:
    """-log10 of the tail probability of an excess: straight lines between the knots, its logarithm above the last."""
    knots, scores = scale
    beyond = scores[-1] + 2 * np.log10(np.maximum(excess, knots[-1]) / knots[-1])
    return np.asarray(
        np.where(ready, np.where(excess > knots[-1], beyond, np.interp(excess, knots, scores)), 0), np.float32
    )

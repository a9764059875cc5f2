"""From the excesses of the residuals to the two scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.parameters import Parameters
from wellkept.ops.detect.baseline.state import Layout, Slot, State

Floats = NDArray[np.float32]

PLATEAU = 10
"""``unusual`` stays at its highest for this many values."""
LAYOUT: Layout = {"quick": Slot(), "slow": Slot(), "plateau": Slot((PLATEAU - 1,)), "highest": Slot()}
"""Fading means of the excess over some values and over some hours; the last sums; the highest excess, fading."""
MOST = np.float32(1e9)
"""The gate takes what is higher for this, so that float32 holds a block of it."""


class Channels:
    """Adds up the excesses with the weights of each channel. ``unusual`` also counts what was a while ago."""

    def __init__(self, parameters: Parameters) -> None:
        self._sudden = np.array(parameters.sudden_weights, dtype=np.float32)[:, None, None]
        self._unusual = np.array(parameters.unusual_weights, dtype=np.float32)[:, None, None]
        self._alarm = np.array(parameters.alarm_weights, dtype=np.float32)[:, None, None]
        self._parameters = parameters
        self._scales = tuple(
            np.array(scale, dtype=np.float64).T
            for scale in (parameters.sudden_scale, parameters.unusual_scale, parameters.alarm_scale)
        )

    def sudden(self, excess: Floats, ready: NDArray[np.bool_]) -> Floats:
        """[B, S] of the excess [2 * residuals, B, S] of both sides."""
        sides = np.maximum(excess[: len(self._sudden)], excess[len(self._sudden) :])
        return _calibrated((sides * self._sudden).sum(axis=0), self._scales[0], ready)

    def unusual(self, state: State, excess: Floats, elapsed: Floats, ready: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """``unusual`` and ``alarm`` [B, S] of excess [residuals, B, S]. ``elapsed``: seconds since the value before."""
        now = np.where(ready, (excess * self._unusual).sum(axis=0), 0)
        seconds = np.where(ready, elapsed, 0).astype(np.float32)
        total = lasting(state, self._parameters, now, ready.astype(np.float32), seconds)
        sharp = np.where(ready, (excess * self._alarm).sum(axis=0), 0)
        passed = gate(state, sharp, seconds / np.float32(self._parameters.gate_half_life_s))
        alarm = _calibrated(sharp, self._scales[2], ready & passed)
        return _calibrated(plateau(state, total), self._scales[1], ready), alarm


def lasting(state: State, parameters: Parameters, now: Floats, values: Floats, seconds: Floats) -> Floats:
    """What is said now [B, S] and what was a while ago, ``values`` [B, S] and ``seconds`` [B, S] before."""
    quick = fading(state, "quick", now, values / np.float32(parameters.quick_values))
    slow = fading(state, "slow", now, seconds / np.float32(parameters.slow_s))
    return np.asarray(now + parameters.quick_weight * quick + parameters.slow_weight * slow, dtype=np.float32)


def plateau(state: State, values: Floats) -> Floats:
    """The highest of each value and the ``PLATEAU`` - 1 before it."""
    line = np.concatenate((state["plateau"], values))
    state["plateau"] = line[len(values) :].copy()
    reach = 1
    while reach < PLATEAU:
        more = min(reach, PLATEAU - reach)
        line = np.maximum(line[more:], line[:-more])
        reach += more
    return line


def gate(state: State, values: Floats, halvings: Floats) -> NDArray[np.bool_]:
    """Whether values [B, S] reach the highest before, halved ``halvings`` [B, S] times (6 at most) before each.

    B is 16 at most.
    """
    grown = np.exp2(np.cumsum(np.minimum(halvings, 6), axis=0))
    line = np.concatenate((state["highest"][None, :], np.minimum(values, MOST) * grown))
    reached = np.maximum.accumulate(line, axis=0)
    state["highest"] = (reached[-1] / grown[-1]).astype(np.float32)
    return np.asarray((line[1:] >= reached[1:]) & (values > 0))


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

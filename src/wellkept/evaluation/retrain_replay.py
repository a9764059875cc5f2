"""A life of a model, replayed prequentially: it answers each tick, labels come late, and a policy decides.

No policy sees a row before its time, or a label before its delay. All policies begin with the same first model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from wellkept.evaluation.retrain_models import Bank, Floats, Score, value
from wellkept.evaluation.retrain_streams import LiveStream
from wellkept.ml.reference import Distribution, distribution
from wellkept.ml.windows import Window

LEAST_COUNTED = 20
"""A period with fewer rows has no performance."""
PSI, HALF_COUNT = 0.25, 0.5
"""The usual limit of the population stability index; what is added to a bin, so that an empty one has a logarithm."""


@dataclass(slots=True)
class Live:
    """What there is at a moment: ``now`` and ``known_until`` in seconds, ``known`` rows with labels, the live model.

    ``until`` is where the live model's training data ended, ``since`` when it went live, ``score`` float64[n] what was
    answered so far (NaN: not yet).
    """

    stream: LiveStream
    bank: Bank
    score: Floats
    now: float
    known_until: float = 0.0
    known: int = 0
    until: float = 0.0
    since: float = 0.0
    window: Window = field(default_factory=lambda: Window("first"))
    model: Score = field(default=lambda rows: np.zeros(len(rows)))


class Replayed(Protocol):
    """A policy in a replay; it may keep what it has seen."""

    backtests: int
    """Models that were trained only to be looked at."""

    def look(self, live: Live) -> Window | None:
        """The window to train on, where it wants a retrain now."""
        ...


@dataclass(frozen=True, slots=True)
class Life:
    """How a policy fared: the mean over the periods of the realised performance, and what it took."""

    performance: float
    retrainings: int
    backtests: int
    periods: tuple[float, ...]


def live(stream: LiveStream, policy: Replayed, bank: Bank) -> Life:
    """Let a model live through a stream under a policy."""
    now = stream.first_s + stream.delay_s
    state = Live(stream, bank, np.full(len(stream.time), np.nan), now)
    end, retrainings = float(stream.time[-1]), 0
    _train(state, Window("window", stream.first_s))
    while state.now <= end:
        rows = slice(*np.searchsorted(stream.time, (state.now, state.now + stream.tick_s)).tolist())
        if rows.stop > rows.start:
            state.score[rows] = state.model(stream.x[rows])
        state.now += stream.tick_s
        _know(state)
        wanted = policy.look(state) if state.now <= end else None
        if wanted is not None:
            _train(state, wanted)
            retrainings += 1
    periods = performance(stream, state.score)
    return Life(float(np.nanmean(periods)), retrainings, policy.backtests, tuple(periods))


def _know(state: Live) -> None:
    state.known_until = state.now - state.stream.delay_s
    state.known = int(np.searchsorted(state.stream.time, state.known_until))


def _train(state: Live, window: Window) -> None:
    _know(state)
    state.model = state.bank.model(state.known_until, window)
    state.until, state.since, state.window = state.known_until, state.now, window


def performance(stream: LiveStream, score: Floats) -> list[float]:
    """The metric of each whole or last period since the first model went live."""
    began = stream.first_s + stream.delay_s
    period = np.floor((stream.time - began) / stream.period_s)
    found = []
    for one in range(int(period.max()) + 1):
        rows = (period == one) & stream.counted & np.isfinite(score)
        if rows.sum() >= LEAST_COUNTED:
            found.append(value(stream.metric, stream.label[rows], score[rows]))
    return found


class Never:
    """The first model for ever."""

    backtests = 0

    def look(self, live: Live) -> Window | None:  # noqa: ARG002 - it never looks
        return None


class Weekly:
    """Once a natural period, on a window as long as the first model's."""

    backtests = 0

    def look(self, live: Live) -> Window | None:
        due = live.now >= live.since + live.stream.period_s
        return Window("window", live.stream.first_s) if due else None


class Drifted:
    """When an input or the scores of the newest period are spread otherwise than in training, by the usual limit."""

    backtests = 0

    def __init__(self) -> None:
        self._of, self._references = float("nan"), list[Distribution]()

    def look(self, live: Live) -> Window | None:
        stream, start = live.stream, live.now - live.stream.period_s
        if live.since > start:
            return None
        newest = slice(*np.searchsorted(stream.time, (start, live.now)).tolist())
        if self._of != live.until:
            trained, _ = live.window.rows(stream.time, live.until)
            columns = [*stream.x[trained].T, live.model(stream.x[trained])]
            self._of, self._references = live.until, [distribution(column) for column in columns]
        served = [*stream.x[newest].T, live.score[newest]]
        if any(_psi(then, now) > PSI for then, now in zip(self._references, served, strict=True)):
            return Window("window", stream.first_s)
        return None


def _psi(reference: Distribution, now: Floats) -> float:
    """The population stability index, less what chance explains on the average: bins less one by the rows."""
    known = now[np.isfinite(now)]
    if not len(known) or len(reference.counts) < 2:
        return 0.0
    places = np.searchsorted(np.asarray(reference.edges), known, side="left")
    counts = np.bincount(places, minlength=len(reference.counts)) + HALF_COUNT
    before = np.asarray(reference.counts) + HALF_COUNT
    p, q = counts / counts.sum(), before / before.sum()
    chance = (len(p) - 1) * (1 / len(known) + 1 / max(reference.rows, 1))
    return float(((p - q) * np.log(p / q)).sum()) - chance

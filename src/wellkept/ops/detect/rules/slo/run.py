"""An objective that is on: the events of its window in memory, its budget, and whether it burns too fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.rules.alerts import Alert, Alerts, AlertState
from wellkept.ops.detect.rules.base import Expression, Rule
from wellkept.ops.detect.rules.bulk import fired
from wellkept.ops.detect.rules.slo.base import STEP_S, Burn, Slo
from wellkept.ops.detect.rules.slo.burning import Sums, burning, remaining
from wellkept.ops.detect.rules.slo.counts import Counting, Counts
from wellkept.ops.detect.rules.templates import plain
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import Vector

STEP_MS = round(STEP_S * 1000)
AGAIN = 3
"""The newest steps are counted again: what comes late is counted, too."""


@dataclass(frozen=True, slots=True)
class SloStatus:
    """How an objective stands. Shares are None where nothing is known.

    ``burn_rate``: how many times too fast the budget burns, over the shortest of the long windows. ``spent_in_s``: when
    what is left is spent at this pace; None where it is not. ``known_s``: of how long the events are known.
    """

    at_ms: int
    good_share: float | None
    remaining: float | None
    burn_rate: float | None
    rates: tuple[float | None, ...]
    spent_in_s: float | None
    events: float
    known_s: float


class SloRun:
    """Counts the newest minutes, keeps those of the window, and lets the burn-rate alerts live.

    Nothing of it is stored: after a start the events of the window are counted anew from the telemetry.
    """

    def __init__(self, slo: Slo) -> None:
        self.slo = slo
        self.alerts = [(burn, Alerts(burn_rule(slo, burn))) for burn in slo.burns]
        self.error = ""
        self.status: SloStatus | None = None
        self.recent: tuple[float, ...] = ()
        """What was left of the budget lately, oldest first, about a hundred values over the window."""
        self._counts: Counts | None = None

    @property
    def firing(self) -> list[tuple[Burn, Alert]]:
        """The burn rates that are exceeded for long enough, with their alerts."""
        return [
            (burn, alert)
            for burn, alerts in self.alerts
            for alert in alerts.active.values()
            if alert.state is AlertState.FIRING
        ]

    @property
    def rate(self) -> float | None:
        """How fast the budget burns: over the windows of the worst burn rate that is exceeded, where one is."""
        if self.firing:
            return max(self.firing, key=lambda pair: (pair[0].severity, pair[0].rate))[1].value
        return self.status.burn_rate if self.status is not None else None

    @property
    def state(self) -> str:
        """``burning``, ``spent``, ``ok``, ``no data``, ``unknown`` (not counted yet) or ``error``."""
        if self.error:
            return "error"
        if self.status is None:
            return "unknown"
        if self.firing:
            return "burning"
        if self.status.remaining is None:
            return "no data"
        return "spent" if self.status.remaining <= 0 else "ok"

    def is_due(self, now_ms: int) -> bool:
        """Whether a minute has ended that was not counted yet. A clock that went back is followed."""
        if self._counts is None:
            return True
        minutes = (now_ms // STEP_MS * STEP_MS - self._counts.steps.end_ms) // STEP_MS
        return minutes > 0 or minutes < -1

    @property
    def is_new(self) -> bool:
        """Whether the whole window has to be counted."""
        return self._counts is None

    def advance(self, counting: Counting, now_ms: int) -> None:
        """Count up to the last whole minute, and judge.

        Raises:
            WellkeptError: the events cannot be counted; the next time they are.
        """
        end = now_ms // STEP_MS * STEP_MS
        is_new = self.is_new
        self._counts = self._counted(counting, end)
        sums = Sums.of(self.slo, self._counts)
        flags = burning(self.slo, sums)
        for (burn, alerts), holds in zip(self.alerts, flags, strict=True):
            if is_new:
                _begin(alerts, holds, self._counts.steps)
            rate = sums.share(burn.long_s)[-1] / self.slo.budget
            alerts.step(end, [((), float(rate))] if holds[-1] else [])
        left = remaining(self.slo, sums)
        every = max(1, len(left) // 100)
        self.recent = tuple(left[::-1][::every][::-1].tolist())
        self.status = _status(self.slo, sums, float(left[-1]), self._counts)

    def _counted(self, counting: Counting, end_ms: int) -> Counts:
        length = window_steps(self.slo)
        old = self._counts
        if old is None or not 0 < end_ms - old.steps.end_ms < length * STEP_MS:
            return counting.count(self.slo.indicator, Steps(end_ms - (length - 1) * STEP_MS, STEP_MS, length))
        new = min(length, (end_ms - old.steps.end_ms) // STEP_MS + AGAIN)
        fresh = counting.count(self.slo.indicator, Steps(end_ms - (new - 1) * STEP_MS, STEP_MS, new))
        steps = Steps(end_ms - (length - 1) * STEP_MS, STEP_MS, length)
        bad, total = (
            np.concatenate([before[: len(before) - AGAIN], after])[-length:]
            for before, after in ((old.bad, fresh.bad), (old.total, fresh.total))
        )
        return Counts(steps, bad, total)


def _begin(alerts: Alerts, holds: NDArray[np.bool_], steps: Steps) -> None:
    """Let an alert have begun when it would have, had somebody looked all the time."""
    present = np.asarray(holds[None, :])
    open_ones = [one for one in fired(alerts.rule, Vector([()], np.ones(present.shape), present), steps) if one.is_open]
    alerts.active = {
        one.labels: Alert(one.labels, {}, one.active_ms, float("nan"), AlertState.FIRING, one.fired_ms)
        for one in open_ones
    }


def window_steps(slo: Slo) -> int:
    """Steps that have to be known to judge one moment."""
    longest = max([slo.window_s, *(burn.long_s for burn in slo.burns)])
    return max(AGAIN + 1, round(longest / STEP_S))


def burn_rule(slo: Slo, burn: Burn) -> Rule:
    """A burn rate as a rule, whose alerts live as those of other rules do."""
    return Rule(
        name=slo.name,
        question=Expression(f"burn rate {burn.rate:g} over {burn.long_s:g} s and {burn.short_s:g} s"),
        line=slo.line,
        for_s=burn.for_s,
        severity=burn.severity,
        labels={name: plain(text) for name, text in slo.labels.items()},
    )


def _status(slo: Slo, sums: Sums, left: float, counts: Counts) -> SloStatus:
    shares = [sums.share(burn.long_s)[-1] / slo.budget for burn in slo.burns]
    rates = tuple(_known(share) for share in shares)
    rate = rates[0] if rates else _known(sums.share(min(3600.0, slo.window_s))[-1] / slo.budget)
    known = np.flatnonzero(np.isfinite(counts.total))
    share = _known(sums.share(slo.window_s)[-1])
    return SloStatus(
        at_ms=counts.steps.end_ms,
        good_share=None if share is None else 1.0 - share,
        remaining=_known(left),
        burn_rate=rate,
        rates=rates,
        spent_in_s=spent_in(slo, left, rate),
        events=float(np.nansum(counts.total)),
        known_s=float((len(counts.total) - known[0]) * STEP_S) if len(known) else 0.0,
    )


def spent_in(slo: Slo, left: float, rate: float | None) -> float | None:
    """In how many seconds the rest of the budget is spent at this pace; 0 where it is spent already."""
    if rate is None or rate <= 0 or not np.isfinite(left):
        return None
    return max(0.0, left) * slo.window_s / rate


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

"""The life of alerts over a whole history at once: when each would have fired, and until when.

It gives what :class:`wellkept.ops.detect.rules.alerts.Alerts` gives step by step, from runs of steps in which a series
was there. Where a rule's labels change with the value, where series come down to the same labels, or where a limit may
be exceeded, the steps are gone through one by one.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ops.detect.rules.alerts import Alerts, AlertState, alert_labels
from wellkept.ops.detect.rules.base import Rule
from wellkept.ops.detect.rules.functions import Facts
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import Flags, Labels, Vector

MOST_FIRED = 100_000
"""A rule that would fire more often is of no use to anybody, and neither is its back-test."""
MOST_STEPPED = 2_000_000
"""So many values are gone through one by one, which takes a minute or so."""
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True, order=True)
class Fired:
    """An alert that would have fired. Moments in milliseconds; the first and the last step at which it fires.

    ``active_ms``: since when it had held. ``is_open``: it still fires at the last step of all.
    """

    fired_ms: int
    last_ms: int
    labels: Labels
    active_ms: int
    is_open: bool


def fired(rule: Rule, vector: Vector, steps: Steps, limit: int = 0) -> list[Fired]:
    """Every time that an alert would have fired, the earliest first.

    Raises:
        InputError: it would fire too often, or take too long to tell.
    """
    if any(template.uses_value for template in rule.labels.values()):
        return step_by_step(rule, vector, steps, limit)
    labels = [alert_labels(rule, Facts(dict(one), 0.0)) for one in vector.labels]
    if len(set(labels)) < len(labels):
        return step_by_step(rule, vector, steps, limit)
    runs = _Runs.of(vector.present)
    found = _fired(rule, labels, runs, steps)
    if limit and _may_exceed(vector.present, found, steps, limit):
        return step_by_step(rule, vector, steps, limit)
    return sorted(found)


def step_by_step(rule: Rule, vector: Vector, steps: Steps, limit: int = 0) -> list[Fired]:
    """The same, by going through every step.

    Raises:
        InputError: it would take too long.
    """
    if vector.present.size > MOST_STEPPED:
        limited = f"must be gone through step by step, at most {MOST_STEPPED:,} values; take a shorter time"
        raise InputError(f"rule {rule.name}", limited, vector.present.size)
    alerts = Alerts(rule, limit)
    firing: dict[Labels, tuple[int, int, int]] = {}
    found: list[Fired] = []
    for column, now in enumerate(steps.millis.tolist()):
        rows = np.flatnonzero(vector.present[:, column]).tolist()
        with contextlib.suppress(InputError):  # of an evaluation that fails, what is active afterwards counts
            alerts.step(now, [(vector.labels[row], float(vector.values[row, column])) for row in rows])
        present = {alert.labels: alert for alert in alerts.active.values() if alert.state is AlertState.FIRING}
        for labels in [labels for labels in firing if labels not in present]:
            first, last, active = firing.pop(labels)
            found.append(Fired(first, last, labels, active, is_open=False))
        for labels, alert in present.items():
            first, _, active = firing.get(labels, (now, now, alert.active_ms))
            firing[labels] = (first, now, active)
    found += [Fired(first, last, labels, active, is_open=True) for labels, (first, last, active) in firing.items()]
    return sorted(found)


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs of steps in which a series was there: the series, the first step, the last step; by series and time."""

    row: Whole
    first: Whole
    last: Whole

    @classmethod
    def of(cls, present: Flags) -> _Runs:
        padded = np.zeros((present.shape[0], present.shape[1] + 2), dtype=np.int8)
        padded[:, 1:-1] = present
        change = np.diff(padded, axis=1)
        row, first = np.nonzero(change == 1)
        _, after = np.nonzero(change == -1)
        return cls(row.astype(np.int64), first.astype(np.int64), after.astype(np.int64) - 1)


def _fired(rule: Rule, labels: list[Labels], runs: _Runs, steps: Steps) -> list[Fired]:
    if not len(runs.row):
        return []
    hold = -(-round(rule.for_s * 1000) // steps.step_ms)
    # A firing alert goes on at the steps that lie less than keep_s after the first one without it.
    kept = -(-round(rule.keep_s * 1000) // steps.step_ms)
    long_enough = runs.last - runs.first >= hold
    follows = np.zeros(len(runs.row), dtype=bool)
    follows[1:] = (runs.row[1:] == runs.row[:-1]) & (runs.first[1:] - 1 <= runs.last[:-1] + kept)
    heads = np.flatnonzero(~follows)
    order = np.arange(len(runs.row))
    starters = np.where(long_enough, order, len(order))
    first_firing = np.minimum.reduceat(starters, heads)
    last_of = np.append(heads[1:], len(order)) - 1
    end = steps.count - 1
    found = []
    firing = np.flatnonzero(first_firing < len(order))
    if len(firing) > MOST_FIRED:
        raise InputError(f"rule {rule.name}", f"would fire more than {MOST_FIRED:,} times", len(firing))
    for number in firing.tolist():
        starter, final = int(first_firing[number]), int(last_of[number])
        last = min(int(runs.last[final]) + kept, end)
        found.append(
            Fired(
                fired_ms=_moment(steps, int(runs.first[starter]) + hold),
                last_ms=_moment(steps, last),
                labels=labels[int(runs.row[starter])],
                active_ms=_moment(steps, int(runs.first[starter])),
                is_open=last == end,
            )
        )
    return found


def _moment(steps: Steps, step: int) -> int:
    return steps.start_ms + step * steps.step_ms


def _may_exceed(present: Flags, found: list[Fired], steps: Steps, limit: int) -> bool:
    """Whether more alerts than allowed may be active at a step: those that are there, and those that are kept."""
    active = present.sum(axis=0)
    for one in found:
        first, last = ((at - steps.start_ms) // steps.step_ms for at in (one.fired_ms, one.last_ms))
        active[first : last + 1] += 1
    return bool((active > limit).any())

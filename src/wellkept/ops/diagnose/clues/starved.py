"""Work that does not come to its end, or does not begin any more although it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.diagnosis import Fault, Look
from wellkept.kernel.entity import EdgeKind
from wellkept.ops.diagnose.base import Calls, Case, Hint
from wellkept.ops.diagnose.contrast import Floats, bare, by_entity, rarity
from wellkept.ops.diagnose.felt import ENOUGH
from wellkept.store.telemetry.indicators import RATE, REPORTED

HALF_RATIO = 15.0
"""A log likelihood ratio this large is half a proof."""


class StarvedClue:
    """A callee that finishes less than it is asked, or a caller that asks no more.

    Where calls are seen: asked are the calls to the callee, finished is its own request rate. Where only rates are
    known (no traces): expected of a callee with one caller is its share of the caller's requests from before, times
    the caller's requests now; what is missing then speaks against the caller, which goes on without it. With ``f``
    the missing share and ``L`` the Poisson likelihood ratio, the strength is ``f ** 2 * L / (L + 15)``. Ratios and
    not volumes, because load changes by the hour.
    """

    kind = "starved"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        if case.during.calls:
            return _unanswered(case, case.during.calls)
        return _not_asked(case)


def _unanswered(case: Case, calls: Sequence[Calls]) -> dict[str, Hint]:
    """Only services whose own spans are seen: other counts of requests do not match those of calls."""
    column = by_entity(case.red, RATE)
    finished = _requests(case, np.arange(case.during.first, case.during.last))
    asked: dict[str, float] = {}
    for one in calls:
        asked[one.target] = asked.get(one.target, 0.0) + one.calls
    hints: dict[str, Hint] = {}
    for callee, expected in sorted(asked.items()):
        if callee not in case.suspects or callee not in column or case.red.series[column[callee]].kind == REPORTED:
            continue
        seen = float(finished[column[callee]])
        strength = _strength(expected, seen)
        if strength > 0.05:
            hints[callee] = Hint(
                strength,
                f"{bare(callee)} finished {seen:.0f} of the {expected:.0f} requests to it.",
                fault=Fault.LATENCY,
                pointers=(case.pointer(Look.SERIES, RATE, callee),),
            )
    return hints


def _not_asked(case: Case) -> dict[str, Hint]:
    """In the steps in which it is felt against those nearby in which it is not: the mix of requests drifts."""
    column = by_entity(case.red, RATE)
    bad, clean = np.arange(case.during.first, case.during.last), np.arange(case.before.first, case.before.last)
    if case.felt is not None:
        bad, clean = case.felt.bad, case.felt.clean
    before, during = _requests(case, clean), _requests(case, bad)
    hints: dict[str, Hint] = {}
    for callee in sorted(column):
        caller = _only_caller(case, callee)
        if len(bad) < 2 or caller not in column or caller not in case.suspects or before[column[caller]] <= 0:
            continue
        expected = float(before[column[callee]] / before[column[caller]] * during[column[caller]])
        seen = float(during[column[callee]])
        strength = _strength(expected, seen) * _unusual(case, column[callee], column[caller], bad)
        if strength > max(0.05, hints.get(caller, Hint(0.0, "")).strength):
            hints[caller] = Hint(
                strength,
                f"{bare(caller)} asked {bare(callee)} {seen:.0f} times, where its traffic used to need {expected:.0f}.",
                fault=Fault.CODE,
                pointers=(case.pointer(Look.SERIES, RATE, callee),),
            )
    return hints


def _requests(case: Case, steps: NDArray[np.intp]) -> Floats:
    """How many requests each series of rates counted in some steps; a step without one is a step with none."""
    return np.asarray(np.nan_to_num(case.red.values[steps]).sum(axis=0) * case.red.step_s, dtype=np.float64)


def _unusual(case: Case, callee: int, caller: int, bad: NDArray[np.intp]) -> float:
    """How rare it was before that the callee was asked so little: 1 for one step in a hundred, 0 for one in ten."""
    rates = np.nan_to_num(case.red.values)
    healthy = np.arange(case.before.first, case.before.last)
    healthy = healthy[rates[healthy, caller] > 0]
    asked = rates[bad, caller].sum()
    if len(healthy) < ENOUGH or asked <= 0:
        return 1.0
    now = rates[bad, callee].sum() / asked
    usual = rates[healthy, callee] / rates[healthy, caller]
    return rarity(float((usual <= now).sum()), len(healthy))


def _only_caller(case: Case, callee: str) -> str:
    callers = case.graph.above(callee, EdgeKind.CALLS)
    return callers[0] if len(callers) == 1 else ""


def _strength(expected: float, seen: float) -> float:
    if expected <= seen or expected <= 0:
        return 0.0
    ratio = expected - seen + (seen * float(np.log(seen / expected)) if seen > 0 else 0.0)
    missing = 1.0 - seen / expected
    return missing**2 * ratio / (ratio + HALF_RATIO)

"""A callee that stopped answering while it was still being needed: fewer calls to it come to an end than before."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import bare, by_entity, level

HALF_RATIO = 15.0
"""A log likelihood ratio this large is half a proof."""


class StarvedClue:
    """Work that the callee would have finished by now, judged by how busy its callers are.

    Expected is the callee's share of its callers' requests from before, times their requests now; seen is its own
    request rate. With ``f`` the missing share and ``L`` the Poisson likelihood ratio, the strength is
    ``f ** 2 * L / (L + 15)``. Ratios to the callers and not volumes, because load changes by the hour.
    """

    kind = "starved"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        column = by_entity(case.red, "span.rate")
        before = np.nan_to_num(level(case.red, case, during=False))
        during = np.nan_to_num(level(case.red, case, during=True))
        callers: dict[str, set[str]] = {}
        for calls in (*case.before.calls, *case.during.calls):
            callers.setdefault(calls.target, set()).add(calls.source)
        hints: dict[str, Hint] = {}
        for callee in sorted(callers):
            known = [column[caller] for caller in sorted(callers[callee]) if caller in column]
            if callee not in column or callee not in case.suspects or not known:
                continue
            was, now = float(before[known].sum()), float(during[known].sum())
            if was <= 0 or now <= 0:
                continue
            expected = float(before[column[callee]]) * now / was * case.during.seconds
            seen = float(during[column[callee]]) * case.during.seconds
            strength = _strength(expected, seen)
            if strength > 0.05:
                hints[callee] = Hint(
                    strength,
                    f"{bare(callee)} finished {seen:.0f} requests where its callers' traffic needs {expected:.0f}.",
                )
        return hints


def _strength(expected: float, seen: float) -> float:
    if expected <= seen or expected <= 0:
        return 0.0
    ratio = expected - seen + (seen * float(np.log(seen / expected)) if seen > 0 else 0.0)
    missing = 1.0 - seen / expected
    return missing**2 * ratio / (ratio + HALF_RATIO)

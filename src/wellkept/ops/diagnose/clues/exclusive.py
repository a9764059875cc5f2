"""Time spent in a service itself, the waiting for its callees left out: slow is the callee, not the caller."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import bare, level, seconds, squash

HALF_S = 0.06
"""Own work this much longer than before is half a proof."""
DOUBLED = 1.0
"""Below a doubling the strength is taken down in proportion."""


class ExclusiveClue:
    """Growth of a service's exclusive time at its ninetieth percentile, in seconds, damped below a doubling."""

    kind = "exclusive"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        before = level(case.exclusive, case, during=False, quantile=0.9)
        during = level(case.exclusive, case, during=True, quantile=0.9)
        hints: dict[str, Hint] = {}
        for column, info in enumerate(case.exclusive.series):
            old, new = float(before[column]), float(during[column])
            if info.entity not in case.suspects or not (np.isfinite(old) and new > old):
                continue
            damped = min(1.0, (new - old) / (DOUBLED * old + 0.002))
            strength = squash(new - old, HALF_S) * damped
            if strength > hints.get(info.entity, Hint(0.0, "")).strength:
                hints[info.entity] = Hint(
                    strength,
                    f"{bare(info.entity)} itself takes {seconds(new)} a request, without waiting for others; "
                    f"{seconds(old)} before.",
                )
        return hints

"""Somebody did something to it shortly before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np

from wellkept.kernel.change import ChangeKind
from wellkept.kernel.diagnosis import Fault, Look
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import bare

HALF_LIFE_S = 900.0
"""A change this long before the onset is half as suspicious."""
LATE_S = 60.0
"""Onsets are measured in steps, so a change may look this much too late."""
_HARMLESS = frozenset({ChangeKind.NOTE, ChangeKind.REMEDY, ChangeKind.RETENTION})


class ChangeClue:
    """A change to the entity itself, the nearer to the onset the stronger; what happened after it is innocent."""

    kind = "change"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        hints: dict[str, Hint] = {}
        for change in case.changes:
            if change.entity not in case.suspects or change.kind in _HARMLESS:
                continue
            if change.at > case.onset + timedelta(seconds=LATE_S):
                continue
            ahead = max(0.0, (case.onset - change.at).total_seconds())
            strength = float(np.exp2(-ahead / HALF_LIFE_S))
            if strength > hints.get(change.entity, Hint(0.0, "")).strength:
                hints[change.entity] = Hint(
                    strength,
                    f"{change.actor} made a change to {bare(change.entity)} {ahead:.0f} s before the onset: "
                    f"{change.summary}",
                    change.id,
                    Fault.CHANGE,
                    (case.pointer(Look.CHANGE, change.id, change.entity),),
                )
        return hints

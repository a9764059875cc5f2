"""A finding that is a cause by itself: something of the entity runs out, or has run out."""

from __future__ import annotations

from collections.abc import Mapping

from wellkept.kernel.diagnosis import Look
from wellkept.kernel.finding import FindingKind
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.common import fault_of


class ForecastClue:
    """Exhaustion of the entity's own memory or disk. Half a proof when it is far away, a whole one when it is now."""

    kind = "forecast"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        hints: dict[str, Hint] = {}
        for finding in case.findings:
            if finding.kind not in (FindingKind.FORECAST, FindingKind.THRESHOLD) or not finding.entity:
                continue
            strength = 0.5 + 0.5 * min(1.0, max(0.0, finding.score))
            if strength > hints.get(finding.entity, Hint(0.0, "")).strength:
                pointer = case.pointer(Look.FINDING, finding.id, finding.entity)
                hints[finding.entity] = Hint(strength, finding.sentence, fault=fault_of(finding), pointers=(pointer,))
        return hints

"""The deepest of the afflicted: in trouble itself while nothing that it depends on is."""

from __future__ import annotations

from collections.abc import Mapping

from wellkept.kernel.diagnosis import Look
from wellkept.kernel.finding import FindingKind
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import bare

_SIGNS = (FindingKind.ANOMALY, FindingKind.SLO_BURN, FindingKind.LOG_PATTERN)
"""What was measured. Somebody else's alert says where it is felt, and nothing about why."""

MEASURED = 0.5
"""What this clue is worth where it is measured how users feel it."""


class DeepestClue:
    """The weakest of the clues, and only where there are no traces to look into: strength is the finding's score,
    explained away by the strongest finding of a dependency.
    """

    kind = "deepest"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        if case.traces is not None:
            return {}
        scores = {
            entity: max((min(1.0, max(0.0, f.score)) for f in case.found(entity)), default=0.0)
            for entity in case.suspects
        }
        hints: dict[str, Hint] = {}
        for entity in case.suspects:
            signs = case.found(entity, *_SIGNS)
            if not signs:
                continue
            below = case.graph.dependencies(entity, 2)
            explained = max((scores.get(other, 0.0) for other in below if not other.startswith("host:")), default=0.0)
            strength = scores[entity] * max(0.0, 1.0 - explained)
            if case.felt is not None:
                # It was measured what users feel: then the seconds and failures of each speak for themselves.
                strength *= MEASURED
            if strength > 0.05:
                hints[entity] = Hint(
                    strength,
                    f"{bare(entity)} is in trouble and nothing that it depends on is.",
                    pointers=tuple(case.pointer(Look.FINDING, f.id, entity) for f in signs[:3]),
                )
        return hints

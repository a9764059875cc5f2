"""What models themselves do: a version that went live, and inputs that changed although nobody upstream is unwell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.diagnosis import Fault, Look
from wellkept.kernel.entity import EdgeKind
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import bare, closed

LATE_S = 60.0
"""Onsets are measured in steps, so a promotion may look this much too late."""
HALF_LIFE_S = 3600.0
"""A promotion this long before a model began to predict worse is half as suspicious."""
BROKEN, MOVED = 0.3, 0.6
"""What is left of a promotion's blame where an input of the model is broken, or spread otherwise: it is explained."""
RELEASED = 0.5
"""What is left of an input's blame right after a promotion: it is compared with what the new version was trained on."""
LEAST, MOST = 0.4, 0.95
_INPUT = (FindingKind.DRIFT, FindingKind.DATA_QUALITY)


class ModelClue:
    """Two things of which the cause is a model's own.

    A model that predicts worse from about the moment at which a version of it went live, less what its inputs explain:
    it is the version. And an input that is spread otherwise, or broken, while whoever feeds it is well and feeds
    nothing broken, or nobody is known to feed it: the world changed, or what requests bring. An input that a sick
    source feeds is a victim (see ``feed``), and so is a model whose server is slow.
    """

    kind = "model"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        hints: dict[str, Hint] = {}
        for finding in case.findings:
            if finding.kind is FindingKind.PERFORMANCE and finding.entity.startswith("model:"):
                _keep(hints, finding.entity, _released(case, finding))
            elif finding.kind in _INPUT and finding.entity.startswith("feature:"):
                _keep(hints, finding.entity, _moved(case, finding))
        return hints


def _keep(hints: dict[str, Hint], entity: str, found: Hint | None) -> None:
    if found is not None and found.strength > hints.get(entity, Hint(0.0, "")).strength:
        hints[entity] = found


def _released(case: Case, finding: Finding) -> Hint | None:
    """The newest promotion of the model before it began to predict worse."""
    promotion = _promotion(case, finding.entity, finding)
    if promotion is None:
        return None
    ahead = max(0.0, (finding.starts_at - promotion.at).total_seconds())
    strength = MOST * float(np.exp2(-ahead / HALF_LIFE_S)) * _unexplained(case, finding.entity)
    sentence = closed(
        f"{bare(finding.entity)} predicts worse from {ahead:.0f} s after a release on: {promotion.summary}"
    )
    pointers = (
        case.pointer(Look.CHANGE, promotion.id, finding.entity),
        case.pointer(Look.FINDING, finding.id, finding.entity),
    )
    return Hint(strength, sentence, promotion.id, Fault.CHANGE, pointers)


def _promotion(case: Case, model: str, finding: Finding) -> Change | None:
    latest = finding.starts_at + timedelta(seconds=LATE_S)
    known = [c for c in case.changes if c.kind is ChangeKind.PROMOTION and c.entity == model and c.at <= latest]
    return max(known, key=lambda change: change.at, default=None)


def _unexplained(case: Case, model: str) -> float:
    """How much of a worse model its inputs do not explain."""
    kinds = {f.kind for feature in case.graph.below(model, EdgeKind.READS) for f in case.found(feature, *_INPUT)}
    if FindingKind.DATA_QUALITY in kinds:
        return BROKEN
    return MOVED if FindingKind.DRIFT in kinds else 1.0


def _moved(case: Case, finding: Finding) -> Hint | None:
    """An input whose values changed by themselves; None where whoever feeds it is unwell."""
    feature = finding.entity
    sources = case.graph.below(feature, EdgeKind.FED_BY)
    is_broken = finding.kind is FindingKind.DATA_QUALITY
    if any(_is_unwell(case, source) for source in sources) or (is_broken and sources):
        return None
    strength = min(MOST, LEAST + 0.5 * min(1.0, max(0.0, finding.score)))
    models = case.graph.above(feature, EdgeKind.READS)
    if not is_broken and any(_promotion(case, model, finding) is not None for model in models):
        strength *= RELEASED
    return Hint(
        strength,
        f"{bare(feature)} {'is broken' if is_broken else 'is spread otherwise than in training'}, and {_fed(sources)}.",
        fault=Fault.DATA if is_broken else Fault.DRIFT,
        pointers=(case.pointer(Look.FINDING, finding.id, feature),),
    )


def _is_unwell(case: Case, source: str) -> bool:
    """Whether a source is in trouble itself, stands on something that is, or feeds anything broken."""
    if case.found(source) or any(case.found(below) for below in case.graph.dependencies(source, 2)):
        return True
    return any(case.found(feature, FindingKind.DATA_QUALITY) for feature in case.graph.above(source, EdgeKind.FED_BY))


def _fed(sources: Sequence[str]) -> str:
    if not sources:
        return "it comes with the requests: what is asked for changed"
    return f"nothing is wrong with {', '.join(bare(source) for source in sources)}, which feeds it: the world changed"

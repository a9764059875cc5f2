"""Ranking: clues are combined by noisy-OR, and a weak best is no cause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from wellkept.kernel.diagnosis import Cause, Diagnosis, Fault, Reason, chance
from wellkept.ops.diagnose.base import Case, Clue, DiagnoseSettings
from wellkept.ops.diagnose.common import noisy_or, with_common_causes
from wellkept.ops.diagnose.contrast import bare
from wellkept.ops.diagnose.probability import probabilities
from wellkept.ops.diagnose.told import path, since, story
from wellkept.ops.diagnose.versions import with_versions

LEAST, WORTH_A_SENTENCE = 0.01, 0.05
"""Weighted clues weaker than the one do not count, those weaker than the other are not told of who is named."""


def diagnose(case: Case, clues: Sequence[Clue], settings: DiagnoseSettings, now: datetime) -> Diagnosis:
    """The causes of a case, best first: ``1 - product(1 - weight * strength)`` over the clues of each suspect."""
    return concluded(case, rank(case, clues, settings), settings, now)


def concluded(case: Case, ranked: Sequence[Cause], settings: DiagnoseSettings, now: datetime) -> Diagnosis:
    """What is told of suspects that are ranked already."""
    chances, none = probabilities([cause.confidence for cause in ranked], settings.calibration)
    known = [replace(cause, probability=chance) for cause, chance in zip(ranked, chances, strict=True)]
    likely = [cause for cause in known if cause.confidence >= settings.floor][: settings.most]
    likely = [replace(cause, reasons=_worth_telling(cause.reasons)) for cause in likely]
    likely = [replace(cause, since=since(case, cause), path=path(case, cause.entity)) for cause in likely]
    return Diagnosis(
        incident=case.incident.id,
        at=now,
        version=settings.version,
        causes=tuple(likely),
        sentence=_sentence(case, likely, ranked, settings),
        none=none,
        story=story(case, likely, none),
    )


def rank(case: Case, clues: Sequence[Clue], settings: DiagnoseSettings) -> list[Cause]:
    """Every suspect that any clue speaks against, the most likely first; ties by id, so always the same."""
    reasons: dict[str, list[Reason]] = defaultdict(list)
    blamed: dict[str, str] = {}
    for clue in clues:
        weight = settings.weights.get(clue.kind, 0.0)
        for entity, hint in clue.weigh(case).items():
            strength = round(weight * min(1.0, max(0.0, hint.strength)), 6)
            if strength >= LEAST:
                reasons[entity].append(Reason(clue.kind, strength, hint.sentence, hint.fault, hint.pointers))
                blamed[entity] = hint.change or blamed.get(entity, "")
    weighed = with_versions(case, with_common_causes(case, reasons), blamed, settings.weights)
    causes = [
        Cause(
            entity=entity,
            confidence=noisy_or(found),
            reasons=tuple(sorted(found, key=lambda reason: (-reason.strength, reason.kind))),
            change=blamed[entity],
            fault=_fault(found),
        )
        for entity, found in weighed.items()
    ]
    return sorted(causes, key=lambda cause: (-cause.confidence, cause.entity))


def _worth_telling(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    return tuple(reason for reason in reasons if reason.strength >= WORTH_A_SENTENCE) or tuple(reasons[:1])


USED_UP = 0.25
"""Evidence of this strength that a resource is used up says what is wrong, whatever follows from it."""
_FELT = frozenset({Fault.LATENCY, Fault.ERRORS})


def _fault(reasons: Sequence[Reason]) -> Fault:
    """What most of the evidence speaks of. That somebody changed something says nothing about what broke by it."""
    said: dict[Fault, float] = {}
    for reason in reasons:
        said[reason.fault] = 1.0 - (1.0 - said.get(reason.fault, 0.0)) * (1.0 - reason.strength)
    known = {fault: value for fault, value in said.items() if fault not in (Fault.UNKNOWN, Fault.CHANGE)} or said
    # What has run out explains why answers are late or fail.
    known = {fault: value for fault, value in known.items() if fault.is_exhaustion and value >= USED_UP} or known
    # That answers are late or fail is felt; that requests go another way, or answers get lost, says why.
    if any(value >= USED_UP for fault, value in known.items() if fault is Fault.CODE):
        known = {fault: value for fault, value in known.items() if fault not in _FELT} or known
    return max(known, key=lambda fault: (known[fault], fault.value))


def _sentence(case: Case, likely: Sequence[Cause], ranked: Sequence[Cause], settings: DiagnoseSettings) -> str:
    if likely:
        best = likely[0]
        return f"Most likely cause: {bare(best.entity)} ({chance(best.belief)}). {best.reasons[0].sentence}"
    looked = "1 suspect was looked at" if len(case.suspects) == 1 else f"{len(case.suspects)} suspects were looked at"
    if not ranked:
        return f"No cause found: {looked}, and no clue speaks against any of them."
    return (
        f"No cause found: {looked}, and the strongest, {bare(ranked[0].entity)}, reaches only "
        f"{int(100 * ranked[0].confidence)}% where {settings.floor:.0%} is asked for."
    )

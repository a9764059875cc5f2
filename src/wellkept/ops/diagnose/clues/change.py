"""Somebody did something to it shortly before, and it fits what fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.diagnosis import Fault, Look
from wellkept.kernel.entity import EdgeKind
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.blame import Edit, Line, Trouble, blame
from wellkept.ops.diagnose.common import fault_of, users_of
from wellkept.ops.diagnose.contrast import bare, closed
from wellkept.ops.diagnose.felt import indicator
from wellkept.store.telemetry.indicators import RATE

HALF_LIFE_S = 900.0
"""A change this long before the onset is half as suspicious."""
LATE_S = 60.0
"""Onsets are measured in steps, so a change may look this much too late."""
_OF_ANSWERS = frozenset({FindingKind.DRIFT, FindingKind.DATA_QUALITY, FindingKind.PERFORMANCE})
_HARMLESS = frozenset({ChangeKind.NOTE, ChangeKind.REMEDY, ChangeKind.RETENTION})


class ChangeClue:
    """A change to the entity itself, the nearer to the onset the stronger; what happened after it is innocent.

    A model that is promoted is a change to whoever serves it, too: a new version may slow its server. But it changes
    neither what other models there are asked nor what they answer. Where a service uses up what is its own and nobody
    feels it, nothing that was done to those whom it calls is a cause.

    Changes are ranked against each other and against none of them being to blame (see ``ops/diagnose/blame.py``): by
    where they went live, and by the words that they share with what fails. A change may bring ``files`` (one a line)
    and ``diff`` among its attributes. The likeliest keeps its full strength, unless somebody outside is to blame.
    """

    kind = "change"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        hints: dict[str, Hint] = {}
        able = _able(case)
        touched = {change.id: _changed(case, change, able) for change in case.changes if _may_be(change, case)}
        changes = [change for change in case.changes if touched.get(change.id)]
        blamed = blame([_edit(change, touched[change.id]) for change in changes], _trouble(case))
        sure = {one.edit: one for one in blamed.suspicions}
        most = max((one.probability for one in blamed.suspicions), default=0.0)
        for change in changes:
            if most <= 0 or change.id not in sure:
                continue
            fit = 0.5 + 0.5 * sure[change.id].probability / most
            fit *= 1.0 - blamed.none if blamed.why_none else 1.0
            ahead = max(0.0, (case.onset - change.at).total_seconds())
            strength = fit * float(np.exp2(-ahead / HALF_LIFE_S))
            for entity in touched[change.id]:
                if strength > hints.get(entity, Hint(0.0, "")).strength:
                    hints[entity] = Hint(
                        strength,
                        _sentence(change, entity, ahead),
                        change.id,
                        Fault.CHANGE,
                        (case.pointer(Look.CHANGE, change.id, change.entity),),
                    )
        return hints


def _sentence(change: Change, entity: str, ahead: float) -> str:
    what = bare(change.entity) + (f", which {bare(entity)} serves," if entity != change.entity else "")
    return closed(f"{change.actor} made a change to {what} {ahead:.0f} s before the onset: {change.summary}")


def _may_be(change: Change, case: Case) -> bool:
    is_in_time = change.at <= case.onset + timedelta(seconds=LATE_S)
    return is_in_time and change.kind not in _HARMLESS


def _able(case: Case) -> frozenset[str]:
    """The suspects that can bring about what was found.

    What a model is asked and what it answers no other model on its server changes. Waiting, failing and bad data come
    up along calls. Memory that leaks is the doing of who leaks it, of a model that it serves or of what it runs on, and
    a disk that fills that of the disk or of those who may write to it.
    """
    if case.findings and all(map(_is_of_answers, case.findings)):
        known = {finding.entity for finding in case.findings}
        known |= {model for entity in known for model in case.graph.above(entity, EdgeKind.READS)}
        return frozenset(one for one in case.suspects if one in known or not one.startswith("model:"))
    found = {finding.entity for finding in case.findings if _is_exhaustion(finding)}
    if not found or not all(map(_is_exhaustion, case.findings)):
        return frozenset(case.suspects)
    for entity in tuple(found):
        if entity.startswith(("host:", "disk:")):
            found |= users_of(case, entity)
        else:
            found.update(case.graph.below(entity, EdgeKind.RUNS_ON), case.graph.above(entity, EdgeKind.SERVED_BY))
    return frozenset(found & set(case.suspects))


def _is_of_answers(finding: Finding) -> bool:
    """Whether it is about what a model is asked or answers, and not about how its server fares."""
    return finding.kind in _OF_ANSWERS and finding.entity.startswith(("model:", "feature:"))


def _is_exhaustion(finding: Finding) -> bool:
    return finding.kind in (FindingKind.FORECAST, FindingKind.THRESHOLD) and fault_of(finding).is_exhaustion


def _changed(case: Case, change: Change, able: frozenset[str]) -> list[str]:
    """Those that a change changes, of the ones who can bring about what was found."""
    found = [change.entity]
    if change.kind is ChangeKind.PROMOTION and not all(map(_is_of_answers, case.findings)):
        found += case.graph.below(change.entity, EdgeKind.SERVED_BY)
    return [entity for entity in found if entity in able]


def _edit(change: Change, changed: Sequence[str]) -> Edit:
    """A change is live when it is told, at all that it changes."""
    files = tuple(change.attributes.get("files", "").split())
    diff = change.attributes.get("diff", "")
    return Edit(
        change.id, change.at, change.summary, files, diff, tuple((bare(entity), change.at) for entity in changed)
    )


def _trouble(case: Case) -> Trouble:
    """What fails, in the words of the findings; log patterns are lines that became more."""
    first = case.felt.entity if case.felt else next((finding.entity for finding in case.findings), "")
    lines = tuple(
        Line(bare(finding.entity), text, finding.evidence[0].values.get("count", 1.0) if finding.evidence else 1.0)
        for finding in case.findings
        if finding.kind is FindingKind.LOG_PATTERN
        for text in (" ".join(finding.evidence[0].samples[:1]) if finding.evidence else finding.sentence,)
    )
    others = [finding for finding in case.findings if finding.kind is not FindingKind.LOG_PATTERN]
    return Trouble(
        service=bare(first),
        onset=case.onset,
        sentence=" ".join(dict.fromkeys(finding.sentence for finding in others)),
        lines=lines,
        metrics=tuple(dict.fromkeys(f.evidence[0].signal for f in others if f.evidence)),
        surge=_surge(case, first),
    )


def _surge(case: Case, entity: str) -> float:
    """How many times as many requests came to where it is felt as before."""
    rate = indicator(case.red, RATE).get(entity)
    if rate is None:
        return 1.0
    before, during = (rate[period.first : period.last] for period in (case.before, case.during))
    usual, now = (float(np.nanmedian(part)) if np.isfinite(part).any() else 0.0 for part in (before, during))
    return now / usual if usual > 0 else 1.0

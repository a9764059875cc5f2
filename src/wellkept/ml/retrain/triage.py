"""Triage: is the model wrong because the world changed, or because something that it depends on is sick? Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import stable_id
from wellkept.kernel.entity import EntityKind, model_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind
from wellkept.kernel.incident import Incident
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.ml.contract import ModelContract
from wellkept.spine.graph import Graph

MODEL_KINDS = frozenset({FindingKind.DRIFT, FindingKind.PERFORMANCE})
MODEL_SIDE = (f"{EntityKind.MODEL}:", f"{EntityKind.FEATURE}:")
MOST = 0.5
"""At least this share of what is wrong with the model must be explained by what is upstream."""
SLACK = 0.25
"""Onsets are known to within this share of the drift window."""
DEPTH = 4
"""How many hops below a model something is still upstream of it."""


@dataclass(frozen=True, slots=True)
class Case:
    """What there is to judge on.

    ``suspicions`` are the open findings on the model and its inputs, ``lately`` those that ended within the drift
    window; ``incidents`` hold, each with its findings, what was or is wrong elsewhere. ``labelled`` is how many
    labelled predictions there are since the first suspicion began.
    """

    contract: ModelContract
    suspicions: Sequence[Finding]
    lately: Sequence[Finding]
    incidents: Mapping[str, tuple[Incident, Sequence[Finding]]]
    graph: Graph
    changes: Sequence[Change]
    labelled: int
    are_labels_known: bool
    now: datetime

    @property
    def onset(self) -> datetime:
        """When the first suspicion began."""
        return min(finding.starts_at for finding in self.suspicions)

    @property
    def is_shift(self) -> bool:
        """Whether the relation itself may have changed: then only rows since the onset tell of the new one."""
        return any(finding.kind is FindingKind.PERFORMANCE for finding in self.suspicions)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Something upstream that was wrong while the model was: the finding, and the incident that holds it."""

    finding: Finding
    incident: str


def triage(case: Case) -> Verdict:
    """The verdict about a model with at least one open suspicion. Its checks are those of a real shift."""
    sick = upstream_trouble(case)
    explained = explanations(case, sick, case.suspicions)
    performance = [f for f in case.suspicions if f.kind is FindingKind.PERFORMANCE]
    share = len(explained) / len(case.suspicions)
    promoted = _promotion(case)
    unwell = sorted({case.graph.called(trouble.finding.entity) for trouble in sick})
    checks = (
        Check("upstream is well", not sick, "; ".join(unwell) or "nothing unwell", "nothing unwell"),
        Check(
            "upstream does not explain it",
            share < MOST,
            f"{len(explained)} of {len(case.suspicions)} findings explained",
            f"fewer than {MOST:.0%}",
        ),
        Check("performance fell", bool(performance), "seen" if performance else "not seen", "seen"),
        Check("labels since the onset", case.labelled > 0, str(case.labelled), "more than 0"),
        Check("no promotion at the onset", promoted is None, promoted.summary if promoted else "none", "none"),
    )
    judgement, sentence = _judge(case, sick, explained, performance, promoted)
    incident = next((u.incident for u in explained.values() if u.incident), "") if explained else ""
    entity = model_id(case.contract.name)
    return Verdict(
        id=stable_id("triage", entity, judgement, case.onset.isoformat(), incident),
        subject=entity,
        kind="triage",
        judgement=judgement,
        at=case.now,
        checks=checks,
        sentence=sentence,
        incident=incident or next((held for f in case.suspicions if (held := _holder(case, f))), ""),
    )


def upstream_trouble(case: Case) -> list[Upstream]:
    """What was wrong with anything that the model depends on, worst first; broken inputs point at who feeds them.

    What is only forecast has had no effect yet.
    """
    upstream = {e for e in case.graph.dependencies(model_id(case.contract.name), DEPTH) if not e.startswith(MODEL_SIDE)}
    found: dict[str, Upstream] = {}
    for incident, findings in case.incidents.values():
        for finding in findings:
            if finding.entity in upstream and finding.kind not in (*MODEL_KINDS, FindingKind.FORECAST):
                found[finding.id] = Upstream(finding, incident.id)
    for finding in (*case.suspicions, *case.lately):
        if finding.kind is FindingKind.DATA_QUALITY and _source(case, finding) not in (None, "request"):
            found[finding.id] = Upstream(finding, _holder(case, finding))
    return sorted(found.values(), key=lambda u: (-int(u.finding.severity), u.finding.starts_at, u.finding.id))


def outages(case: Case) -> list[tuple[datetime, datetime]]:
    """The spans in which inputs of the model were wrong because of what is upstream, joined: not to be trained on."""
    explained = explanations(case, upstream_trouble(case), (*case.suspicions, *case.lately))
    wrong = [f for f in (*case.suspicions, *case.lately) if f.id in explained]
    wrong += [trouble.finding for trouble in explained.values()]
    slack = slack_of(case)
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted((f.starts_at - slack, (f.ends_at or case.now) + slack) for f in wrong):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def explanations(case: Case, sick: Sequence[Upstream], findings: Sequence[Finding]) -> dict[str, Upstream]:
    """What explains each of the findings that something upstream explains, by the finding's id.

    Trouble upstream reaches a model through its inputs: an input is explained by who feeds it, or by what that runs
    on; the scores and the performance only by inputs that are explained. A slow host alone makes no model wrong.
    """
    everything = {finding.id: finding for finding in (*findings, *case.suspicions, *case.lately)}
    inputs = {f.id: cause for f in everything.values() if (cause := _feeder(f, sick, case)) is not None}
    found = {f.id: inputs[f.id] for f in findings if f.id in inputs}
    for finding in findings:
        if _source(case, finding) is None:
            cause = next((c for key, c in inputs.items() if _overlaps(everything[key], finding, case)), None)
            if cause is not None:
                found[finding.id] = cause
    return found


def _judge(
    case: Case,
    sick: Sequence[Upstream],
    explained: Mapping[str, Upstream],
    performance: Sequence[Finding],
    promoted: Change | None,
) -> tuple[Judgement, str]:
    name, count = case.contract.name, len(case.suspicions)
    if explained and len(explained) >= MOST * count:
        causes = sorted({_culprit(case, u) for u in explained.values()})
        why = next(iter(explained.values())).finding.sentence
        return Judgement.BROKEN_UPSTREAM, (
            f"{len(explained)} of {count} findings about {name} are explained by {' and '.join(causes[:3])}: {why} "
            "Retraining is held until it is over."
        )
    if performance and promoted is not None:
        return Judgement.UNKNOWN, (
            f"{name} predicts worse since {promoted.summary}; `wellkept models rollback {name}` brings back the "
            "version before."
        )
    if performance:
        nothing = "nothing upstream was unwell" if not sick else "what is unwell upstream does not explain it"
        return Judgement.REAL_SHIFT, f"{performance[0].sentence} At the onset {nothing}: the world has changed."
    if not case.are_labels_known:
        return Judgement.REAL_SHIFT, (
            f"{count} findings about {name}; nothing upstream explains them, and no labels tell how much it matters."
        )
    if case.labelled < case.contract.monitors.performance.min_labels:
        return (
            Judgement.UNKNOWN,
            f"The inputs of {name} moved; the labels that tell whether it matters are not known yet.",
        )
    return Judgement.UNKNOWN, f"The inputs of {name} moved, but it predicts as well as before: no reason to retrain."


def _feeder(finding: Finding, sick: Sequence[Upstream], case: Case) -> Upstream | None:
    """The trouble of who feeds an input, or of what the feeder depends on; None where nothing was wrong there."""
    source = _source(case, finding)
    if source in (None, "request"):
        return None
    near = {source, *case.graph.dependencies(source, DEPTH)}
    for trouble in sick:
        is_of_feeder = trouble.finding.entity in near or _source(case, trouble.finding) == source
        if is_of_feeder and (trouble.finding.id == finding.id or _overlaps(trouble.finding, finding, case)):
            return trouble
    return None


def _holder(case: Case, finding: Finding) -> str:
    """The incident that a finding belongs to."""
    for incident, _ in case.incidents.values():
        if any(member.finding == finding.id for member in incident.members):
            return incident.id
    return ""


def _overlaps(trouble: Finding, suspicion: Finding, case: Case) -> bool:
    """Whether a suspicion began while the trouble went on, or is judged on predictions that were made in it.

    A loss of performance is dated by the losses alone, and a bad patch before an outage dates it too early.
    """
    slack, until = slack_of(case), trouble.ends_at or case.now
    if trouble.starts_at - slack <= suspicion.starts_at <= until + slack:
        return True
    judged = [e for e in suspicion.evidence if e.window_start is not None and e.window_end is not None]
    is_performance = suspicion.kind is FindingKind.PERFORMANCE
    return is_performance and any(_meet(e, trouble.starts_at, until) for e in judged)


def _meet(evidence: Evidence, start: datetime, end: datetime) -> bool:
    assert evidence.window_start is not None
    assert evidence.window_end is not None
    return evidence.window_start < end and start < evidence.window_end


def slack_of(case: Case) -> timedelta:
    """How exactly onsets are known."""
    return timedelta(seconds=SLACK * case.contract.monitors.drift.window_s)


def _source(case: Case, finding: Finding) -> str | None:
    """Who feeds the input that a finding is about; None where it is about the model as a whole, or something else."""
    if not finding.entity.startswith(f"{EntityKind.FEATURE}:"):
        return None
    name = finding.entity.partition("/")[2]
    return next((entry.source for entry in case.contract.inputs if entry.name == name), None)


def _culprit(case: Case, trouble: Upstream) -> str:
    source = _source(case, trouble.finding)
    return case.graph.called(source if source and source != "request" else trouble.finding.entity)


def _promotion(case: Case) -> Change | None:
    """A promotion of this model shortly before the onset that took the place of another version."""
    since = case.onset - timedelta(seconds=case.contract.monitors.drift.window_s / 2)
    own = [c for c in case.changes if c.kind is ChangeKind.PROMOTION and c.entity == model_id(case.contract.name)]
    took_over = (change for change in own if change.attributes.get("before") != "")
    return next((change for change in took_over if since <= change.at <= case.onset + slack_of(case)), None)

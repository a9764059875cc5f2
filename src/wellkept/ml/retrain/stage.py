"""The retrain stage: a policy decides about every live model; what is sick holds it, and what is worth it is a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import pyarrow as pa

from wellkept.kernel.codec import encode
from wellkept.kernel.entity import feature_id, model_id
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.kernel.plan import Plan
from wellkept.kernel.stage import Message, Stage
from wellkept.kernel.verdict import Verdict
from wellkept.ml.contract import ModelContract
from wellkept.ml.estimate.history import PerformanceHistory
from wellkept.ml.releases import Releases
from wellkept.ml.retrain.casefile import Known, policy_case, trained_until_of
from wellkept.ml.retrain.feed import doubt, grid_of
from wellkept.ml.retrain.ledger import ACTOR, Ledger
from wellkept.ml.retrain.plans import retrain_plan
from wellkept.ml.retrain.policy import Act, Decision, PolicyCase, decide
from wellkept.ml.retrain.triage import Case, outages, slack_of, triage
from wellkept.spine.gate import Gate
from wellkept.spine.registry import ModelVersion, Registry, VersionState
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.state.retrains import BadSpan
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.labelfeed import LabelFeed

STAGE = Stage(
    name="ml.retrain",
    consumes=frozenset({Message.FINDING, Message.INCIDENT, Message.ENTITY, Message.CHANGE, Message.LABEL}),
    emits=frozenset({Message.VERDICT, Message.PLAN}),
    purpose="Weighs what a retrain of each live model is worth, holds it while something is sick, or proposes it.",
)

ABOUT_ACCURACY = frozenset({FindingKind.DRIFT, FindingKind.DATA_QUALITY, FindingKind.PERFORMANCE})
"""Silence is no question of accuracy."""
INCIDENTS, MOST_JOBS = 200, 50
LOOKS = 12
"""So many times in a window the performance so far is read anew."""
KINDS = ("retrain", "train")
RECENT = 20
"""Decisions among which a refusal is looked for, so that it is told once."""

Promote = Callable[[ModelVersion, str, str], Plan | None]
"""Proposes that a version becomes the champion: version, by, why."""


class Labels(Protocol):
    """What deciding reads of the telemetry store."""

    def labelled(self, model: str, version: str, start: datetime, end: datetime, known_by: datetime) -> pa.Table: ...

    def labelled_rows(self, model: str, start: datetime, end: datetime, known_by: datetime) -> int: ...


class Feeds(Protocol):
    """How labels come in."""

    def feed(self, model: str, grid: Grid, delay_s: float) -> LabelFeed: ...


class Histories(Protocol):
    """Tells the performance so far of a live version; None where nothing can be told."""

    def __call__(self, contract: ModelContract, version: ModelVersion, now: datetime) -> PerformanceHistory | None: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What is read of the telemetry: labelled predictions, the performance so far, and how labels come."""

    labels: Labels
    history: Histories | None = None
    feeds: Feeds | None = None


class RetrainRunner:
    """Decides about every live model, and keeps verdicts on those with open suspicions.

    What it knows is in the stream, the ledger and the gate; in memory it holds only what it read last.
    """

    def __init__(
        self,
        registry: Registry,
        releases: Releases,
        stream: Stream,
        topology: Topology,
        seen: Seen,
        gate: Gate,
        ledger: Ledger,
        promote: Promote,
    ) -> None:
        self._registry, self._releases = registry, releases
        self._stream, self._topology = stream, topology
        self._seen, self._gate, self._ledger, self._promote = seen, gate, ledger, promote
        self._looked: dict[str, int] = {}
        self._counted: dict[str, tuple[int, int, int]] = {}

    def tick(self, now: datetime) -> list[Verdict]:
        """Triage what is suspicious, decide, propose what follows; returns the present verdicts."""
        verdicts = []
        for champion in self._releases.champions():
            contract = self._releases.contract(champion)
            case = self._case(contract, champion, now)
            verdict = triage(case) if case is not None else None
            if case is not None and verdict is not None:
                self._say(verdict, case)
                verdicts.append(verdict)
            if not self._is_busy(champion.model):
                self._tell_refusal(champion, contract, now)
                if case is not None or self._is_due(contract, champion, now):
                    self._decide(contract, champion, case, verdict, now)
            self._offer(champion.model, champion)
        return verdicts

    def _case(self, contract: ModelContract, champion: ModelVersion, now: datetime) -> Case | None:
        mine = {model_id(contract.name), *(feature_id(contract.name, name) for name in contract.features)}
        open_ones = self._stream.open_findings()
        suspicions = [f for f in open_ones if f.entity in mine and f.kind in ABOUT_ACCURACY]
        if not suspicions:
            return None
        window = timedelta(seconds=contract.retrain.window_s)
        past = self._stream.findings(start=now - window, end=now, limit=5000)
        held = {}
        for incident in self._stream.incidents(start=now - window, limit=INCIDENTS):
            members = self._stream.findings(ids=[member.finding for member in incident.members])
            held[incident.id] = (incident, tuple(members))
        onset = min(finding.starts_at for finding in suspicions)
        version, labels = champion.logged_as, self._seen.labels
        labelled = labels.labelled(contract.name, version, onset, now, now).num_rows
        before = labels.labelled(contract.name, version, now - window, onset, now).num_rows
        return Case(
            contract=contract,
            suspicions=suspicions,
            lately=[finding for finding in past if finding.entity in mine and not finding.is_open],
            incidents=held,
            graph=self._topology.graph(now),
            changes=self._stream.changes(onset - window, now),
            labelled=labelled,
            are_labels_known=labelled + before > 0,
            now=now,
        )

    def _say(self, verdict: Verdict, case: Case) -> None:
        """Keep a verdict that is new, and tell it where somebody will look for it.

        The same judgement about what is suspicious since the last one is that verdict, with newer words.
        """
        last = next(iter(self._stream.verdicts(subject=verdict.subject, kind="triage", limit=1)), None)
        is_same = last is not None and (last.judgement, last.incident) == (verdict.judgement, verdict.incident)
        if last is not None and is_same and case.onset <= last.at:
            verdict = replace(verdict, id=last.id)
            if last.sentence == verdict.sentence:
                return
        self._stream.save_verdict(verdict)
        if last is not None and last.id == verdict.id:
            return
        details = {"sentence": verdict.sentence, "checks": encode(verdict.checks), "incident": verdict.incident}
        verb = f"triage.{verdict.judgement.value.replace(' ', '_')}"
        self._ledger.audit.append(case.now, ACTOR, verb, verdict.subject, details)
        incident = self._stream.incident(verdict.incident) if verdict.incident else None
        if incident is not None and incident.state.is_live:
            note = f"verdict on {case.contract.name}: {verdict.judgement}. {verdict.sentence}"
            self._stream.save_incident(incident.note(case.now, "triage", note, verdict.id))

    def _is_due(self, contract: ModelContract, champion: ModelVersion, now: datetime) -> bool:
        """Whether a model about which nothing is suspicious is looked at again: some times in a window."""
        slot, key = _slot(contract, now), f"{champion.model} {champion.digest}"
        if self._looked.get(key) == slot:
            return False
        self._looked[key] = slot
        return True

    def _decide(
        self,
        contract: ModelContract,
        champion: ModelVersion,
        case: Case | None,
        verdict: Verdict | None,
        now: datetime,
    ) -> None:
        if case is not None:
            self._ledger.exclude(contract.name, ended(case), now)
        asked = self._policy_case(contract, champion, case, verdict, now)
        decision = decide(asked)
        if decision.action is Act.RETRAIN:
            word, why = self._doubt(contract, now)
            decision = decide(replace(asked, held=why, held_by=word)) if why else decision
        plan = None
        if decision.action is Act.RETRAIN:
            plan = self._proposed(contract, champion, decision, case, verdict)
        self._ledger.note(decision, verdict, plan.id if plan else "")

    def _policy_case(
        self,
        contract: ModelContract,
        champion: ModelVersion,
        case: Case | None,
        verdict: Verdict | None,
        now: datetime,
    ) -> PolicyCase:
        rows, fresh = self._rows(contract, champion, now)
        silences = (f for f in self._stream.open_findings() if f.kind is FindingKind.MISSING_DATA)
        known = Known(
            history=self._seen.history(contract, champion, now) if self._seen.history else None,
            jobs=self._registry.jobs(model_id(contract.name), limit=MOST_JOBS, kinds=KINDS),
            rows=case.labelled if case is not None and case.is_shift else rows,
            rows_since=fresh,
            bad=self._ledger.excluded(contract.name),
            silence=next((finding for finding in silences if finding.entity == model_id(contract.name)), None),
        )
        return policy_case(contract, champion, tuple(case.suspicions) if case else (), verdict, known, now)

    def _doubt(self, contract: ModelContract, now: datetime) -> tuple[str, str]:
        """Why a retrain that is wanted should wait for labels, in a word and in a sentence; empty where it need not."""
        if self._seen.feeds is None:
            return "", ""
        grid = grid_of(contract.monitors.performance.window_s, now)
        return doubt(self._seen.feeds.feed(contract.name, grid, contract.label.delay_s))

    def _rows(self, contract: ModelContract, champion: ModelVersion, now: datetime) -> tuple[int, int]:
        """Labelled rows of the window, and those since the champion's training; counted some times in a window."""
        slot, key = _slot(contract, now), f"{champion.model} {champion.digest}"
        known = self._counted.get(key)
        if known is None or known[0] != slot:
            start, count = now - timedelta(seconds=contract.retrain.window_s), self._seen.labels.labelled_rows
            rows = count(contract.name, start, now, now)
            fresh = count(contract.name, min(now, trained_until_of(champion)), now, now)
            known = self._counted[key] = (slot, rows, fresh)
        return known[1], known[2]

    def _proposed(
        self,
        contract: ModelContract,
        champion: ModelVersion,
        decision: Decision,
        case: Case | None,
        verdict: Verdict | None,
    ) -> Plan | None:
        """The plan at the gate; None where the gate says that it cannot be."""
        since = case.onset if case is not None and case.is_shift else None
        bad = spoiled(case) if case is not None else []
        self._ledger.exclude(contract.name, bad, decision.at)
        because = verdict.sentence if verdict is not None else ""
        plan = retrain_plan(contract, champion, decision, because, since, self._ledger.excluded(contract.name))
        try:
            self._gate.propose(plan)
        except InputError as error:
            self._ledger.audit.append(decision.at, ACTOR, "retrain.impossible", plan.subject, {"why": str(error)})
            return None
        return plan

    def _is_busy(self, model: str) -> bool:
        """Whether a plan for the model is under way."""
        return any(not record.state.is_final for record in self._gate.plans(subject=model_id(model), limit=20))

    def _tell_refusal(self, champion: ModelVersion, contract: ModelContract, now: datetime) -> None:
        """Keep, once, that what the last retrain brought is not better, or that it brought nothing."""
        job = next(iter(self._registry.jobs(model_id(champion.model), limit=1, kinds=("retrain",))), None)
        if job is None or job.state == "running":
            return
        made = next((v for v in self._registry.versions(champion.model) if v.lineage.get("run") == job.id), None)
        if made is not None and made.state is VersionState.REFUSED:
            why = f"Version {made.number} was trained and is not better: {made.gate.sentence if made.gate else ''}"
        elif job.state in ("failed", "cancelled"):
            # Of the words of a process that ended, the last line says why; all of them stand with the run.
            lines = str(job.details.get("error", "")).strip().splitlines() or [job.state]
            why = f"The last retrain brought nothing: {lines[-1].strip()}"
        else:
            return
        reason = f"retrain {job.id}"
        if any(one["reason"] == reason for one in self._ledger.told(champion.model, RECENT)):
            return
        numbers = dict(made.metrics) if made is not None else {}
        policy = contract.retrain.policy
        self._ledger.note(Decision(champion.model, policy, Act.REFUSE, now, why, reason, numbers=numbers))

    def _offer(self, model: str, champion: ModelVersion) -> None:
        """Propose the promotion of what a retrain brought, once, when its gates passed."""
        newest = next(iter(self._registry.versions(model)), None)
        if newest is None or newest.state is not VersionState.PASSED or newest.number <= champion.number:
            return
        job = self._registry.job(newest.lineage.get("run", ""))
        if job is None or job.kind != "retrain":
            return
        plans = self._gate.plans(subject=model_id(model), limit=50)
        if any(action.arguments.get("digest") == newest.digest for r in plans for action in r.plan.actions):
            return
        decided = next((one for one in self._ledger.told(model, RECENT) if one["action"] == Act.RETRAIN), None)
        why = "because of a real shift" if decided is None or decided["verdict"] else f"by {decided['policy']}"
        why = f"retrained {why.replace('_', ' ')}: {newest.gate.sentence if newest.gate else ''}"
        self._promote(newest, ACTOR, why)


def _slot(contract: ModelContract, now: datetime) -> int:
    """The number of the present part of a window."""
    return int(now.timestamp() // (contract.monitors.performance.window_s / LOOKS))


def ended(case: Case) -> list[BadSpan]:
    """The spans of broken data that are over: inputs without their values, labels that were not to be trusted."""
    slack = slack_of(case)
    return [
        BadSpan(finding.starts_at - slack, finding.ends_at + slack, finding.sentence)
        for finding in case.lately
        if finding.kind is FindingKind.DATA_QUALITY and finding.ends_at is not None
    ]


def spoiled(case: Case) -> list[BadSpan]:
    """The spans in which inputs were wrong because of what is upstream."""
    suspicions: Sequence[Finding] = [*case.suspicions, *case.lately]
    found = []
    for start, end in outages(case):
        inside = [f for f in suspicions if f.kind is FindingKind.DATA_QUALITY and start <= f.starts_at <= end]
        found.append(BadSpan(start, end, inside[0].sentence if inside else "what feeds its inputs was unwell"))
    return found

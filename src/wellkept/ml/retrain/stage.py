"""The retrain stage: suspicions about a model are triaged; a real shift becomes a plan, anything else holds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import pyarrow as pa

from wellkept.kernel.clock import stable_id
from wellkept.kernel.codec import encode
from wellkept.kernel.entity import feature_id, model_id
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import FindingKind
from wellkept.kernel.plan import Action, Plan, Risk, Verification
from wellkept.kernel.stage import Message, Stage
from wellkept.kernel.verdict import Judgement, Verdict
from wellkept.ml.contract import ModelContract
from wellkept.ml.releases import Releases
from wellkept.ml.retrain.action import RetrainModel
from wellkept.ml.retrain.triage import Case, outages, triage
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.registry import CHAMPION, ModelVersion, Registry, VersionState
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology

STAGE = Stage(
    name="ml.retrain",
    consumes=frozenset({Message.FINDING, Message.INCIDENT, Message.ENTITY, Message.CHANGE, Message.LABEL}),
    emits=frozenset({Message.VERDICT, Message.PLAN}),
    purpose="Tells a changed world from a sick system, holds retraining or proposes it, and offers what came out.",
)

ACTOR = "wellkept"
ABOUT_ACCURACY = frozenset({FindingKind.DRIFT, FindingKind.DATA_QUALITY, FindingKind.PERFORMANCE})
"""Silence is no question of accuracy."""
INCIDENTS, MOST_JOBS = 200, 10_000

Promote = Callable[[ModelVersion, str, str], Plan | None]
"""Proposes that a version becomes the champion: version, by, why."""


class Labelled(Protocol):
    """What triage reads of the telemetry store."""

    def labelled(self, model: str, version: str, start: datetime, end: datetime, known_by: datetime) -> pa.Table: ...


class RetrainRunner:
    """Keeps a verdict on every model with open suspicions. All of its state is in the stream and at the gate."""

    def __init__(
        self,
        registry: Registry,
        releases: Releases,
        stream: Stream,
        topology: Topology,
        predictions: Labelled,
        gate: Gate,
        audit: Audit,
        promote: Promote,
    ) -> None:
        self._registry, self._releases = registry, releases
        self._stream, self._topology = stream, topology
        self._predictions, self._gate, self._audit, self._promote = predictions, gate, audit, promote

    def tick(self, now: datetime) -> list[Verdict]:
        """Triage what is suspicious, propose what follows; returns the present verdicts."""
        verdicts = []
        for champion in self._releases.champions():
            case = self._case(self._releases.contract(champion), champion, now)
            if case is not None:
                verdict = triage(case)
                self._say(verdict, case)
                verdicts.append(verdict)
                if verdict.judgement is Judgement.REAL_SHIFT:
                    self._propose(case, champion, verdict)
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
        labelled = self._predictions.labelled(contract.name, champion.logged_as, onset, now, now).num_rows
        before = self._predictions.labelled(contract.name, champion.logged_as, now - window, onset, now).num_rows
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
        self._audit.append(case.now, ACTOR, verb, verdict.subject, details)
        incident = self._stream.incident(verdict.incident) if verdict.incident else None
        if incident is not None and incident.state.is_live:
            note = f"verdict on {case.contract.name}: {verdict.judgement}. {verdict.sentence}"
            self._stream.save_incident(incident.note(case.now, "triage", note, verdict.id))

    def _propose(self, case: Case, champion: ModelVersion, verdict: Verdict) -> None:
        contract = case.contract
        if case.labelled < contract.retrain.min_rows or self._is_busy(contract, case.now):
            return
        plan = retrain_plan(case, champion, verdict)
        try:
            self._gate.propose(plan)
        except InputError as error:
            self._audit.append(case.now, ACTOR, "retrain.impossible", verdict.subject, {"why": str(error)})

    def _is_busy(self, contract: ModelContract, now: datetime) -> bool:
        """Whether a plan for the model is under way, or the last retrain is too recent."""
        entity = model_id(contract.name)
        if any(not record.state.is_final for record in self._gate.plans(subject=entity, limit=20)):
            return True
        # Checks of the model are jobs, too: what is looked for may lie far behind them.
        last = next((job for job in self._registry.jobs(entity, limit=MOST_JOBS) if job.kind == "retrain"), None)
        return last is not None and now - last.started_at < timedelta(seconds=contract.retrain.cooldown_s)

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
        self._promote(
            newest, ACTOR, f"retrained because of a real shift: {newest.gate.sentence if newest.gate else ''}"
        )


def retrain_plan(case: Case, champion: ModelVersion, verdict: Verdict) -> Plan:
    """The plan that trains on what is known since the world changed, with the outages of the window left out."""
    contract, now = case.contract, case.now
    start = now - timedelta(seconds=contract.retrain.window_s)
    excluded = _within(outages(case), start, now)
    entity = model_id(contract.name)
    arguments = {
        "model": contract.name,
        "start": start.isoformat(),
        "end": now.isoformat(),
        "since": case.onset.isoformat(),
        "excluded": [[a.isoformat(), b.isoformat()] for a, b in excluded],
    }
    left_out = f", leaving out {len(excluded)} outage{'s' if len(excluded) != 1 else ''}" if excluded else ""
    return Plan(
        id=stable_id("pln", "retrain", contract.name, verdict.id, champion.digest, now.isoformat()),
        subject=entity,
        title=f"Retrain {contract.name}{left_out}",
        reason=verdict.sentence,
        risk=Risk.MEDIUM,
        actions=(Action(RetrainModel.name, entity, arguments, "nothing to undo: what is served stays as it is"),),
        verification=Verification(sentence="a new version was trained and judged"),
        proposed_at=now,
        proposed_by=ACTOR,
        effect="A challenger is trained and judged. What is served changes only by its promotion, another plan.",
        world={f"alias:{contract.name}@{CHAMPION}": champion.digest},
    )


def _within(
    spans: Sequence[tuple[datetime, datetime]], start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    return [(max(a, start), min(b, end)) for a, b in spans if b > start and a < end]

"""From a suspicion to a challenger that waits for a person, over a real store and a real gate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest
from tests.ml.watch.conftest import Watched, after
from tests.ml.watch.life import FEEDER

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.entity import Entity, EntityKind
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.kernel.plan import Plan, PlanState
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.ml.deploy.stage import PromoteModel, promotion_plan
from wellkept.ml.retrain.action import RetrainModel
from wellkept.ml.retrain.ledger import Ledger
from wellkept.ml.retrain.stage import RetrainRunner, Seen
from wellkept.spine.action import Actions
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy
from wellkept.spine.registry import CHAMPION, Job, ModelVersion, VersionState
from wellkept.store.state.retrains import RetrainRows


class Loop:
    """The ml loop on a clock that the test moves, with trainings that are remembered instead of run."""

    def __init__(self, watched: Watched, judgement: Judgement = Judgement.PASS) -> None:
        self.watched, self._judgement = watched, judgement
        self.clock = SettableClock(after(0))
        self.audit = Audit(watched.state)
        registry, stream = watched.registry, watched.stream
        handlers = (RetrainModel(registry, self), PromoteModel(registry, stream, self.clock))
        actions = Actions({handler.name: handler for handler in handlers})
        self.gate = Gate(watched.state, stream, self.audit, actions, Policy(), self._world, self.clock)
        self.gate.attach(self)
        self.runner = RetrainRunner(
            registry,
            watched.releases,
            stream,
            watched.topology,
            Seen(watched.telemetry.serving),
            self.gate,
            Ledger(RetrainRows(watched.state), registry, self.audit),
            self._promote,
        )
        self.trained: list[tuple[datetime, datetime, list[tuple[datetime, datetime]], datetime | None]] = []

    def tick(self, at_s: float) -> list[Verdict]:
        self.clock.set(after(at_s))
        self.watched.tick(at_s)
        verdicts = self.runner.tick(after(at_s))
        self.gate.tick()
        return verdicts

    def start(self, plan: str, actions: int) -> None:
        for index in range(actions):
            self.gate.step(plan, index)
        self.gate.settle(plan)

    def train(
        self,
        model: str,
        start: datetime,
        end: datetime,
        excluded: Sequence[tuple[datetime, datetime]],
        since: datetime | None,
        key: str,
    ) -> ModelVersion:
        self.trained.append((start, end, list(excluded), since))
        digest = "sha256:" + f"{len(self.trained):064x}"
        gate = Verdict("gate-1", digest, "gate", self._judgement, end, (Check("auc", True, "1", ">= 0"),), "as told")
        passed = self._judgement is Judgement.PASS
        self.watched.registry.save_job(Job(key, "retrain", f"model:{model}", "done", end))
        return self.watched.registry.register(
            ModelVersion(
                model,
                digest,
                end,
                digest,
                "onnx",
                digest,
                lineage={"run": key},
                metrics={"average_precision": 0.8},
                gate=gate,
                state=VersionState.PASSED if passed else VersionState.REFUSED,
            )
        )

    def _promote(self, version: ModelVersion, by: str, why: str) -> Plan:
        champion = self.watched.registry.alias(version.model, CHAMPION)
        plan = promotion_plan(version, champion, self.clock.now(), by, why)
        self.gate.propose(plan)
        return plan

    def _world(self, key: str) -> str:
        model, _, alias = key.removeprefix("alias:").partition("@")
        return self.watched.registry.aliases(model).get(alias, "")


@pytest.fixture
def loop(watched: Watched) -> Loop:
    return Loop(watched)


def slow_feeder(watched: Watched, start_s: float, end_s: float | None = None) -> Incident:
    """An incident at the service that feeds the model."""
    watched.topology.observe([Entity(EntityKind.SERVICE, FEEDER, "features")], [], after(start_s))
    finding = Finding(
        "fp-slow", "robust", "1", FEEDER, FindingKind.ANOMALY, Severity.ERROR, 0.9, "", after(start_s), "It is slow."
    )
    (kept,) = watched.stream.publish([finding], after(start_s))
    if end_s is not None:
        watched.stream.close([kept.fingerprint], after(end_s))
    member = Member(kept.id, FEEDER, after(start_s), "the first finding of this incident")
    found = Incident(
        "inc-1", "features are slow", IncidentState.OPEN, Severity.ERROR, after(start_s), after(start_s), (member,)
    )
    watched.stream.save_incident(found)
    return found


def test_an_outage_holds_retraining_and_says_so_where_people_look(watched: Watched, loop: Loop) -> None:
    watched.life.live(0, 400)
    watched.life.live(400, 500, outage=True)
    incident = slow_feeder(watched, 395)
    for at_s in range(420, 500, 20):
        loop.tick(at_s)
    (verdict,) = watched.stream.verdicts(subject="model:fraud", kind="triage", limit=1)
    assert verdict.judgement is Judgement.BROKEN_UPSTREAM
    assert verdict.incident == incident.id
    assert loop.gate.plans(subject="model:fraud") == []
    told = watched.stream.incident(incident.id)
    assert told is not None
    assert sum("broken upstream" in entry.what for entry in told.timeline) >= 1
    assert any(entry.verb == "triage.broken_upstream" for entry in loop.audit.entries())


def test_a_real_shift_is_retrained_without_the_outage_and_the_challenger_waits_for_a_person(
    watched: Watched, loop: Loop
) -> None:
    watched.life.live(0, 200)
    watched.life.live(200, 260, outage=True)
    slow_feeder(watched, 195, 262)
    watched.life.live(260, 800)
    watched.life.live(800, 1200, turned=True)
    for at_s in (*range(180, 420, 40), *range(420, 800, 100), *range(800, 1100, 50)):
        loop.tick(at_s)
    (start, end, excluded, since) = loop.trained[0]
    assert since is not None
    assert after(740) <= since <= after(860)
    assert start < after(200) < after(830) <= end
    (left_out,) = excluded
    assert left_out[0] <= after(200)
    # Monitors judge windows of 240 s, looks are up to 100 s apart here, and onsets have a slack of 60 s.
    assert after(260) <= left_out[1] <= after(660)
    promotions = [r for r in loop.gate.plans(subject="model:fraud") if r.plan.actions[0].name == "promote_model"]
    assert [record.state for record in promotions] == [PlanState.WAITING]
    assert "real shift" in promotions[0].plan.reason
    assert len(loop.trained) == 1


def test_one_challenger_is_offered_once_and_goes_live_by_approval(watched: Watched, loop: Loop) -> None:
    watched.life.live(0, 600)
    watched.life.live(600, 1000, turned=True)
    for at_s in range(580, 1000, 35):
        loop.tick(at_s)
    (record,) = [r for r in loop.gate.plans(subject="model:fraud") if r.state is PlanState.WAITING]
    loop.gate.approve(record.plan.id, record.plan.hash, "ada", "looks right")
    loop.gate.tick()
    champion = watched.registry.alias("fraud", CHAMPION)
    assert champion is not None
    assert champion.number == 2


def test_a_refused_challenger_is_not_offered(watched: Watched) -> None:
    loop = Loop(watched, Judgement.FAIL)
    watched.life.live(0, 600)
    watched.life.live(600, 1000, turned=True)
    for at_s in range(580, 1000, 35):
        loop.tick(at_s)
    assert loop.trained
    assert all(r.plan.actions[0].name == "retrain_model" for r in loop.gate.plans(subject="model:fraud"))


def test_nothing_suspicious_gives_no_verdict(watched: Watched, loop: Loop) -> None:
    watched.life.live(0, 400)
    assert [loop.tick(at_s) for at_s in (200, 300, 390)] == [[], [], []]

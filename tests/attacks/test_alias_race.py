"""Between approval and deed: another promotion, another plan, another content, the same approval twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import ConflictError, WellkeptError
from wellkept.kernel.plan import Action, Plan, PlanState, Risk, Verification
from wellkept.ml.deploy.stage import PromoteModel, promotion_plan
from wellkept.spine.action import Actions
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy
from wellkept.spine.registry import CHAMPION, ModelVersion, Registry, VersionState
from wellkept.spine.stream import Stream

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Changes:
    def write(self, changes: Any) -> None:
        """Nobody reads them here."""

    def between(self, start: datetime, end: datetime) -> list[Any]:
        return []


class Started:
    def start(self, plan: str, actions: int) -> None:
        """The test does what the durable run does."""


class Scene:
    """A registry with three versions, and a gate in front of it."""

    def __init__(self, folder: Path) -> None:
        self.state, self.clock = state_in(folder / "state"), SettableClock(NOON)
        self.registry, stream = Registry(self.state), Stream(self.state, Changes())
        self.promote = PromoteModel(self.registry, stream, self.clock)
        self.gate = Gate(self.state, stream, Audit(self.state), Actions({self.promote.name: self.promote}),
                         Policy(), self.world, self.clock)  # fmt: skip
        self.gate.attach(Started())
        self.versions = [self.registry.register(version(number)) for number in (1, 2, 3)]
        self.registry.set_alias("fraud", CHAMPION, "sha256:1", expected=None, at=NOON, by="ada")

    def world(self, key: str) -> str:
        model, _, alias = key.partition(":")[2].partition("@")
        return self.registry.aliases(model).get(alias, "")

    def plan(self, number: int, minute: int = 0) -> Plan:
        at = NOON + timedelta(minutes=minute)
        found = promotion_plan(self.versions[number - 1], self.registry.alias("fraud", CHAMPION), at, "ada", "better")
        assert self.gate.propose(found) is PlanState.WAITING
        return found

    def state_of(self, plan: Plan) -> PlanState:
        found = self.gate.plan(plan.id)
        assert found is not None
        return found.state

    @property
    def champion(self) -> str:
        return self.registry.aliases("fraud")[CHAMPION]


def version(number: int) -> ModelVersion:
    return ModelVersion("fraud", f"sha256:{number}", NOON, "a", "onnx", "s", state=VersionState.PASSED)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.state.close()


def test_a_promotion_between_proposal_and_approval_voids_the_plan(scene: Scene) -> None:
    late = scene.plan(2)
    scene.registry.set_alias("fraud", CHAMPION, "sha256:3", expected="sha256:1", at=NOON, by="eve")

    with pytest.raises(ConflictError, match="the world changed"):
        scene.gate.approve(late.id, late.hash, "ada", "ok")

    assert scene.state_of(late) is PlanState.VOID
    assert scene.champion == "sha256:3"


def test_a_promotion_between_approval_and_start_voids_it_too(scene: Scene) -> None:
    late = scene.plan(2)
    scene.gate.approve(late.id, late.hash, "ada", "ok")
    scene.registry.set_alias("fraud", CHAMPION, "sha256:3", expected="sha256:1", at=NOON, by="eve")

    scene.gate.tick()

    assert scene.state_of(late) is PlanState.VOID
    assert scene.champion == "sha256:3"


def test_a_promotion_between_start_and_deed_fails_at_the_compare_and_set(scene: Scene) -> None:
    late = scene.plan(2)
    scene.gate.approve(late.id, late.hash, "ada", "ok")
    scene.gate.tick()
    scene.registry.set_alias("fraud", CHAMPION, "sha256:3", expected="sha256:1", at=NOON, by="eve")

    assert scene.gate.step(late.id, 0) == {"ok": False}
    scene.gate.settle(late.id)

    assert scene.state_of(late) is PlanState.FAILED
    assert scene.champion == "sha256:3"


def test_of_two_approved_plans_one_is_done(scene: Scene) -> None:
    plans = [scene.plan(2), scene.plan(3, minute=1)]
    for plan in plans:
        scene.gate.approve(plan.id, plan.hash, "ada", "ok")
    scene.gate.tick()

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda plan: scene.gate.step(plan.id, 0)["ok"], plans))

    assert sorted(done) == [False, True]
    moves = [move for move in scene.registry.alias_history("fraud") if move.alias == CHAMPION]
    assert len(moves) == 2, "the first champion, and one promotion"


def test_of_many_who_move_an_alias_at_once_one_wins(scene: Scene) -> None:
    def move(number: int) -> bool:
        try:
            scene.registry.set_alias(
                "fraud", CHAMPION, f"sha256:{number}", expected="sha256:1", at=NOON, by=str(number)
            )
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(move, [2, 3] * 12))

    champion = scene.champion
    moves = [one for one in scene.registry.alias_history("fraud") if one.alias == CHAMPION]
    assert [one.digest for one in moves] == ["sha256:1", champion]
    assert 1 <= sum(won) <= 12, "the same move again is no other move"


def test_an_approval_holds_for_what_was_read_and_nothing_else(scene: Scene) -> None:
    """The plan that a person read, and the one that would be run, are told apart by their hash."""
    read = scene.plan(2)
    evil = replace(read.actions[0], arguments={**read.actions[0].arguments, "digest": "sha256:3"})
    changed = replace(read, actions=(evil,))

    assert changed.hash != read.hash
    with pytest.raises(ConflictError, match="another content"):
        scene.gate.approve(read.id, changed.hash, "ada", "ok")
    assert scene.gate.propose(changed) is PlanState.WAITING
    found = scene.gate.plan(read.id)
    assert found is not None
    assert found.plan == read, "the same id again changes nothing"


def test_of_many_who_approve_at_once_one_decides_and_the_deed_is_done_once(scene: Scene) -> None:
    plan = scene.plan(2)

    def approve(name: int) -> bool:
        try:
            scene.gate.approve(plan.id, plan.hash, str(name), "ok")
        except WellkeptError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(approve, range(16))) == 1
    scene.gate.tick()
    assert [scene.gate.step(plan.id, 0)["ok"] for _ in range(3)] == [True] * 3
    moves = [move for move in scene.registry.alias_history("fraud") if move.alias == CHAMPION]
    assert [move.digest for move in moves] == ["sha256:1", "sha256:2"]


def test_an_approval_that_was_rejected_or_ran_out_opens_nothing(scene: Scene) -> None:
    refused, old = scene.plan(2), scene.plan(3, minute=1)
    scene.gate.reject(refused.id, "ada", "no")
    with pytest.raises(ConflictError):
        scene.gate.approve(refused.id, refused.hash, "eve", "yes")

    scene.gate.approve(old.id, old.hash, "ada", "ok")
    scene.clock.advance(timedelta(days=30))
    scene.gate.tick()

    assert (scene.state_of(refused), scene.state_of(old)) == (PlanState.REJECTED, PlanState.EXPIRED)
    assert scene.gate.step(old.id, 0) == {"ok": False}
    assert scene.champion == "sha256:1"


def test_a_version_that_failed_its_gates_is_promoted_by_nobody(scene: Scene) -> None:
    bad = scene.registry.register(replace(version(4), state=VersionState.REFUSED))

    with pytest.raises(WellkeptError, match="did not pass its gates"):
        scene.gate.propose(promotion_plan(bad, scene.registry.alias("fraud", CHAMPION), NOON, "eve", "please"))


def test_a_version_that_is_refused_after_the_approval_is_not_promoted(scene: Scene) -> None:
    plan = scene.plan(2)
    scene.gate.approve(plan.id, plan.hash, "ada", "ok")
    scene.gate.tick()
    scene.registry.update(replace(scene.versions[1], state=VersionState.REFUSED))

    assert scene.gate.step(plan.id, 0) == {"ok": False}
    assert scene.champion == "sha256:1"


NAMES = st.frozensets(st.sampled_from(["promote_model", "retrain_model", "x"]))


@given(st.booleans(), NAMES, st.sampled_from(list(Risk)))
def test_no_policy_lets_a_promotion_run_by_itself(low: bool, actions: frozenset[str], said: Risk) -> None:
    deed = Action("promote_model", "model:fraud", {})
    plan = Plan("p", "s", "t", "r", said, (deed,), Verification(sentence="done"), NOON, "eve")
    risk = max(said, PromoteModel.risk, key=list(Risk).index)

    assert Policy(low, actions).allows(plan, risk)[0] is False

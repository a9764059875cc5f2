"""Promotion and rollback: the alias moves once, as approved, or not at all; and there is a way back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.ml.workshop import NOON, Changes
from tests.store.fixtures import state_in

from wellkept.kernel.change import ChangeKind
from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import ActionError, ConflictError, InputError, NotFoundError
from wellkept.kernel.plan import Action, ActionResult, Plan, PlanState, Risk
from wellkept.ml.deploy.stage import PromoteModel, deployments, promotion_plan, rollback_plan
from wellkept.spine.action import Actions
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy
from wellkept.spine.registry import CHAMPION, PREVIOUS, ModelVersion, Registry, VersionState
from wellkept.spine.stream import Stream


class Runs:
    """Runs a plan's actions as soon as they are approved, as the durable executor does."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def start(self, plan: str, actions: int) -> None:
        for index in range(actions):
            self._gate.step(plan, index)
        self._gate.settle(plan)


class Desk:
    """A registry with versions 1 to 3, and a gate in front of it."""

    def __init__(self, folder: Path) -> None:
        self.state, self.clock, self.changes = state_in(folder), SettableClock(NOON), Changes()
        self.registry, self.stream = Registry(self.state), Stream(self.state, self.changes)
        self.registry.save_contract("fraud", "name: fraud", "sha256:0", NOON)
        self.versions = [self._version(number) for number in (1, 2, 3)]
        self.promote = PromoteModel(self.registry, self.stream, self.clock)
        actions = Actions({self.promote.name: self.promote})
        self.gate = Gate(self.state, self.stream, Audit(self.state), actions, Policy(), self._world, self.clock)
        self.gate.attach(Runs(self.gate))

    def plan(self, number: int) -> Plan:
        self.clock.advance(timedelta(seconds=1))
        version, champion = self.versions[number - 1], self.registry.alias("fraud", CHAMPION)
        return promotion_plan(version, champion, self.clock.now(), "ada", "it is better")

    def go_live(self, number: int) -> None:
        """Promote a version by the gate, as a person would."""
        plan = self.plan(number)
        self.gate.propose(plan)
        self.gate.approve(plan.id, plan.hash, "ada", "looks right")
        self.gate.tick()

    def live(self) -> tuple[int | None, int | None]:
        """The numbers of the champion and of the one before."""
        found = [self.registry.alias("fraud", alias) for alias in (CHAMPION, PREVIOUS)]
        return tuple(version.number if version else None for version in found)  # type: ignore[return-value]

    def _version(self, number: int, state: VersionState = VersionState.PASSED) -> ModelVersion:
        digest = f"sha256:{number:064}"
        lineage = {"contract": f"sha256:{number}"}
        return self.registry.register(
            ModelVersion("fraud", digest, NOON, digest, "onnx", digest, lineage=lineage, state=state)
        )

    def _world(self, key: str) -> str:
        _, _, name = key.partition(":")
        model, _, alias = name.partition("@")
        return self.registry.aliases(model).get(alias, "")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.state.close()


def test_an_approved_plan_moves_the_alias_once(desk: Desk) -> None:
    desk.go_live(1)
    desk.gate.tick()

    assert desk.live() == (1, None)
    assert [(move.alias, move.digest) for move in desk.registry.alias_history("fraud")] == [
        (CHAMPION, desk.versions[0].digest)
    ]
    promotions = [change for change in desk.changes.written if change.kind is ChangeKind.PROMOTION]
    assert [change.summary for change in promotions] == ["version 1 of fraud is live"]


def test_it_waits_for_a_person_whatever_the_policy_says(desk: Desk) -> None:
    plan = desk.plan(1)

    assert plan.risk is Risk.HIGH
    assert desk.gate.propose(plan) is PlanState.WAITING
    desk.gate.tick()
    assert desk.live() == (None, None)


def test_the_plan_says_what_will_be_different(desk: Desk) -> None:
    desk.go_live(1)
    plan = desk.plan(2)

    assert plan.title == "Promote version 2 of fraud"
    assert plan.effect == "Every prediction of fraud comes from version 2 instead of version 1."
    assert plan.actions[0].undo == "wellkept models rollback fraud"
    assert desk.gate.previews(plan) == ["version 2 of fraud takes the place of version 1 (served as onnx)"]


def test_a_rollback_brings_the_version_before_back_and_can_be_taken_back(desk: Desk) -> None:
    desk.go_live(1)
    desk.go_live(2)
    assert desk.live() == (2, 1)

    for expected in ((1, 2), (2, 1)):
        desk.clock.advance(timedelta(seconds=1))
        plan = rollback_plan(desk.registry, "fraud", desk.clock.now(), "ada", "")
        assert plan.reason == f"roll back from version {expected[1]}"
        desk.gate.propose(plan)
        desk.gate.approve(plan.id, plan.hash, "ada", "")
        desk.gate.tick()
        assert desk.live() == expected


@pytest.mark.parametrize("count", [0, 1])
def test_there_is_no_way_back_from_the_first_version(count: int, desk: Desk) -> None:
    for number in range(count):
        desk.go_live(number + 1)

    with pytest.raises(NotFoundError, match="model fraud: has no previous champion to go back to"):
        rollback_plan(desk.registry, "fraud", NOON, "ada", "")


def test_a_plan_is_void_when_the_champion_has_changed_meanwhile(desk: Desk) -> None:
    desk.go_live(1)
    late = desk.plan(2)
    desk.gate.propose(late)
    desk.go_live(3)

    with pytest.raises(ConflictError, match="the world changed: alias:fraud@champion"):
        desk.gate.approve(late.id, late.hash, "ada", "")

    record = desk.gate.plan(late.id)
    assert record is not None
    assert record.state is PlanState.VOID
    assert desk.live() == (3, 1)


def test_the_champion_may_change_between_approval_and_run(desk: Desk) -> None:
    desk.go_live(1)
    action = desk.plan(2).actions[0]
    desk.go_live(3)

    with pytest.raises(ActionError, match="was expected to be") as raised:
        desk.promote.run(action, "pln-late:0")

    assert not raised.value.retry_helps
    assert desk.live() == (3, 1)


def test_a_refused_version_cannot_be_promoted(desk: Desk) -> None:
    refused = desk._version(4, VersionState.REFUSED)
    plan = promotion_plan(refused, None, NOON, "ada", "")

    with pytest.raises(InputError, match="version 4 of fraud: did not pass its gates, got 'refused'"):
        desk.gate.propose(plan)

    assert desk.gate.plan(plan.id) is None
    with pytest.raises(InputError, match="did not pass its gates"):
        desk.promote.run(plan.actions[0], "key")


def test_a_version_that_was_refused_after_the_approval_does_not_go_live(desk: Desk) -> None:
    action = desk.plan(2).actions[0]
    desk.registry.update(replace(desk.versions[1], state=VersionState.REFUSED))

    with pytest.raises(InputError, match="did not pass its gates"):
        desk.promote.run(action, "key")


def test_what_is_live_cannot_be_promoted(desk: Desk) -> None:
    desk.go_live(1)

    with pytest.raises(ConflictError, match="version 1 of fraud: is live already"):
        desk.plan(1)


def test_an_unknown_version_is_named(desk: Desk) -> None:
    action = Action("promote_model", "model:fraud", {"model": "fraud", "digest": "sha256:9"})

    with pytest.raises(NotFoundError, match="model fraud: has no such version, number or alias, got 'sha256:9'"):
        desk.promote.preview(action)


def test_the_same_key_again_changes_nothing(desk: Desk) -> None:
    desk.go_live(1)
    action = desk.plan(2).actions[0]
    first = desk.promote.run(action, "pln-x:0")
    history = desk.registry.alias_history("fraud")

    again = desk.promote.run(action, "pln-x:0")

    assert (first.ok, again.ok) == (True, True)
    assert desk.registry.alias_history("fraud") == history
    assert desk.live() == (2, 1)


def test_a_run_that_was_cut_off_between_the_aliases_keeps_the_way_back(desk: Desk) -> None:
    desk.go_live(1)
    action, key = desk.plan(2).actions[0], "pln-x:0"
    before = desk.versions[0].digest
    desk.registry.set_alias("fraud", CHAMPION, desk.versions[1].digest, expected=before, at=NOON, by=key)

    result = desk.promote.run(action, key)

    assert result == ActionResult(
        True, True, "version 2 of fraud is live", {"digest": desk.versions[1].digest, "before": before}
    )
    assert desk.live() == (2, 1)


def test_what_should_be_served_is_each_champion_under_its_own_contract(desk: Desk) -> None:
    assert deployments(desk.registry, lambda _: "") == []
    desk.go_live(2)
    desk.registry.save_contract("fraud", "name: fraud  # newer", "sha256:newer", NOON)

    (found,) = deployments(desk.registry, lambda version: version.lineage["contract"])

    assert found == {
        "model": "fraud",
        "digest": desk.versions[1].digest,
        "version": 2,
        "artifact": desk.versions[1].artifact,
        "contract": "sha256:2",
        "entity": "deployment:fraud",
    }

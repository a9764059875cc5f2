"""Aliases beside the champion move through the gate by compare-and-set, and every move says who allowed it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.ml.workshop import NOON, Changes
from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import ActionError, ConflictError, InputError
from wellkept.kernel.plan import Action, PlanState
from wellkept.ml.register.aliases import MoveAlias, alias_plan, told_moves
from wellkept.spine.action import Actions
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy
from wellkept.spine.registry import ModelVersion, Registry, VersionState
from wellkept.spine.stream import Stream


class Executor:
    """Starts nothing: the test runs what was started."""

    def start(self, plan: str, actions: int) -> None:
        pass


class Scene:
    def __init__(self, folder: Path) -> None:
        self.state, clock = state_in(folder), SettableClock(NOON)
        self.registry = Registry(self.state)
        self.handler = MoveAlias(self.registry, clock)

        def world(key: str) -> str:
            model, _, alias = key.removeprefix("alias:").partition("@")
            return self.registry.aliases(model).get(alias, "")

        actions = Actions({self.handler.name: self.handler})
        stream, audit = Stream(self.state, Changes()), Audit(self.state)
        self.gate = Gate(self.state, stream, audit, actions, Policy(), world, clock)
        self.gate.attach(Executor())
        self.versions = [self.registry.register(version(number)) for number in (1, 2)]

    def moved(self, alias: str, to: ModelVersion | None) -> PlanState:
        plan = alias_plan(self.registry, alias, to, "fraud", NOON, "bob")
        assert self.gate.propose(plan) is PlanState.WAITING
        self.gate.approve(plan.id, plan.hash, "ada", "it is time")
        self.gate.tick()
        self.gate.step(plan.id, 0)
        self.gate.settle(plan.id)
        record = self.gate.plan(plan.id)
        assert record is not None
        return record.state


def version(number: int, state: VersionState = VersionState.PASSED) -> ModelVersion:
    digest = f"sha256:{number:064}"
    return ModelVersion("fraud", digest, NOON, digest, "onnx", "", state=state)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.state.close()


def test_a_move_is_approved_done_and_told_with_who_allowed_it(scene: Scene) -> None:
    first, second = scene.versions

    states = [scene.moved("shadow", to) for to in (first, second, None)]

    assert states == [PlanState.SUCCEEDED] * 3
    assert scene.registry.aliases("fraud") == {}
    told = told_moves(scene.registry, scene.gate.plan, "fraud")
    assert [(move["version"], move["approved_by"], move["why"]) for move in told] == [
        (1, "ada", "it is time"),
        (2, "ada", "it is time"),
        (None, "ada", "it is time"),
    ]
    assert all(len(move["hash"]) == 64 and move["plan"].startswith("pln-") for move in told)


def test_an_alias_that_moved_meanwhile_voids_the_plan(scene: Scene) -> None:
    first, second = scene.versions
    plan = alias_plan(scene.registry, "shadow", first, "fraud", NOON, "bob")
    scene.gate.propose(plan)
    scene.registry.set_alias("fraud", "shadow", second.digest, expected=None, at=NOON, by="somebody")

    with pytest.raises(ConflictError, match="the world changed"):
        scene.gate.approve(plan.id, plan.hash, "ada", "")
    with pytest.raises(ActionError, match="was expected to be"):
        scene.handler.run(plan.actions[0], "key")


@pytest.mark.parametrize("alias", ["champion", "previous"])
def test_what_promotions_move_is_not_moved_here(scene: Scene, alias: str) -> None:
    with pytest.raises(InputError, match="promote"):
        alias_plan(scene.registry, alias, scene.versions[0], "fraud", NOON, "bob")
    arguments = {"model": "fraud", "alias": alias, "digest": scene.versions[0].digest, "expected": ""}
    with pytest.raises(InputError):
        scene.handler.run(Action("move_alias", "model:fraud", arguments), "key")


def test_a_version_that_did_not_pass_gets_no_alias(scene: Scene) -> None:
    refused = replace(scene.versions[0], state=VersionState.REFUSED)

    with pytest.raises(InputError, match="did not pass"):
        alias_plan(scene.registry, "shadow", refused, "fraud", NOON, "bob")


@pytest.mark.parametrize("alias", ["12", "latest", "a b", ""])
def test_what_is_no_name_of_an_alias_is_refused_before_anybody_is_asked(scene: Scene, alias: str) -> None:
    with pytest.raises(InputError, match="must be letters, digits"):
        alias_plan(scene.registry, alias, scene.versions[0], "fraud", NOON, "bob")


def test_an_alias_that_is_as_wished_says_how_it_is(scene: Scene) -> None:
    with pytest.raises(ConflictError, match="points nowhere, so there is nothing to take away"):
        alias_plan(scene.registry, "shadow", None, "fraud", NOON, "bob")
    scene.moved("shadow", scene.versions[0])
    with pytest.raises(ConflictError, match="points to version 1 already"):
        alias_plan(scene.registry, "shadow", scene.versions[0], "fraud", NOON, "bob")

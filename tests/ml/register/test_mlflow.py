"""What changes MLflow's registry for everybody: plans, and an action that believes only what it reads back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ml.register.mlflow_scene import Scene
from tests.mlflow_server import FakeMlflow, fake_mlflow

from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.plan import Action, PlanState
from wellkept.ml.register.mlflow import VERBS, ChangeMlflow, Wish
from wellkept.store.mlflow.client import MlflowClient, Upstream

CHAMPION = Wish("set_alias", "fraud", "2", "champion")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with fake_mlflow() as mlflow:
        mlflow.add("fraud", "1")
        mlflow.add("fraud", "2")
        mlflow.aliases["fraud"]["champion"] = "1"
        made = Scene(tmp_path, mlflow)
        yield made
        made.close()


def test_an_approved_move_is_done_by_the_gate_and_read_back(scene: Scene) -> None:
    plan = scene.desk.propose(CHAMPION, "bob")
    waiting = scene.record(plan)

    assert waiting.state is PlanState.WAITING
    assert scene.mlflow.aliases["fraud"]["champion"] == "1"
    assert waiting.plan.effect == "Whoever loads models:/fraud@champion gets version 2 instead of version 1."
    assert waiting.plan.proposed_by == "bob"

    done = scene.approve(plan)

    assert done.state is PlanState.SUCCEEDED
    assert scene.mlflow.aliases["fraud"]["champion"] == "2"
    assert done.results[0].sentence.startswith("done and read back")
    assert scene.desk.is_so(CHAMPION)


def test_a_wish_that_waits_is_not_asked_for_twice(scene: Scene) -> None:
    first = scene.desk.propose(CHAMPION, "bob")

    assert scene.desk.propose(CHAMPION, "eve") == first
    assert scene.desk.propose(Wish("set_alias", "fraud", "2", "challenger"), "bob") != first


def test_a_champion_that_moved_meanwhile_voids_the_plan(scene: Scene) -> None:
    plan = scene.desk.propose(CHAMPION, "bob")
    scene.mlflow.aliases["fraud"]["champion"] = "3"

    with pytest.raises(ConflictError, match="the world changed"):
        scene.approve(plan)

    assert scene.record(plan).state is PlanState.VOID
    assert scene.mlflow.aliases["fraud"]["champion"] == "3"


def test_a_version_that_was_swapped_under_its_number_voids_the_plan(scene: Scene) -> None:
    plan = scene.desk.propose(CHAMPION, "bob")
    scene.mlflow.versions["fraud", "2"]["source"] = "models:/m-evil"

    with pytest.raises(ConflictError, match="the world changed"):
        scene.approve(plan)


def test_a_change_that_mlflow_takes_and_does_not_keep_is_a_failure(scene: Scene) -> None:
    plan = scene.desk.propose(CHAMPION, "bob")
    scene.mlflow.forgets = True

    done = scene.approve(plan)

    assert done.state is PlanState.FAILED
    assert "does not show it" in done.sentence


@pytest.mark.parametrize(
    "wish",
    [
        Wish("delete_alias", "fraud", alias="champion"),
        Wish("delete_version", "fraud", "1"),
        Wish("delete_model", "fraud"),
        Wish("rename", "fraud", new_name="fraud2"),
        Wish("transition", "fraud", "2", stage="Production"),
    ],
    ids=lambda wish: wish.verb,
)
def test_every_change_is_done_once_it_is_approved(scene: Scene, wish: Wish) -> None:
    done = scene.approve(scene.desk.propose(wish, "bob"))

    assert done.state is PlanState.SUCCEEDED, done.sentence
    again = ChangeMlflow(scene.client).run(done.plan.actions[0], "the same key")
    assert (again.ok, again.changed) == (True, False)


@pytest.mark.parametrize(
    "wish",
    [
        Wish("set_alias", "fraud", "9", "champion"),
        Wish("set_alias", "nothing", "1", "champion"),
        Wish("delete_model", "nothing"),
        Wish("delete_alias", "fraud", alias="challenger"),
    ],
)
def test_nothing_is_proposed_about_what_is_not_there(scene: Scene, wish: Wish) -> None:
    with pytest.raises(NotFoundError, match="is not there"):
        scene.desk.propose(wish, "bob")

    assert scene.gate.plans() == []


def test_only_aliases_that_nobody_guards_are_free_whatever_their_case(scene: Scene) -> None:
    assert not scene.desk.is_free(CHAMPION)
    assert not scene.desk.is_free(Wish("set_alias", "fraud", "2", "Champion"))
    assert scene.desk.is_free(Wish("set_alias", "fraud", "2", "mine"))
    assert not scene.desk.is_free(Wish("delete_version", "fraud", "2"))


def test_nothing_is_decided_while_mlflow_does_not_answer(tmp_path: Path) -> None:
    made = Scene(tmp_path, FakeMlflow(upstream=Upstream("http://127.0.0.1:9")))

    with pytest.raises(ConflictError, match="cannot be asked now"):
        made.desk.propose(CHAMPION, "bob")
    made.close()


def test_an_action_of_no_known_verb_is_refused() -> None:
    client = MlflowClient(Upstream("http://127.0.0.1:9"))
    for arguments in ({"verb": "drop", "name": "x"}, {"verb": "rename", "name": "x", "colour": "red"}, {"name": "x"}):
        with pytest.raises(InputError, match="change_mlflow"):
            ChangeMlflow(client).preview(Action("change_mlflow", "model:x", arguments))
    assert set(VERBS) == {"set_alias", "delete_alias", "delete_version", "delete_model", "rename", "transition"}
    client.close()

"""Remedies that could run by themselves, and do not: too often, stopped by people, or not their turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.spine.scene import DISK, NOON, Scene, plan

from wellkept.kernel.errors import ConflictError, InputError
from wellkept.kernel.plan import Action, Plan, PlanState, Risk
from wellkept.spine.brakes import Brakes

DAY_S = 86_400.0


def remedy(scene: Scene, number: int, *, target: str = DISK, runbook: str = "clear", name: str = "clear_logs") -> Plan:
    made = replace(plan(name, id=f"pln-{number}"), runbook=runbook, proposed_at=scene.clock.now())
    return replace(made, actions=(Action(name, target),))


def done(scene: Scene, made: Plan) -> PlanState:
    """What becomes of a remedy: run to its end, where it may."""
    state = scene.gate.propose(made)
    scene.gate.tick()
    if scene.record(made).state is PlanState.RUNNING:
        scene.run(made)
    return state


def test_what_comes_back_a_fourth_time_within_a_day_waits_for_a_person(scene: Scene) -> None:
    made = [remedy(scene, number) for number in range(4)]

    assert [done(scene, one) for one in made] == [PlanState.APPROVED] * 3 + [PlanState.WAITING]
    assert scene.record(made[3]).sentence == (
        f"it ran by itself 3 times on {DISK} within 24 hours: what comes back is not mended by it"
    )


def test_after_a_day_it_runs_by_itself_again(scene: Scene) -> None:
    for number in range(3):
        done(scene, remedy(scene, number))
    scene.later(DAY_S + 1)

    assert done(scene, remedy(scene, 4)) is PlanState.APPROVED


@pytest.mark.parametrize("other", [{"target": "disk:h2:/data"}, {"runbook": "shrink"}])
def test_other_places_and_other_runbooks_are_counted_by_themselves(scene: Scene, other: dict[str, str]) -> None:
    for number in range(3):
        done(scene, remedy(scene, number))

    assert done(scene, remedy(scene, 4, **other)) is PlanState.APPROVED


def test_what_people_approved_does_not_count(scene: Scene) -> None:
    scene.gate.brakes.pause("ann", "careful", NOON)
    for number in range(3):
        made = remedy(scene, number)
        scene.gate.propose(made)
        scene.gate.approve(made.id, made.hash, "ann", "once more")
    scene.gate.brakes.resume("ann", NOON)

    assert done(scene, remedy(scene, 4)) is PlanState.APPROVED


def test_what_never_ran_does_not_count(scene: Scene) -> None:
    scene.world["incident:inc-1"] = "over"
    for number in range(3):
        made = replace(remedy(scene, number), world={"incident:inc-1": "live"})
        scene.gate.propose(made)
        scene.gate.tick()
        assert scene.record(made).state is PlanState.VOID

    assert done(scene, remedy(scene, 4)) is PlanState.APPROVED


def test_while_runbooks_are_paused_a_person_decides_and_may(scene: Scene) -> None:
    scene.gate.brakes.pause("ann", "it deletes the wrong logs", NOON)
    made = remedy(scene, 1)

    assert scene.gate.propose(made) is PlanState.WAITING
    assert scene.record(made).sentence == "runbooks are paused by ann: it deletes the wrong logs"
    scene.gate.approve(made.id, made.hash, "bob", "these are right")
    scene.gate.tick()
    assert scene.record(made).state is PlanState.RUNNING


def test_a_pause_holds_for_every_gate_on_the_store_and_after_a_restart(scene: Scene) -> None:
    scene.gate.brakes.pause("ann", "careful", NOON)

    assert scene.new_gate().propose(remedy(scene, 1)) is PlanState.WAITING


def test_a_pause_ends_by_itself_where_it_was_given_a_time(scene: Scene) -> None:
    pause = scene.gate.brakes.pause("ann", "careful", NOON, 3600)

    assert pause.sentence == "runbooks are paused until 2026-11-02 13:00 UTC by ann: careful"
    assert done(scene, remedy(scene, 1)) is PlanState.WAITING
    scene.later(3600)
    assert done(scene, remedy(scene, 2)) is PlanState.APPROVED


def test_a_pause_holds_nothing_that_is_no_runbook(scene: Scene) -> None:
    """A rollback makes things safe again; it waits for nobody who stopped remedies."""
    scene.gate.brakes.pause("ann", "careful", NOON)

    assert scene.gate.propose(plan("clear_logs")) is PlanState.APPROVED


def test_what_was_proposed_in_a_pause_still_waits_after_it(scene: Scene) -> None:
    scene.gate.brakes.pause("ann", "careful", NOON)
    made = remedy(scene, 1)
    scene.gate.propose(made)
    scene.gate.brakes.resume("ann", NOON)
    scene.gate.tick()

    assert scene.record(made).state is PlanState.WAITING


def test_who_paused_and_resumed_is_in_the_audit_log(scene: Scene) -> None:
    scene.gate.brakes.pause("ann", "careful", NOON)
    scene.gate.brakes.resume("bob", NOON)

    told = [(entry.actor, entry.verb) for entry in scene.audit.entries(subject="runbooks")]
    assert told == [("bob", "runbooks.resumed"), ("ann", "runbooks.paused")]
    assert scene.audit.verify() == 2


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda brakes: brakes.pause("ann", " ", NOON), InputError, "why: is required"),
        (lambda brakes: brakes.pause("ann", "x", NOON, -1.0), InputError, "for_s: must be above 0"),
        (lambda brakes: brakes.pause("ann", "x", NOON, float("nan")), InputError, "for_s: must be above 0"),
        (lambda brakes: brakes.resume("ann", NOON), ConflictError, "runbooks: are not paused"),
    ],
)
def test_what_makes_no_sense_is_refused(
    scene: Scene, call: Callable[[Brakes], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        call(scene.gate.brakes)


def test_two_remedies_are_never_at_work_in_one_place(scene: Scene) -> None:
    first, second = remedy(scene, 1), remedy(scene, 2, runbook="shrink")
    elsewhere = remedy(scene, 3, target="disk:h2:/data")
    for made in (first, second, elsewhere):
        scene.gate.propose(made)
    scene.gate.tick()

    states = [scene.record(made).state for made in (first, second, elsewhere)]
    assert states == [PlanState.RUNNING, PlanState.APPROVED, PlanState.RUNNING]
    assert scene.record(second).sentence == f"waits for plan {first.id}, which is at work on {DISK}"
    scene.run(first)
    scene.gate.tick()
    assert scene.record(second).state is PlanState.RUNNING


def test_a_remedy_that_waits_for_its_turn_is_void_where_the_trouble_is_over(scene: Scene) -> None:
    scene.world["incident:inc-1"] = "live"
    first = remedy(scene, 1)
    second = replace(remedy(scene, 2), world={"incident:inc-1": "live"})
    for made in (first, second):
        scene.gate.propose(made)
    scene.gate.tick()
    scene.run(first)
    scene.world["incident:inc-1"] = "over"
    scene.gate.tick()

    assert scene.record(second).state is PlanState.VOID


def test_a_remedy_holds_up_nothing_that_is_none(scene: Scene) -> None:
    first, other = remedy(scene, 1), plan("restart", id="pln-2", risk=Risk.MEDIUM)
    scene.gate.propose(first)
    scene.gate.propose(other)
    scene.gate.approve(other.id, other.hash, "ann", "now")
    scene.gate.tick()

    assert [scene.record(made).state for made in (first, other)] == [PlanState.RUNNING] * 2

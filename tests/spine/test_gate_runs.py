"""What happens to a plan that runs: success, failure, retries, and going on after a crash."""

from __future__ import annotations

import itertools
import logging

import pytest
from tests.spine.scene import Scene, plan

from wellkept.kernel.errors import ActionError, InputError, StoreError, WellkeptError
from wellkept.kernel.plan import Action, ActionResult, Plan, PlanState
from wellkept.spine.action import ATTEMPTS, Interrupted


def running(scene: Scene, made: Plan) -> Plan:
    scene.gate.propose(made)
    if scene.record(made).state is PlanState.WAITING:
        scene.gate.approve(made.id, made.hash, "ann", "fine")
    scene.gate.tick()
    return made


def failing(*errors: Exception) -> object:
    """Raises each error once, then works."""
    waiting = iter(errors)

    def behave(action: Action, key: str) -> ActionResult:
        for error in waiting:
            raise error
        return ActionResult(True, True, "done at last")

    return behave


def test_an_action_that_reports_failure_fails_the_plan(scene: Scene) -> None:
    scene.medium.behave = lambda action, key: ActionResult(False, False, "no such service")
    made = running(scene, plan("restart", "restart"))

    scene.run(made)

    record = scene.record(made)
    assert (record.state, record.sentence) == (PlanState.FAILED, "an action failed: no such service")
    assert scene.medium.keys == ["pln-1:0"], "the next action is not tried"
    assert scene.verbs(made)[-2:] == ["action.failed", "plan.failed"]


def test_what_a_retry_helps_is_retried_under_the_same_key(scene: Scene) -> None:
    scene.medium.behave = failing(ActionError("the agent is away", retry_helps=True))  # type: ignore[assignment]
    made = running(scene, plan("restart"))

    scene.run(made)

    assert scene.record(made).state is PlanState.SUCCEEDED
    assert scene.medium.keys == ["pln-1:0", "pln-1:0"]


def test_what_a_retry_does_not_help_is_not_retried(scene: Scene) -> None:
    scene.medium.behave = failing(ActionError("the command ended with code 1", retry_helps=False))  # type: ignore[assignment]
    made = running(scene, plan("restart"))

    scene.run(made)

    assert scene.record(made).sentence == "an action failed: the command ended with code 1"
    assert scene.medium.keys == ["pln-1:0"]


def test_retries_end(scene: Scene) -> None:
    scene.medium.behave = failing(*[ActionError("the agent is away", retry_helps=True)] * 10)  # type: ignore[assignment]
    made = running(scene, plan("restart"))

    scene.run(made)

    assert scene.record(made).state is PlanState.FAILED
    assert len(scene.medium.keys) == ATTEMPTS


@pytest.mark.parametrize(
    ("error", "sentence", "changed"),
    [
        (InputError("directory", "must be absolute", "logs"), "directory: must be absolute, got 'logs'", False),
        (WellkeptError("model fraud was never trained"), "model fraud was never trained", False),
        (StoreError("the registry is away"), "the registry is away", False),
        (KeyError("host_id"), "restart failed unexpectedly: KeyError: 'host_id'", True),
        (OSError(28, "No space left on device"), "restart failed unexpectedly: OSError: [Errno 28]", True),
    ],
)
def test_whatever_an_action_raises_ends_its_plan(
    scene: Scene, error: Exception, sentence: str, changed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    scene.medium.behave = failing(error)  # type: ignore[assignment]
    made = running(scene, plan("restart"))

    with caplog.at_level(logging.CRITICAL):
        scene.run(made)

    record = scene.record(made)
    assert record.state is PlanState.FAILED
    assert record.sentence.startswith(f"an action failed: {sentence}")
    assert record.results[0].changed is changed, "what is not known may have happened"


def test_verification_waits_for_every_finding(scene: Scene) -> None:
    first, second = scene.suspect("a"), scene.suspect("b")
    made = running(scene, plan(findings=[first.id, second.id]))
    scene.run(made)

    scene.stream.close([first.fingerprint], scene.clock.now())
    assert scene.gate.settle(made.id) is False
    scene.stream.close([second.fingerprint], scene.clock.now())
    assert scene.gate.settle(made.id) is True

    assert scene.record(made).state is PlanState.SUCCEEDED


def test_what_is_not_verified_in_time_has_failed(scene: Scene) -> None:
    suspicion = scene.suspect("disk")
    made = running(scene, plan(findings=[suspicion.id], within_s=60))
    scene.later(500)  # waiting for the decision does not count
    scene.run(made)

    scene.later(60)
    assert scene.gate.settle(made.id) is False
    scene.later(1)
    assert scene.gate.settle(made.id) is True

    record = scene.record(made)
    assert (record.state, record.sentence) == (PlanState.FAILED, "not verified within 60 s: disk runs out")


def test_a_settled_plan_stays_settled(scene: Scene) -> None:
    made = running(scene, plan("restart"))
    scene.run(made)
    scene.later(1000)

    assert scene.gate.settle(made.id) is True
    assert scene.gate.step(made.id, 0) == {"ok": True}

    assert scene.record(made).state is PlanState.SUCCEEDED
    assert scene.medium.keys == ["pln-1:0"]
    assert len(scene.settled) == 1


def test_an_action_whose_result_is_kept_is_not_run_again(scene: Scene) -> None:
    made = running(scene, plan("restart", "restart"))
    scene.gate.step(made.id, 0)

    assert scene.new_gate().step(made.id, 0) == {"ok": True}
    scene.run(made)

    assert scene.medium.keys == ["pln-1:0", "pln-1:1"]
    assert scene.verbs(made).count("action.done") == 2
    assert scene.record(made).state is PlanState.SUCCEEDED


def test_a_crash_between_the_last_result_and_the_next_state_is_made_good(scene: Scene) -> None:
    made = running(scene, plan("restart"))
    gate, moved = scene.gate, scene.gate._move
    scene.gate._move = lambda *_: False  # type: ignore[method-assign]
    gate.step(made.id, 0)
    scene.gate._move = moved  # type: ignore[method-assign]
    assert scene.record(made).state is PlanState.RUNNING

    scene.run(made)

    assert scene.record(made).state is PlanState.SUCCEEDED
    assert scene.medium.keys == ["pln-1:0"]


def test_a_process_that_is_stopped_in_the_middle_keeps_no_result(scene: Scene) -> None:
    def stopped(action: Action, key: str) -> ActionResult:
        raise Interrupted

    works, scene.medium.behave = scene.medium.behave, stopped
    made = running(scene, plan("restart"))
    with pytest.raises(Interrupted):
        scene.run(made)
    record = scene.record(made)
    assert (record.state, record.results) == (PlanState.RUNNING, ())

    scene.medium.behave = works
    scene.gate = scene.new_gate()
    scene.gate.attach(scene.executor)
    scene.run(made)

    assert scene.record(made).state is PlanState.SUCCEEDED
    assert scene.medium.keys == ["pln-1:0", "pln-1:0"], "asked again under the same key"


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_nothing_runs_before_it_is_decided_and_started(scene: Scene, verb: str) -> None:
    made = plan("restart")
    scene.gate.propose(made)
    assert scene.gate.step(made.id, 0) == {"ok": False}
    if verb == "approve":
        scene.gate.approve(made.id, made.hash, "ann", "")
    else:
        scene.gate.reject(made.id, "ann", "")

    assert scene.gate.step(made.id, 0) == {"ok": False}

    assert scene.medium.keys == []
    assert scene.record(made).results == ()


def test_a_new_process_goes_on_with_what_was_under_way(scene: Scene) -> None:
    made = running(scene, plan("restart", "restart"))
    waiting = plan("restart", id="pln-2")
    scene.gate.propose(waiting)
    scene.executor.started.clear()

    scene.new_gate().attach(scene.executor)

    assert scene.executor.started == [(made.id, 2)]
    assert scene.verbs(made)[-1] == "plan.resumed"
    assert scene.details(made, "plan.resumed")["decision"]["by"] == "ann"


def test_a_plan_that_could_not_be_handed_over_is_handed_over_at_the_next_look(scene: Scene) -> None:
    made, start, calls = plan("restart"), scene.executor.start, itertools.count()

    def failing_once(plan: str, actions: int) -> None:
        if next(calls) == 0:
            raise RuntimeError("database is locked")
        start(plan, actions)

    scene.executor.start = failing_once  # type: ignore[method-assign]
    scene.gate.propose(made)
    scene.gate.approve(made.id, made.hash, "ann", "")
    with pytest.raises(RuntimeError, match="database is locked"):
        scene.gate.tick()

    scene.gate.tick()
    scene.gate.tick()

    assert scene.executor.started == [(made.id, 1)]
    assert scene.verbs(made).count("plan.started") == 1


def test_without_an_executor_an_approved_plan_waits(scene: Scene) -> None:
    gate, made = scene.new_gate(), plan("restart")
    gate.propose(made)
    gate.approve(made.id, made.hash, "ann", "")

    gate.tick()

    assert scene.record(made).state is PlanState.APPROVED


def test_a_plan_of_which_an_action_was_never_run_has_not_succeeded(scene: Scene) -> None:
    made = running(scene, plan("restart", "restart"))
    scene.gate.step(made.id, 0)

    assert scene.gate.settle(made.id) is True

    record = scene.record(made)
    assert (record.state, record.sentence) == (PlanState.FAILED, "not every action was run")

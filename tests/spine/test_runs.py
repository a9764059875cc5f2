"""Runs outlive their process: it is killed while a plan waits, acts and is verified, and nothing is done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.spine.run_process import SystemClock, gate_on, lines
from tests.spine.scene import Changes, finding, plan
from tests.store.fixtures import state_in

from wellkept.kernel.plan import Plan, PlanState, Risk
from wellkept.spine.agents import AgentDoor
from wellkept.spine.audit import Audit
from wellkept.spine.stream import Stream
from wellkept.store.state.state import State

ROOT = Path(__file__).parents[2]
WITHIN_S = 60.0


@dataclass
class World:
    """The folder that the process and the test share, and the test's own eyes and hands on the store."""

    folder: Path
    state: State
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.door = AgentDoor(self.state, SystemClock())
        self.gate = gate_on(self.state, self.folder, self.door)
        self.stream = Stream(self.state, Changes())
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, and wait until it looks at its plans."""
        (self.folder / "ready").unlink(missing_ok=True)
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        with (self.folder / "printed").open("ab") as printed:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.spine.run_process", str(self.folder), *self.arguments],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": path},
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
        self.until((self.folder / "ready").exists)

    def end(self, number: signal.Signals) -> int:
        """Send the process a signal, and wait for its end."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(WITHIN_S)
        self.process = None
        return code

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            assert self.process is None or self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, f"waited in vain; it printed: {self.printed}"
            time.sleep(0.01)

    def until_state(self, made: Plan, state: PlanState) -> None:
        """Wait for a state, and for the word about an end, which is written behind it."""
        self.until(lambda: self.state_of(made) is state)
        self.until(lambda: not state.is_final or self.verbs(made)[-1] == f"plan.{state}")

    def state_of(self, made: Plan) -> PlanState:
        record = self.gate.plan(made.id)
        assert record is not None
        return record.state

    def approve(self, made: Plan) -> None:
        self.gate.approve(made.id, made.hash, "ann", "fine")

    def verbs(self, made: Plan) -> list[str]:
        return [entry.verb for entry in reversed(Audit(self.state).entries(subject=made.id))]

    @property
    def asked(self) -> list[str]:
        return lines(self.folder / "asked")

    @property
    def done(self) -> list[str]:
        return lines(self.folder / "done")

    @property
    def printed(self) -> str:
        return (self.folder / "printed").read_text(encoding="utf-8")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, state_in(tmp_path / "state"))
    yield made
    if made.process is not None:
        made.end(signal.SIGKILL)
    made.state.close()


def two_steps(*names: str, findings: tuple[str, ...] = ()) -> Plan:
    made = plan(*(names or ("note", "note")), risk=Risk.MEDIUM, findings=findings, within_s=600)
    return replace(made, proposed_at=datetime.now(UTC))


def test_killed_while_it_waits_for_an_approval(world: World) -> None:
    made = two_steps()
    world.start()
    world.gate.propose(made)
    world.end(signal.SIGKILL)
    world.approve(made)
    assert world.asked == []

    world.start()
    world.until_state(made, PlanState.SUCCEEDED)

    assert world.asked == world.done == ["pln-1:0", "pln-1:1"]
    assert world.verbs(made).count("plan.started") == 1


def test_killed_in_the_middle_of_an_action(world: World) -> None:
    made = two_steps()
    (world.folder / "hold").touch()
    world.start()
    world.gate.propose(made)
    world.approve(made)
    world.until(lambda: world.asked == ["pln-1:0", "pln-1:1"])
    world.end(signal.SIGKILL)
    assert world.state_of(made) is PlanState.RUNNING

    (world.folder / "hold").unlink()
    world.start()
    world.until_state(made, PlanState.SUCCEEDED)

    assert world.asked == ["pln-1:0", "pln-1:1", "pln-1:1"], "only what was cut off is asked again, under the same key"
    assert world.done == ["pln-1:0", "pln-1:1"]
    assert world.verbs(made) == [
        "plan.proposed",
        "plan.approved",
        "plan.started",
        "action.done",
        "plan.resumed",
        "action.done",
        "plan.succeeded",
    ]


def test_killed_during_the_verification(world: World) -> None:
    suspicion = finding("disk")
    world.stream.publish([suspicion], suspicion.starts_at)
    made = two_steps(findings=(suspicion.id,))
    world.start()
    world.gate.propose(made)
    world.approve(made)
    world.until_state(made, PlanState.VERIFYING)
    world.end(signal.SIGKILL)

    world.stream.close([suspicion.fingerprint], datetime.now(UTC))
    world.start()
    world.until_state(made, PlanState.SUCCEEDED)

    assert world.asked == ["pln-1:0", "pln-1:1"]
    assert Audit(world.state).verify() == len(world.verbs(made))


def test_stopped_in_the_middle_of_what_an_agent_does(world: World) -> None:
    """An orderly end is no failure of the action: it goes on at the next start, under the same key."""
    made = two_steps("agent")
    world.start()
    world.gate.propose(made)
    world.approve(made)
    world.until(lambda: bool(world.door.fetch("h1", 0)))

    assert world.end(signal.SIGTERM) == 0
    assert world.state_of(made) is PlanState.RUNNING

    world.start()
    assert world.door.report("h1", "pln-1:0", {"ok": True, "changed": True, "sentence": "restarted"})
    world.until_state(made, PlanState.SUCCEEDED)

    assert world.asked == ["pln-1:0", "pln-1:0"]
    assert world.verbs(made).count("action.done") == 1
    assert world.printed == "", "a process that ends in order has nothing to complain of"


def test_started_many_times_is_started_once(world: World) -> None:
    made = two_steps()
    world.gate.propose(made)
    world.approve(made)
    (world.folder / "twice").write_text(f"{made.id}\n", encoding="utf-8")
    world.gate._move(made.id, (PlanState.APPROVED,), PlanState.RUNNING, "running")

    world.start()
    world.until_state(made, PlanState.SUCCEEDED)

    assert world.asked == ["pln-1:0", "pln-1:1"]


def test_a_store_that_is_away_for_a_while_does_not_end_a_run(world: World) -> None:
    made = two_steps()
    (world.folder / "broken").touch()
    world.start()
    world.gate.propose(made)
    world.approve(made)
    world.until(lambda: len(lines(world.folder / "failures")) >= 2)
    assert world.state_of(made) is PlanState.VERIFYING

    (world.folder / "broken").unlink()
    world.until_state(made, PlanState.SUCCEEDED)

    assert world.asked == ["pln-1:0", "pln-1:1"]
    assert world.end(signal.SIGTERM) == 0


def test_a_process_ends_at_once_while_a_plan_is_verified(world: World) -> None:
    suspicion = finding("disk")
    world.stream.publish([suspicion], suspicion.starts_at)
    made = two_steps(findings=(suspicion.id,))
    world.start()
    world.gate.propose(made)
    world.approve(made)
    world.until_state(made, PlanState.VERIFYING)

    assert world.end(signal.SIGTERM) == 0

    assert world.state_of(made) is PlanState.VERIFYING
    assert world.printed == ""

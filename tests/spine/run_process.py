"""A process with a gate and durable runs, for tests that kill it: ``python -m tests.spine.run_process FOLDER``.

Behind the folder come the URL of a PostgreSQL and the name of the executor, where it is one of several.

Its actions note in files of the folder under which key they were asked and which they have done, wait while there is a
file ``hold``, and answer a key that they have done from that note, as an agent does from its journal.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.spine.scene import Changes

from wellkept.kernel.errors import StoreError
from wellkept.kernel.plan import Action, ActionResult, Risk
from wellkept.spine.action import ActionHandler, Actions
from wellkept.spine.agents import AgentDoor
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy
from wellkept.spine.runs import ONLY, Runs
from wellkept.spine.stream import Stream
from wellkept.store.state.state import State


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class Noting:
    """An action that keeps a journal."""

    name, risk = "note", Risk.MEDIUM

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def preview(self, action: Action) -> str:
        return "a note"

    def run(self, action: Action, key: str) -> ActionResult:
        _add(self._folder / "asked", key)
        while (self._folder / "hold").exists() and key.endswith(":1"):
            time.sleep(0.01)
        if key not in lines(self._folder / "done"):
            _add(self._folder / "done", key)
        return ActionResult(True, True, "noted")


class ByAgent:
    """An action that an agent does."""

    name, risk = "agent", Risk.MEDIUM

    def __init__(self, folder: Path, door: AgentDoor) -> None:
        self._folder, self._door = folder, door

    def preview(self, action: Action) -> str:
        return "something on another host"

    def run(self, action: Action, key: str) -> ActionResult:
        _add(self._folder / "asked", key)
        return self._door.perform("h1", key, "restart_service", {}, 60)


def gate_on(state: State, folder: Path, door: AgentDoor) -> Gate:
    """A gate as this process has it; the tests use one without an executor to propose and approve."""
    handlers: dict[str, ActionHandler] = {"note": Noting(folder), "agent": ByAgent(folder, door)}
    stream = Stream(state, Changes())
    return Gate(state, stream, Audit(state), Actions(handlers), Policy(), lambda _: "", SystemClock())


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def _add(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def main(folder: Path, url: str = "", executor: str = ONLY) -> None:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    state = State.open(url or folder / "state")
    door = AgentDoor(state, SystemClock())
    gate = gate_on(state, folder, door)

    def settle(plan: str) -> bool:
        if (folder / "broken").exists():
            _add(folder / "failures", plan)
            raise StoreError("the store is away")
        return gate.settle(plan)

    runs = Runs(url or folder / "runs", step=gate.step, settle=settle, look_every_s=0.05, executor=executor)
    runs.launch()
    gate.attach(runs)
    for plan in lines(folder / "twice"):
        for _ in range(5):
            runs.start(plan, 2)
    _add(folder / "ready", "ready")
    while not stopped.wait(0.05):
        gate.tick()
    door.close()
    runs.close()
    state.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

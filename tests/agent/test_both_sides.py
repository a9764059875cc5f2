"""The agent and the platform's door for it, both real, over HTTP: what is asked is done once, whoever crashes."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from tests.agent.test_agent_process import WITHIN_S, AgentProcess
from tests.store.fixtures import state_in

from wellkept.api import agents, errors
from wellkept.kernel.errors import InputError
from wellkept.kernel.plan import Action
from wellkept.ops.remediate.actions.delete_old_logs import DeleteOldLogs
from wellkept.ops.remediate.actions.run_command import RunCommand
from wellkept.spine.agents import AgentDoor


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class Host:
    """A host with an agent that may delete logs and run one command, and the door to it."""

    def __init__(self, folder: Path) -> None:
        self.logs = folder / "data"
        self.logs.mkdir()
        self._state = state_in(folder / "store")
        self.door = AgentDoor(self._state, SystemClock())
        app = FastAPI()
        errors.install(app)
        app.include_router(agents.router(self.door))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})
        self._thread.start()
        self.agent = AgentProcess(folder, f"http://127.0.0.1:{self._listener.getsockname()[1]}")
        path = folder / "agent.yaml"
        directories = [{"path": str(self.logs), "patterns": ["*.old"], "min_age_s": 60}]
        configuration = json.loads(path.read_text(encoding="utf-8")) | {"directories": directories}
        path.write_text(json.dumps(configuration), encoding="utf-8")

    def start(self) -> None:
        before = datetime.now(UTC)
        self.agent.start()
        self.agent.until(lambda: any(found.last_seen > before for found in self.door.agents()))

    def old(self, name: str) -> Path:
        path = self.logs / name
        path.write_bytes(b"x" * 1000)
        moment = time.time() - 3600
        os.utime(path, (moment, moment))
        return path

    def close(self) -> None:
        self.agent.close()
        self.door.close()
        self._server.should_exit = True
        self._thread.join(WITHIN_S)
        self._listener.close()
        self._state.close()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.close()


def test_what_was_previewed_is_done_and_reported(host: Host) -> None:
    host.start()
    for name in ("a.old", "b.old", "c.log"):
        host.old(name)
    handler = DeleteOldLogs(host.door)
    action = Action("delete_old_logs", f"disk:{host.door.agents()[0].hello['host_id']}:{host.logs}", {
        "directory": str(host.logs), "keep_newest": 0,
    })  # fmt: skip

    assert "delete files *.old older than 60 s" in handler.preview(action)
    result = handler.run(action, "pln-1:0")

    assert (result.ok, result.changed, result.details["files"], result.details["bytes"]) == (True, True, 2, 2000)
    assert [path.name for path in host.logs.iterdir()] == ["c.log"]


def test_asking_again_under_the_same_key_does_nothing_again(host: Host) -> None:
    host.start()
    host.old("a.old")
    arguments = {"directory": str(host.logs), "keep_newest": 0}
    first = host.door.perform("web-1", "pln-1:0", "delete_old_logs", arguments, WITHIN_S)
    kept = host.old("b.old")

    again = host.door.perform("web-1", "pln-1:0", "delete_old_logs", arguments, WITHIN_S)

    assert again == first
    assert kept.exists()


def test_a_refusal_of_the_agent_is_a_result(host: Host) -> None:
    host.start()
    outside = {"directory": "/etc", "keep_newest": 0}

    result = host.door.perform("web-1", "pln-1:0", "delete_old_logs", outside, WITHIN_S)

    assert (result.ok, result.changed) == (False, False)
    assert result.sentence == f"directory: must lie below a declared directory ({host.logs}), got '/etc'"


def test_an_agent_that_is_killed_while_it_works_answers_honestly_after_its_restart(host: Host) -> None:
    os.mkfifo(host.agent.folder / "door")
    host.start()
    handler, outcome = RunCommand(host.door), []
    action = Action("run_command", "host:h1", {"command": "block"})
    asking = threading.Thread(target=lambda: outcome.append(handler.run(action, "pln-1:0")))
    asking.start()
    host.agent.until((host.agent.folder / "ran").exists)
    host.agent.end(signal.SIGKILL)
    with (host.agent.folder / "door").open("w", encoding="ascii") as door:
        door.write("go on\n")

    host.start()
    asking.join(WITHIN_S)

    (result,) = outcome
    assert (result.ok, result.changed, result.details) == (False, True, {"unknown_outcome": True})
    assert (host.agent.folder / "ran").read_text(encoding="ascii") == "ran\n"


def test_an_agent_declares_what_it_may(host: Host) -> None:
    host.start()

    with pytest.raises(InputError, match="none declares log directory /var/log"):
        DeleteOldLogs(host.door).preview(Action("delete_old_logs", "disk:h1:/", {"directory": "/var/log"}))
    assert "run the declared command 'block'" in RunCommand(host.door).preview(
        Action("run_command", "host:h1", {"command": "block"})
    )

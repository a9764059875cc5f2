"""A server that is killed: what was acknowledged is there, what waits still waits, what was decided happens once."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from tests.app.running import Running, start, until
from tests.ml.workshop import Changes

from wellkept.app.clock import SystemClock
from wellkept.kernel.plan import Action, Plan, Risk, Verification
from wellkept.ops.remediate.actions.run_command import RunCommand
from wellkept.spine.action import Actions
from wellkept.spine.agents import AgentDoor
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy
from wellkept.spine.stream import Stream
from wellkept.store.state.state import State

AGENT = "agent-of-the-test"
QUICK, SLOW = "pln-quick", "pln-slow"


class Site:
    """A data folder with two plans that wait, and a host whose agent may append a line to a file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.quick, self.slow, self.go = folder / "quick.txt", folder / "slow.txt", folder / "go"
        wait = f"echo ran >> {self.slow}; while [ ! -e {self.go} ]; do sleep 0.02; done; echo finished >> {self.slow}"
        commands = {
            "quick": {"argv": ["sh", "-c", f"echo ran >> {self.quick}"]},
            "slow": {"argv": ["sh", "-c", wait]},
        }
        configuration = folder / "agent.yaml"
        configuration.write_text(yaml.safe_dump({"id": AGENT, "commands": commands}), encoding="utf-8")
        self.environment = {"WELLKEPT_AGENT__ENABLED": "true", "WELLKEPT_AGENT__CONFIG": str(configuration)}
        self._propose()

    def start(self) -> Running:
        server = start(self.data, **self.environment)
        until(lambda: self._agent_speaks(server), "the agent says what it may do")
        return server

    def move_to(self, name: str) -> None:
        """Leave nothing of the data folder but a copy elsewhere, which counts from now on."""
        copy = self.folder / name
        shutil.copytree(self.data, copy, symlinks=True)
        shutil.rmtree(self.data)
        self.data = copy

    def _propose(self) -> None:
        """Have both plans wait, as they would after an incident."""
        state, now = State.open(self.data / "state"), datetime.now(UTC)
        door = AgentDoor(state, SystemClock())
        door.hello(AGENT, {"host_id": "h", "host_name": "h", "commands": ["quick", "slow"]})
        handler = RunCommand(door)
        stream = Stream(state, Changes())
        gate = Gate(
            state, stream, Audit(state), Actions({handler.name: handler}), Policy(), lambda _: "", SystemClock()
        )
        for name in (QUICK, SLOW):
            command = name.removeprefix("pln-")
            gate.propose(
                Plan(
                    id=name,
                    subject="service:shop/checkout",
                    title=f"Run {command}",
                    reason="a test",
                    risk=Risk.MEDIUM,
                    actions=(Action("run_command", "host:h", {"command": command}),),
                    verification=Verification(sentence="it was run"),
                    proposed_at=now,
                    proposed_by="ada",
                )
            )
        state.close()

    def _agent_speaks(self, server: Running) -> bool:
        agents = server.client.get("/api/v1/agents")["agents"]
        return any(datetime.fromisoformat(agent["last_seen"]) > self._since(server) for agent in agents)

    def _since(self, server: Running) -> datetime:
        return datetime.fromtimestamp((server.data / "server.pid").stat().st_mtime, UTC)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def servers(site: Site) -> Iterator[list[Running]]:
    """The servers that a test has started; the last one is ended after it."""
    found: list[Running] = []
    yield found
    site.go.touch()
    for server in found:
        server.stop()


def state_of(server: Running, plan: str) -> str:
    found: str = server.client.get(f"/api/v1/plans/{plan}")["state"]
    return found


def lines(file: Path) -> list[str]:
    return file.read_text("utf-8").splitlines() if file.exists() else []


def test_a_plan_that_waits_survives_and_happens_exactly_once(site: Site, servers: list[Running]) -> None:
    first = site.start()
    servers.append(first)
    now = datetime.now(UTC)
    predictions = [
        {"id": f"p{number}", "model": "fraud", "version": "v", "score": 0.5, "time": now.isoformat()}
        for number in range(500)
    ]
    first.client.post("/v1/predictions", {"predictions": predictions})
    entries = first.client.get("/api/v1/audit")["entries"]
    assert state_of(first, QUICK) == "waiting"
    first.stop(signal.SIGKILL)

    second = site.start()
    servers.append(second)

    assert [state_of(second, plan) for plan in (QUICK, SLOW)] == ["waiting", "waiting"]
    kept = second.client.get("/api/v1/audit")["entries"]
    assert [entry for entry in kept if entry in entries] == entries
    assert second.client.get("/api/v1/audit/verify")["intact"] is True
    labels = [{"prediction_id": record["id"], "value": 0} for record in predictions]
    assert second.client.post("/v1/labels", {"labels": labels}) == {"accepted": 500}, "every prediction is known"
    assert lines(site.quick) == []

    done = second.ask("approve", QUICK, "--yes")
    assert done.returncode == 0, done.stderr
    until(lambda: state_of(second, QUICK) == "succeeded", "the plan has run")
    assert lines(site.quick) == ["ran"]

    second.stop(signal.SIGKILL)
    site.move_to("copy")  # as a backup of a moment is: nothing that was under way has ended well
    third = site.start()
    servers.append(third)
    assert state_of(third, QUICK) == "succeeded"
    assert lines(site.quick) == ["ran"]
    assert third.client.post("/v1/labels", {"labels": labels}) == {"accepted": 500}, "the telemetry came along"


def test_what_was_under_way_is_not_done_twice_and_what_was_decided_is_done(site: Site, servers: list[Running]) -> None:
    first = site.start()
    servers.append(first)
    assert first.ask("approve", SLOW, "--yes").returncode == 0
    until(lambda: lines(site.slow) == ["ran"], "the command is under way")
    plan = first.client.get(f"/api/v1/plans/{QUICK}")
    first.client.post(f"/api/v1/plans/{QUICK}/approve", {"hash": plan["hash"], "by": "ada"})
    first.stop(signal.SIGKILL)
    assert lines(site.quick) == []

    second = site.start()
    servers.append(second)
    site.go.touch()

    until(lambda: state_of(second, SLOW) in ("succeeded", "failed"), "the plan that was under way has ended")
    until(lambda: state_of(second, QUICK) == "succeeded", "the plan that was decided has run")
    assert lines(site.slow).count("ran") == 1
    assert lines(site.quick) == ["ran"]
    (result,) = second.client.get(f"/api/v1/plans/{SLOW}")["results"]
    assert result["sentence"], "that it ran, or that the outcome is unknown and it is not repeated"

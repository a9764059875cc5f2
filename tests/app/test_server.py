"""The server process: what it needs to itself, what it says, and how it ends."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from tests.app.running import Running, refused, running, start, until, wellkept
from tests.store.fixtures import stores_in

from wellkept.app.server import _say_ready
from wellkept.ops.ingest.scrape.exposition import sample_of

FURNISHED = {"WELLKEPT_AGENT__ENABLED": "true", "WELLKEPT_ML__SERVE": "true"}


@dataclass(frozen=True)
class Killed:
    """A server that was killed: what it had said, which of its processes were left, and the one that came after."""

    first: Running
    said: str
    left: list[psutil.Process]
    again: Running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server")) as found:
        yield found


def test_it_says_that_it_is_ready_in_one_line_when_its_doors_are_open(server: Running) -> None:
    words = json.loads(server.ready)

    assert words == {"ready": True, "address": server.address, "grpc": None, "token": server.token}
    assert server.ready.count("\n") == 1
    with server.stranger() as http:
        assert http.get("/readyz").json() == {"status": "ready"}
        assert http.get("/healthz").json() == {"status": "ok"}


def test_to_a_person_it_says_where_the_page_is(capsys: pytest.CaptureFixture[str]) -> None:
    _say_ready("http://127.0.0.1:7460", "http://127.0.0.1:4317", "secret", as_json=False)

    said = capsys.readouterr().out
    assert "http://127.0.0.1:7460/?token=secret" in said
    assert "http://127.0.0.1:4317 (OTLP over gRPC" in said
    assert "Ctrl-C" in said


def test_the_token_command_says_the_page_of_a_folder(server: Running) -> None:
    done = wellkept("token", "--data", str(server.data))

    assert done.stdout == f"{server.address}/?token={server.token}\n"


def test_its_token_is_for_its_owner_alone_and_no_other_file_holds_it(server: Running) -> None:
    path = server.data / "token"

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(server.token) >= 32
    for name in ("address", "server.pid", "stderr.txt"):
        assert server.token not in server.data.joinpath(name).read_text("utf-8"), name


def test_it_writes_who_it_is_for_the_clients(server: Running) -> None:
    assert server.data.joinpath("address").read_text("ascii") == server.address
    assert int(server.data.joinpath("server.pid").read_text("ascii")) == server.process.pid
    assert Path(server.client.get("/api/v1/status")["data"]) == server.data


def test_a_folder_that_another_server_has_is_refused_and_left_as_it_was(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = refused(monkeypatch, "up", "--data", str(server.data), "--port", "0", "--no-agent")

    assert code == 5
    assert f"data folder {server.data}" in said
    assert "in use by another server" in said
    assert f"process {server.process.pid}" in said
    assert "--data" in said
    assert "Traceback" not in said
    assert server.data.joinpath("address").read_text("ascii") == server.address
    assert int(server.data.joinpath("server.pid").read_text("ascii")) == server.process.pid


def test_a_port_that_is_taken_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, said = refused(monkeypatch, "up", "--data", str(tmp_path / "data"), "--port", str(port), "--no-agent")

    assert code == 5
    assert f"address 127.0.0.1:{port}: cannot be used: Address already in use; try --port" in said
    assert not tmp_path.joinpath("data").exists()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    code, said = refused(monkeypatch, "up", "--data", str(file / "data"), "--port", "0", "--no-agent")

    assert code == 2
    assert f"data folder {file}/data: must be a folder that can be written" in said


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
def test_an_address_beyond_loopback_must_be_meant(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = refused(monkeypatch, "up", "--data", str(tmp_path / "data"), "--port", "0", WELLKEPT_SERVER__HOST=host)

    assert code == 3
    assert f"server.host {host} is not loopback; set server.allow_remote to mean it" in said
    assert not tmp_path.joinpath("data").exists()


def test_a_broken_runbook_stops_the_start_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores_in(tmp_path / "data")
    books = tmp_path / "books"
    books.mkdir()
    books.joinpath("mine.yaml").write_text("name: mine\nrisk: tiny\n", encoding="utf-8")

    asked = ["up", "--data", str(tmp_path / "data"), "--port", "0"]
    code, said = refused(monkeypatch, *asked, WELLKEPT_OPS__RUNBOOKS=f"[{books}]")

    assert code == 2
    assert "mine.yaml" in said
    assert "line 2: risk" in said
    assert "Traceback" not in said


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with an agent and a model server, whose token file was cut off before it started."""
    data = tmp_path_factory.mktemp("furnished")
    data.joinpath("token").touch()
    with running(data, **FURNISHED) as found:
        yield found


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    """A server whose agent died, that was killed itself then, and started again."""
    data = tmp_path_factory.mktemp("killed")
    first = start(data, **FURNISHED)
    agent = until(lambda: _agent(first), "the agent runs")
    agent.kill()
    until(lambda: _agent(first, other_than=agent.pid), "the agent runs again")
    said, family = first.errors(), _family(first)
    first.stop(signal.SIGKILL)
    left = psutil.wait_procs(family, timeout=20)[1]
    with running(data, **FURNISHED) as again:
        yield Killed(first, said, left, again)


def test_a_truncated_token_file_never_opens_the_door(furnished: Running) -> None:
    assert len(furnished.token) >= 32
    for scheme in ("Bearer", "bearer"):
        answer = httpx.get(f"{furnished.address}/api/v1/status", headers={"Authorization": scheme})
        assert answer.status_code == 401


def test_a_child_that_dies_is_started_again(killed: Killed) -> None:
    assert "agent ended with code -9; it starts again" in killed.said


def test_killed_it_leaves_no_process_behind_and_starts_again(killed: Killed) -> None:
    assert killed.left == []
    assert killed.again.token == killed.first.token
    assert killed.again.client.get("/readyz") == {"status": "ready"}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_a_signal_ends_it_with_no_word_and_no_process_left(
    how: signal.Signals, killed: Killed, furnished: Running
) -> None:
    """The last test of both servers."""
    server = {signal.SIGTERM: killed.again, signal.SIGINT: furnished}[how]
    family = _family(server)
    until(lambda: server.client.get("/api/v1/agents")["agents"], "the agent, which waits for actions")

    assert server.stop(how) == 0  # although the agent, and this client, keep their connections open

    assert server.errors() == ""
    assert psutil.wait_procs(family, timeout=0)[1] == []
    assert not server.data.joinpath("server.pid").exists()


def _family(server: Running) -> list[psutil.Process]:
    """Agent and model server, once both run."""
    return until(lambda: server.family() if len(server.family()) == 2 else None, "agent and model server run")


def _agent(server: Running, other_than: int = 0) -> psutil.Process | None:
    """The server's agent, once it is itself: just forked, a process still looks like its parent."""
    for process in server.family():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.pid != other_than and "agent" in process.cmdline():
                return process
    return None


def test_it_tells_prometheus_of_itself(server: Running) -> None:
    with server.http() as http:
        http.post("/v1/logs", content=b"\x0a\x00", headers={"Content-Type": "application/x-protobuf"})
        page = http.get("/metrics")
    with server.stranger() as http:
        assert http.get("/metrics").status_code == 401

    assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = page.text.splitlines()
    samples = [sample_of(line) for line in lines if not line.startswith("#")]
    found = {tuple(one.labels.values()): float(one.value) for one in samples}
    assert len(found) == len(samples), "none is there twice"
    assert all(value == 1.0 for (name, *_), value in found.items() if name == "wellkept_metrics_part_up")
    assert found["wellkept_well",] == 1.0
    assert "wellkept_standing_still" not in {name for name, *_ in found}
    assert found["wellkept_ingest_requests_total", "logs", "stored"] == 1.0
    assert found["wellkept_ingest_requests_total", "logs", "failed"] == 0.0
    jobs = {labels[0] for name, *labels in found if name == "wellkept_job_last_success_timestamp_seconds"}
    assert {"detect", "correlate", "diagnose", "gate", "notify", "tickets"} <= jobs
    described = {line.split()[2] for line in lines if line.startswith("# HELP")}
    assert {name for name, *_ in found} <= described

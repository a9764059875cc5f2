"""Host metrics: named and measured as the semantic conventions say, and right about what is alive."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.semconv._incubating.metrics import process_metrics, system_metrics

from wellkept.agent.configuration import AgentConfiguration, Quota, Service
from wellkept.agent.metrics import HostMetrics, pid_of

HOST = {"host.id": "h1", "host.name": "web-1"}
OWN = {
    "wellkept.agent.heartbeat": "1",
    "service.up": "1",
    "process.memory.limit": "By",
    "system.cpu.load_average.1m": "{thread}",
}
"""What the conventions have no word for."""


@dataclass(frozen=True)
class Point:
    resource: dict[str, str]
    name: str
    unit: str
    value: float
    attributes: dict[str, str]
    is_counter: bool


def collected(source: HostMetrics) -> list[Point]:
    """One moment, as plain points."""
    return [
        Point(
            _plain(block.resource.attributes),
            metric.name,
            metric.unit,
            point.as_double,
            _plain(point.attributes),
            metric.HasField("sum"),
        )
        for block in source.collect(1).request.resource_metrics
        for scope in block.scope_metrics
        for metric in scope.metrics
        for point in (metric.sum if metric.HasField("sum") else metric.gauge).data_points
    ]


def _plain(attributes: Any) -> dict[str, str]:
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: pair.value.string_value for pair in pairs}


def conventions() -> dict[str, str]:
    """Metric name to unit, as the conventions' own package has them."""
    found: dict[str, str] = {}
    for module in (system_metrics, process_metrics):
        source = inspect.getsource(module)
        made = re.findall(r'name=([A-Z_]+),\s+description="(?:[^"]|"\s+")*",\s+unit="([^"]*)"', source)
        made += re.findall(r'name=([A-Z_]+),\s+callbacks=callbacks,\s+description=[^=]*?unit="([^"]*)"', source)
        found |= {getattr(module, constant): unit for constant, unit in made}
    return found


def named(points: list[Point], name: str, **resource: str) -> list[Point]:
    wanted = {key.replace("_", "."): value for key, value in resource.items()}
    return [point for point in points if point.name == name and wanted.items() <= point.resource.items()]


@pytest.fixture(scope="module")
def points() -> list[Point]:
    return collected(HostMetrics(AgentConfiguration(), HOST))


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A small living process, which has started."""
    waits = "import sys; print(flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.communicate()


def service(folder: Path, pid: int | str, **more: Any) -> Service:
    (folder / "service.pid").write_text(f"{pid}\n", encoding="ascii")
    return Service("checkout", str(folder / "service.pid"), "shop", **more)


def test_every_name_and_unit_is_of_the_conventions_or_our_own(points: list[Point]) -> None:
    known = conventions() | OWN
    used = {point.name: point.unit for point in points}

    assert len(conventions()) > 40
    assert used == {name: known.get(name, "is not known") for name in used}


@pytest.mark.parametrize(
    "name",
    [
        "wellkept.agent.heartbeat", "system.cpu.utilization", "system.cpu.load_average.1m", "system.cpu.logical.count",
        "system.memory.usage", "system.memory.utilization", "system.memory.limit", "system.network.io",
        "system.network.errors", "system.network.packet.dropped", "system.process.count", "process.memory.usage",
        "process.thread.count", "process.unix.file_descriptor.count",
    ],
)  # fmt: skip
def test_a_host_tells(points: list[Point], name: str) -> None:
    found = named(points, name, host_id="h1", host_name="web-1")

    assert found
    assert all(point.value >= 0 for point in found)


def test_shares_are_shares(points: list[Point]) -> None:
    assert all(0 <= point.value <= 1 for point in points if point.unit == "1" and point.name != "service.up")


def test_what_only_grows_is_a_counter(points: list[Point]) -> None:
    counters = {point.name for point in points if point.is_counter}

    assert counters >= {"system.network.io", "system.network.errors"}
    assert counters == {name for name in counters if name.startswith(("system.network.", "system.disk."))}


def test_modes_and_states_are_told_apart(points: list[Point]) -> None:
    modes = {point.attributes["cpu.mode"] for point in named(points, "system.cpu.utilization")}
    states = {point.attributes["system.memory.state"] for point in named(points, "system.memory.usage")}
    directions = {point.attributes["network.io.direction"] for point in named(points, "system.network.io")}

    assert modes == {"user", "system", "idle", "iowait", "steal"}
    assert states == {"used", "free", "buffers", "cached"}
    assert directions == {"receive", "transmit"}


def test_no_series_is_told_twice(points: list[Point]) -> None:
    keys = [(point.name, str(point.resource), str(point.attributes)) for point in points]

    assert len(keys) == len(set(keys))


def test_a_service_that_runs(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    declared = service(tmp_path, child.pid, memory_limit_bytes=1_000_000)
    source = HostMetrics(AgentConfiguration(services=(declared,), top_processes=50), HOST)
    first, second = collected(source), collected(source)
    who = {"service_name": "checkout", "service_namespace": "shop", "host_id": "h1"}

    assert [point.value for point in named(first, "service.up", **who)] == [1.0]
    assert named(first, "process.memory.usage", **who)[0].value > 1_000_000
    assert [point.value for point in named(first, "process.memory.limit", **who)] == [1_000_000.0]
    assert named(first, "process.cpu.utilization", **who) == [], "CPU use is measured between two looks"
    assert len(named(second, "process.cpu.utilization", **who)) == 1
    assert not [point for point in first if point.resource.get("process.pid") == str(child.pid)], "told once"


def test_a_limit_on_the_address_space_is_a_limit(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    psutil.Process(child.pid).rlimit(psutil.RLIMIT_AS, (1 << 33, 1 << 33))
    found = collected(HostMetrics(AgentConfiguration(services=(service(tmp_path, child.pid),)), HOST))

    assert [point.value for point in named(found, "process.memory.limit")] == [float(1 << 33)]


def test_a_service_without_a_limit_tells_none(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    found = collected(HostMetrics(AgentConfiguration(services=(service(tmp_path, child.pid),)), HOST))

    assert named(found, "process.memory.limit") == []


def test_a_service_that_crashed_and_that_nobody_buried_is_down(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    declared = service(tmp_path, child.pid)
    source = HostMetrics(AgentConfiguration(services=(declared,), top_processes=0), HOST)
    assert named(collected(source), "service.up")[0].value == 1.0
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it is dead, and a zombie until somebody waits for it

    for _ in range(3):
        found = collected(source)
        assert [point.value for point in named(found, "service.up")] == [0.0]
        assert named(found, "process.memory.usage") == []
    assert pid_of(declared) == 0


@pytest.mark.parametrize("content", ["", "no number", "0", "-1", "999999999", "99999999999999999999"])
def test_a_pid_file_that_names_no_process_means_down(tmp_path: Path, content: str) -> None:
    declared = service(tmp_path, content)

    assert pid_of(declared) == 0
    found = collected(HostMetrics(AgentConfiguration(services=(declared,)), HOST))
    assert [point.value for point in named(found, "service.up")] == [0.0]


def test_a_pid_file_that_is_not_there_means_down(tmp_path: Path) -> None:
    assert pid_of(Service("checkout", str(tmp_path / "none.pid"))) == 0


def test_a_service_that_was_restarted_is_another_process(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    source = HostMetrics(AgentConfiguration(services=(service(tmp_path, os.getpid()),), top_processes=0), HOST)
    collected(source)
    service(tmp_path, child.pid)
    found = collected(source)

    assert named(found, "service.up")[0].value == 1.0
    assert named(found, "process.cpu.utilization", service_name="checkout") == []


def test_a_directory_with_a_quota_is_a_filesystem(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a.log").write_bytes(b"x" * 600)
    (tmp_path / "deep" / "er" / "b.log").write_bytes(b"x" * 150)
    (tmp_path / "outside").symlink_to("/usr")
    link = (tmp_path / "outside").lstat().st_size
    quota = Quota(str(tmp_path), 1000)
    found = collected(HostMetrics(AgentConfiguration(filesystems=(quota,)), HOST))
    ours = [p for p in found if p.attributes.get("system.filesystem.mountpoint") == str(tmp_path)]

    assert {point.name: point.value for point in ours} == {
        "system.filesystem.usage": 750.0 + link,
        "system.filesystem.limit": 1000.0,
        "system.filesystem.utilization": (750.0 + link) / 1000.0,
    }
    assert {point.attributes["system.filesystem.type"] for point in ours} == {"quota"}


def test_a_quota_on_what_cannot_be_read_does_not_stop_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.log").write_bytes(b"x" * 600)
    (tmp_path / "private").mkdir()
    scanned = os.scandir

    def refusing(path: str) -> Any:
        if str(path).endswith("private"):
            raise PermissionError(13, "Permission denied")
        return scanned(path)

    monkeypatch.setattr(os, "scandir", refusing)
    quotas = (Quota(str(tmp_path), 1000), Quota("/nowhere/at/all", 1000))
    found = collected(HostMetrics(AgentConfiguration(filesystems=quotas), HOST))
    usage = {p.attributes["system.filesystem.mountpoint"]: p.value for p in named(found, "system.filesystem.usage")}

    assert usage[str(tmp_path)] == 600.0
    assert usage["/nowhere/at/all"] == 0.0


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_largest_processes_are_told_with_their_names(count: int) -> None:
    found = collected(HostMetrics(AgentConfiguration(top_processes=count), HOST))
    told = named(found, "process.memory.usage")

    assert len(told) == min(count, len(psutil.pids()))
    assert all(point.resource["process.pid"].isdigit() and point.resource["process.executable.name"] for point in told)


def test_processes_that_are_gone_are_forgotten(child: subprocess.Popen[bytes]) -> None:
    source = HostMetrics(AgentConfiguration(top_processes=100_000), HOST)
    collected(source)
    assert child.pid in source._processes
    child.communicate()

    collected(source)

    assert child.pid not in source._processes


def test_a_process_that_ends_while_it_is_looked_at_does_not_stop_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: psutil.Process) -> str:
        raise psutil.NoSuchProcess(self.pid)

    source = HostMetrics(AgentConfiguration(), HOST)
    monkeypatch.setattr(psutil.Process, "status", gone)

    assert named(collected(source), "system.cpu.utilization")

"""A small system of real processes on "hosts" that are CPU quotas, with a volume on one of them, to be broken.

A host is a control group with a share of one core: what runs in it shares that, as on a machine that has been cut into
small ones. A volume is a file system of a few megabytes. Needs root and control groups (version 1) for both.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.faulty_service import asked

GROUPS = Path("/sys/fs/cgroup")
PERIOD_US, QUOTA_US = 100_000, 20_000
VOLUME_BYTES = 1 << 20
A_SECOND = 6.0
"""Requests to the front."""
HOSTS = {
    "host-a": ("front", "cart", "search"),
    "host-b": ("orders", "stock", "prices"),
    "host-c": ("ledger", "mail", "pages"),
}
CALLS = {"front": ("cart", "orders", "search"), "cart": ("prices",), "search": ("pages",),
         "orders": ("stock", "ledger", "mail")}  # fmt: skip
KEEPS = ("ledger", "mail")
"""Those that write to the volume, which is on the third host."""
VOLUME_HOST, MOUNTED = "host-c", "/var/lib/records"
WORK_S = 0.002


@dataclass(frozen=True, slots=True)
class Measured:
    """One point: whose, what, when (nanoseconds)."""

    resource: tuple[tuple[str, str], ...]
    name: str
    unit: str
    at: int
    value: float
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass
class System:
    """The running system. Use as a context: everything that was started or made is gone afterwards."""

    folder: Path
    seed: int
    points: list[Measured] = field(default_factory=list)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as begun:
            self._stack = begun
            self._begin()
            self._stack = begun.pop_all()  # all of it began: from here on it ends with the context
        return self

    def _begin(self) -> None:
        self._ending = threading.Event()
        self._dice = random.Random(self.seed)
        self.ports = {name: _free_port() for services in HOSTS.values() for name in services}
        self.pids: dict[str, int] = {}
        self.volume = self.folder / "volume"
        self.volume.mkdir()
        size = f"size={VOLUME_BYTES}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(self.volume)], check=True)
        self._stack.callback(subprocess.run, ["umount", "-l", str(self.volume)], check=False)
        self.groups = {host: self._group(host) for host in HOSTS}
        for host, services in HOSTS.items():
            for name in services:
                self.pids[name] = self._start(name, host)
        for work in (self._measure, self._load):
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            self._stack.callback(thread.join, 10)
        self._stack.callback(self._ending.set)

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def tell(self, service: str, **settings: float) -> None:
        """Change how a service works."""
        asyncio.run(asked(self.ports[service], {"set": settings}))

    def neighbour(self, host: str) -> subprocess.Popen[bytes]:
        """A process that takes all of a host's CPU that it can get."""
        code = "while True: pass"
        return self._in_group(host, [sys.executable, "-I", "-c", code])

    def fill(self) -> Path:
        """Fill the volume to its last byte, by somebody who is nobody's service."""
        path = self.volume / "dump"
        with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
        return path

    def spans(self) -> list[tuple[str, list[Any]]]:
        """(service, span) of all that was noted."""
        return [
            (name, json.loads(line))
            for name in self.ports
            for line in (self.folder / f"{name}.spans").read_text(encoding="utf-8").splitlines()
        ]

    def _group(self, host: str) -> dict[str, Path]:
        found = {}
        for kind in ("cpu", "cpuacct"):
            path = GROUPS / kind / f"wellkept-bench-{os.getpid()}-{host}"
            path.mkdir()
            self._stack.callback(_remove, path)
            found[kind] = path
        (found["cpu"] / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (found["cpu"] / "cpu.cfs_quota_us").write_text(str(QUOTA_US))
        return found

    def _start(self, name: str, host: str) -> int:
        settings = {
            "name": name,
            "port": self.ports[name],
            "calls": [(other, self.ports[other]) for other in CALLS.get(name, ())],
            "volume": str(self.volume) if name in KEEPS else "",
            "work_s": WORK_S,
            "spans": str(self.folder / f"{name}.spans"),
            "seed": self._dice.random(),
        }
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(settings), encoding="utf-8")
        script = Path(__file__).with_name("faulty_service.py")
        return self._in_group(host, [sys.executable, "-I", str(script), str(path)]).pid

    def _in_group(self, host: str, command: list[str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command)
        for path in self.groups[host].values():
            (path / "cgroup.procs").write_text(str(process.pid))
        self._stack.callback(end, process)
        return process

    def _load(self) -> None:
        """Requests one after another in their own threads, at random distances."""
        trace = 0
        while not self._ending.wait(self._dice.expovariate(A_SECOND)):
            trace += 1
            threading.Thread(target=self._request, args=(trace,), daemon=True).start()

    def _request(self, trace: int) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            asyncio.run(asked(self.ports["front"], {"trace": trace, "parent": 0}))

    def _measure(self) -> None:
        """What an agent would say of hosts, processes and the volume, every second."""
        last: dict[str, tuple[float, float]] = {}
        while not self._ending.wait(1.0):
            at, clock = time.time_ns(), time.monotonic()
            whole = QUOTA_US / PERIOD_US
            for host, groups in self.groups.items():
                used = int((groups["cpuacct"] / "cpuacct.usage").read_text()) / 1e9
                if (share := _share(last, host, used, clock, whole)) is not None:
                    mode = (("cpu.mode", "idle"),)
                    self._point(_host(host), "system.cpu.utilization", "1", at, 1.0 - share, mode)
                for name in HOSTS[host]:
                    share = _share(last, name, _cpu_of(self.pids[name]), clock, whole)
                    if share is not None:
                        self._point(resource_of(name), "process.cpu.utilization", "1", at, share)
            room = os.statvfs(self.volume)
            for state, value in (("used", room.f_blocks - room.f_bfree), ("free", room.f_bavail)):
                told = (("system.filesystem.mountpoint", MOUNTED), ("system.filesystem.state", state))
                self._point(_host(VOLUME_HOST), "system.filesystem.usage", "By", at, value * room.f_frsize, told)

    def _point(
        self,
        resource: tuple[tuple[str, str], ...],
        name: str,
        unit: str,
        at: int,
        value: float,
        attributes: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.points.append(Measured(resource, name, unit, at, value, attributes))


def resource_of(service: str) -> tuple[tuple[str, str], ...]:
    """The attributes of a service's telemetry."""
    host = next(host for host, services in HOSTS.items() if service in services)
    return (*_host(host), ("service.name", service))


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started here."""
    process.kill()
    process.wait(10)


def _host(host: str) -> tuple[tuple[str, str], ...]:
    return (("host.id", host), ("host.name", host))


def _share(last: dict[str, tuple[float, float]], of: str, used: float, clock: float, whole: float) -> float | None:
    """The share of a host's CPU that was used since the last time; None at the first time."""
    before = last.get(of)
    last[of] = (used, clock)
    return None if before is None else min(1.0, (used - before[0]) / (clock - before[1]) / whole)


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _remove(group: Path) -> None:
    """A group goes when nothing is left in it, which may take a moment after its last process has ended."""
    for _ in range(50):
        try:
            group.rmdir()
        except OSError:
            time.sleep(0.1)
        else:
            return

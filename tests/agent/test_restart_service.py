"""Restarting a real small service by its declared command and its pid file."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.agent.test_run_command import gone

from wellkept.agent.actions import restart_service as module
from wellkept.agent.actions.restart_service import restart_service
from wellkept.agent.configuration import AgentConfiguration, Service
from wellkept.agent.metrics import pid_of
from wellkept.kernel.errors import ActionError, InputError

START = """
[ -f {folder}/service.pid ] && kill $(cat {folder}/service.pid) 2>/dev/null
{python} -c 'import signal; signal.sigwait([signal.SIGTERM])' >/dev/null 2>&1 &
echo $! > {folder}/service.pid
"""


class Host:
    """A host with one service that is managed by a script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        script = folder / "restart.sh"
        script.write_text(START.format(folder=folder, python=sys.executable), encoding="utf-8")
        self.service = Service("checkout", str(folder / "service.pid"), "shop", ("/bin/sh", str(script)))

    @property
    def pid(self) -> int:
        return pid_of(self.service)

    def restart(self, *services: Service, **arguments: Any) -> dict[str, Any]:
        configuration = AgentConfiguration(services=services or (self.service,))
        return restart_service(configuration, {"service": "checkout", **arguments})

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.close()


def test_a_service_is_restarted_and_told_by_its_processes(host: Host) -> None:
    first = host.restart()
    before = host.pid

    result = host.restart()

    assert gone(before)
    assert psutil.pid_exists(host.pid)
    assert result["details"] == {"before": before, "after": host.pid}
    assert result["sentence"] == f"restarted checkout: process {before} is now {host.pid}"
    assert first["sentence"] == f"restarted checkout: it runs as process {before}"


def test_a_service_that_does_not_come_back_has_failed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 0.3)
    silent = Service("checkout", str(host.folder / "service.pid"), restart=("/bin/true",))

    with pytest.raises(ActionError, match=r"^checkout did not come back: .*service\.pid names no new process after 0"):
        host.restart(silent)


def test_the_old_process_is_no_new_one(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.restart()
    monkeypatch.setattr(module, "TIMEOUT_S", 0.3)
    silent = Service("checkout", str(host.folder / "service.pid"), restart=("/bin/true",))

    with pytest.raises(ActionError, match="did not come back"):
        host.restart(silent)


def test_a_restart_command_that_fails_is_told(host: Host) -> None:
    failing = Service("checkout", host.service.pid_file, restart=("/bin/sh", "-c", "echo no unit; exit 5"))

    with pytest.raises(ActionError, match=r"^restart of checkout: ended with code 5: no unit$"):
        host.restart(failing)


@pytest.mark.parametrize("name", ["", "payments", "checkout "])
def test_a_service_that_is_not_declared_is_refused(host: Host, name: str) -> None:
    with pytest.raises(InputError, match=r"^service: must be a declared service \(checkout\), got '"):
        host.restart(service=name)


def test_a_service_without_a_restart_command_is_refused(host: Host) -> None:
    with pytest.raises(InputError, match=r"^service checkout: declares no restart command$"):
        host.restart(Service("checkout", host.service.pid_file))


def test_of_two_services_of_one_name_the_namespace_tells(host: Host) -> None:
    other = Service("checkout", str(host.folder / "other.pid"), "bank", ("/bin/false",))

    with pytest.raises(InputError, match=r"^service: must name its namespace, as there are several, got 'checkout'$"):
        host.restart(other, host.service)
    with pytest.raises(InputError, match=r"^service: must be a declared service"):
        host.restart(other, host.service, namespace="none")
    assert host.restart(other, host.service, namespace="shop")["ok"]

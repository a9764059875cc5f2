"""The keeper of the managed server: what it starts ends with it, and with the process that started it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.app.running import until

from wellkept.store.mlflow import keeper

MLFLOW = """
import subprocess, sys
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({told!r}, "w").write(str(other.pid))
other.wait()
"""


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def stand_in(tmp_path: Path) -> tuple[list[str], Callable[[], int]]:
    """A keeper of a program that stands for MLflow, and the number of a process that this one started."""
    told, (folder, socket) = tmp_path / "pid", (tmp_path / "run", tmp_path / "run" / "socket")
    folder.mkdir()
    package = tmp_path / "mlflow"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(MLFLOW.format(told=str(told)), "utf-8")

    def deepest() -> int:
        return int(until(lambda: told.read_text("utf-8") if told.exists() else "", "it has started"))

    return [keeper.__file__, str(socket), str(tmp_path / "data")], deepest


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_what_it_started_ends_with_it(
    stand_in: tuple[list[str], Callable[[], int]], how: signal.Signals, tmp_path: Path
) -> None:
    arguments, deepest = stand_in
    process = subprocess.Popen([sys.executable, *arguments], cwd=tmp_path)
    pid = deepest()

    for _ in range(3):  # as when the threads of its parent end one after the other
        process.send_signal(how)
    process.wait(30)

    until(lambda: gone(pid), "what MLflow started is gone")
    assert not (tmp_path / "run").exists(), "the folder of the socket goes with it"


def test_no_port_is_ever_listened_on(tmp_path: Path) -> None:
    line = keeper.command("/run/socket", tmp_path)

    assert "--uds /run/socket" in line[line.index("--uvicorn-opts") + 1]
    assert keeper.QUIET["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert keeper.QUIET["MLFLOW_DISABLE_TELEMETRY"] == "true"

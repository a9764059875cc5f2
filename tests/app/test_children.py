"""Processes beside the server: started again with growing pauses, gone when it is gone."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.app.running import until

from wellkept.app import children as module
from wellkept.app.children import Child

STAYS = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
PARENT = f"""
import os, sys, time
from pathlib import Path
from wellkept.app.children import Child
child = Child("probe", ["-c", {STAYS!r}], os.environ, Path(sys.argv[1]))
child.start()
while child.pid is None:
    time.sleep(0.01)
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def child(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Child]:
    found = Child("probe", ["-c", request.param], os.environ, tmp_path / "probe.log")
    found.start()
    yield found
    found.stop()


@pytest.mark.parametrize("child", [STAYS], indirect=True)
def test_a_child_runs_until_it_is_stopped(child: Child) -> None:
    pid = until(lambda: child.pid, "the child runs")
    child.stop()

    assert child.pid is None
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("child", ["print('said', flush=True); raise SystemExit(3)"], indirect=True)
def test_a_child_that_ends_is_started_again_with_growing_pauses(
    child: Child, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        until(lambda: len(caplog.messages) >= 2, "it ended twice")

    assert caplog.messages[0].startswith("probe ended with code 3 (said); it starts again in 1 s")
    assert caplog.messages[1].startswith("probe ended with code 3 (said); it starts again in 2 s")
    assert str(tmp_path / "probe.log") in caplog.messages[0]
    assert tmp_path.joinpath("probe.log").read_text("utf-8").startswith("said\nsaid\n")


@pytest.mark.parametrize(
    "child", ["print('refused: token=' + 500 * 's', flush=True); raise SystemExit(3)"], indirect=True
)
@pytest.mark.usefixtures("child")
def test_what_a_child_said_last_shows_no_secret_however_long(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        until(lambda: caplog.messages, "it ended")

    assert caplog.messages[0].startswith("probe ended with code 3 (refused: token=***)")


@pytest.mark.parametrize("child", ["raise SystemExit(3)"], indirect=True)
def test_stopping_does_not_wait_for_the_pause(
    child: Child, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 300.0)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 600.0)
    with caplog.at_level(logging.WARNING):
        until(lambda: caplog.messages, "it ended")

    child.stop(timeout_s=5.0)

    assert not child._keeper.is_alive()


@pytest.mark.parametrize("child", [STUBBORN], indirect=True)
def test_a_child_that_does_not_listen_is_killed(child: Child, tmp_path: Path) -> None:
    pid = until(lambda: child.pid, "the child runs")
    until(lambda: tmp_path.joinpath("probe.log").read_text("utf-8"), "it does not listen")
    child.stop(timeout_s=0.2)

    until(lambda: not psutil.pid_exists(pid), "it is gone")


def test_a_child_that_cannot_be_started_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    child = Child("probe", ["-c", STAYS], os.environ, tmp_path / "probe.log")
    with caplog.at_level(logging.WARNING):
        child.start()
        until(lambda: caplog.messages, "it could not be started")
        assert caplog.messages[0].startswith("probe cannot be started: No such file or directory")
        monkeypatch.undo()
        until(lambda: child.pid, "it runs")
    child.stop()


def test_a_child_that_was_stopped_first_is_never_started(tmp_path: Path) -> None:
    child = Child("probe", ["-c", STAYS], os.environ, tmp_path / "probe.log")
    child.stop()
    child.start()
    child._keeper.join(5)

    assert child.pid is None
    assert not tmp_path.joinpath("probe.log").exists()


def test_a_child_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "probe.log")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    parent.stdout.close()

    until(lambda: not _lives(pid), "the child is gone")


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("child", [STAYS], indirect=True)
def test_a_child_that_lives_is_sound(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    until(lambda: child.pid, "the child runs")
    assert child.failing()[0] == 0.0
    monkeypatch.setattr(module, "STEADY_S", 0.0)
    assert child.failing() == (0.0, "")


@pytest.mark.parametrize("child", ["raise SystemExit(3)"], indirect=True)
def test_a_child_that_ends_again_and_again_says_since_when_and_how(child: Child, tmp_path: Path) -> None:
    seconds, how = until(lambda: found if (found := child.failing())[0] > 1.0 else None, "it fails for a while")
    assert seconds < 60.0
    assert how == f"ended with code 3; see {tmp_path / 'probe.log'}"

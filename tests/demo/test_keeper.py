"""Everything that the demo starts ends when the demo ends, however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from wellkept.demo.keeper import ask, environment
from wellkept.demo.layout import Layout
from wellkept.demo.run import kept, wait_for_keeper, wait_for_server
from wellkept.demo.shop.settings import ShopSettings
from wellkept.kernel.errors import WellkeptError
from wellkept.sdk.client import Client

WITHIN_S = 60.0


def wait_until(what: str, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, f"not within {WITHIN_S:g} s: {what}"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def owned(layout: Layout, *names: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process that owns a keeper with these processes, and the ids of all of them."""
    arguments = [sys.executable, str(Path(__file__).parent / "owner.py"), str(layout.folder), *names]
    owner = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner:
        try:
            line = owner.stdout.readline()
            assert line, "the owner could not start"
            yield owner, [int(pid) for pid in line.split()]
        finally:
            owner.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_is_left_behind_however_the_demo_ends(layout: Layout, number: signal.Signals) -> None:
    with owned(layout, "ledger", "features", "neighbour") as (owner, pids):
        assert len(pids) == 4
        victim = int(layout.settings.pid_file("features").read_text(encoding="ascii"))
        wait_until("features is squeezed", lambda: psutil.Process(victim).status() == psutil.STATUS_STOPPED)
        owner.send_signal(number)
        wait_until("nothing runs", lambda: not any(map(runs, pids)))


def test_nor_when_the_keeper_itself_is_killed(layout: Layout) -> None:
    with owned(layout, "ledger", "features", "neighbour") as (_, pids):
        os.kill(pids[0], signal.SIGKILL)
        wait_until("nothing runs", lambda: not any(map(runs, pids)))


def test_nor_of_the_server_and_what_belongs_to_it(layout: Layout) -> None:
    with owned(layout, "server") as (owner, pids):
        page = f"{layout.address}/readyz"
        wait_until("the server is ready", lambda: _answers(page))
        everything = {*pids, *(child.pid for pid in pids for child in psutil.Process(pid).children(recursive=True))}
        owner.kill()
        wait_until("nothing runs", lambda: not any(map(runs, everything)))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


@contextmanager
def keeping(layout: Layout, *names: str) -> Iterator[ShopSettings]:
    with kept(layout.folder):
        wait_for_keeper(layout.settings)
        for name in names:
            ask(layout.settings, "start", name)
        yield layout.settings


def test_a_restart_is_a_new_process_and_turns_nobody_away(layout: Layout) -> None:
    with keeping(layout, "ledger") as settings:
        before = settings.pid_file("ledger").read_text(encoding="ascii")
        url = f"{settings.url('ledger')}/admin/totals"
        command = [sys.executable, "-m", "wellkept.demo.shop", "restart", "ledger", settings.folder]
        restart = subprocess.Popen(command)
        answers = [httpx.get(url).status_code]
        while restart.poll() is None:
            answers.append(httpx.get(url).status_code)
        assert restart.returncode == 0
        assert set(answers) == {200}
        after = settings.pid_file("ledger").read_text(encoding="ascii")
        assert after != before
        assert not runs(int(before))
        assert httpx.get(url).is_success


def test_orders_need_the_token(layout: Layout) -> None:
    with keeping(layout) as settings:
        stranger = ShopSettings(**{**{f: getattr(settings, f) for f in settings.__slots__}, "token": "guessed"})
        with pytest.raises(WellkeptError, match="token is wrong"):
            ask(stranger, "start", "ledger")


def test_a_process_that_does_not_start_is_named_with_its_log(layout: Layout) -> None:
    with keeping(layout) as settings:
        (layout.folder / "shop.json").write_text("{}", encoding="utf-8")
        with pytest.raises(WellkeptError, match=r"start load.*load\.log"):
            ask(settings, "start", "load")


def test_what_is_meant_for_others_is_not_passed_on() -> None:
    given = {
        "PATH": "/bin",
        "WELLKEPT_DATA": "/x",
        "OTEL_SDK_DISABLED": "true",
        "NO_PROXY": "",
        "HTTP_PROXY": "http://p",
    }
    kept = environment(given)
    assert kept == {"PATH": "/bin", "HTTP_PROXY": "http://p", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def test_a_server_that_cannot_start_is_told_at_once_with_its_words(layout: Layout) -> None:
    with socket.socket() as taken, keeping(layout) as settings:
        taken.bind(("127.0.0.1", settings.ports["server"]))  # it answers nobody, so that nothing waits for its answer
        ask(settings, "start", "server")
        with pytest.raises(WellkeptError, match=r"server ended with code \d+; it said: .*cannot be used"):
            wait_for_server(layout, Client(layout.address, settings.token))


def test_without_a_keeper_there_is_an_error_that_says_so(layout: Layout) -> None:
    with pytest.raises(WellkeptError, match="keeper does not answer"):
        ask(layout.settings, "status", "")

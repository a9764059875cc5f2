"""``wellkept agent``: watch this host."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from wellkept.kernel.errors import InputError

PR_SET_PDEATHSIG = 1


@click.command(name="agent")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), default=None, help="agent.yaml")
@click.option("--url", default=None, help="The server's address.")
@click.option(
    "--token-file", type=click.Path(path_type=Path, dir_okay=False), default=None, help="File with its token."
)
@click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), default=None, help="Where positions are kept."
)
@click.option("--id", "agent_id", default=None, help="The agent's id (default: the host's).")
@click.option("--once", is_flag=True, help="Send everything once, then stop.")
@click.option("--die-with-parent", is_flag=True, help="End when the process that started this one ends.")
def command(
    config: Path | None,
    url: str | None,
    token_file: Path | None,
    state: Path | None,
    agent_id: str | None,
    once: bool,
    die_with_parent: bool,
) -> None:
    """Send this host's metrics and log files to the server, and do what it asks within what agent.yaml declares."""
    from wellkept.agent.agent import Agent
    from wellkept.agent.configuration import load_configuration

    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if die_with_parent and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    configuration = load_configuration(config)
    if state is not None:
        configuration = replace(configuration, state=str(state))
    if agent_id is not None:
        configuration = replace(configuration, id=agent_id)
    address, token = _server(url or configuration.url, token_file, configuration.token, configuration.token_file)
    agent = Agent(configuration, address, token)

    _stop_at_signals(agent.stop)
    try:
        agent.run_once() if once else agent.run()
    finally:
        _ignore_signals()


def _stop_at_signals(stop: Callable[[], None]) -> None:
    """Have the agent stopped by SIGTERM or SIGINT, from a thread.

    A parent with many threads that is killed sends its death signal once for each of them. A handler that took a lock
    could be interrupted by its own next call while it holds it, and wait for itself; so the handler does nothing.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _signal, _frame: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def wait() -> None:
        while os.read(reader, 1)[0] not in (signal.SIGTERM, signal.SIGINT):
            pass
        stop()

    threading.Thread(target=wait, name="signals", daemon=True).start()


def _ignore_signals() -> None:
    """The end has begun: while the interpreter closes it would let a signal that comes late kill the process."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)


def _server(url: str, given: Path | None, token: str, named: str) -> tuple[str, str]:
    """The server's address and token: what is given, else the environment's, else the default data folder's."""
    from wellkept.sdk.connection import DEFAULT_DATA

    address = url or os.environ.get("WELLKEPT_URL") or _read(DEFAULT_DATA / "address")
    file = given or (Path(named) if named else None)
    secret = (_read(file) if file else token) or os.environ.get("WELLKEPT_TOKEN") or _read(DEFAULT_DATA / "token")
    if not address or not secret:
        raise InputError("server", "is not known; give --url and --token-file, or run `wellkept up` here first")
    return address, secret


def _read(path: Path) -> str:
    return path.read_text(encoding="ascii").strip() if path.is_file() else ""

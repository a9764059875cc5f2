"""What a server has to itself: its address, and its data folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from wellkept.kernel.errors import ConflictError, InputError
from wellkept.store.backup import RESTORING

BACKLOG = 2048
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Addresses that only this machine reaches."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; it listens at once, so that nobody else can take the port any more.

    Raises:
        ConflictError: the address is in use, or is none of this machine.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConflictError(f"address {host}:{port}", f"cannot be used: {error.strerror}; try --port") from error
    return listener


def url_of(listener: socket.socket, host: str) -> str:
    """The address under which a socket is reached."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


@contextlib.contextmanager
def claimed(data: Path, address: str) -> Iterator[None]:
    """Hold the data folder, and write who serves it, for the clients.

    Raises: as :func:`held`.
    """
    with held(data):
        (data / "address").write_text(address, encoding="ascii")
        yield


@contextlib.contextmanager
def held(data: Path) -> Iterator[None]:
    """Hold the data folder: no other process can serve it, or take it away, for the length of the block.

    The lock ends with the process, however it ends, so a folder is never left locked.

    Raises:
        ConflictError: another process has it; nothing of what that one wrote is touched. Or not all of it was restored.
        InputError: the folder cannot be written.
    """
    pid = data / "server.pid"
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "lock").open("ab")
    except OSError as error:
        raise InputError(f"data folder {data}", f"must be a folder that can be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            who = pid.read_text(encoding="ascii") if pid.is_file() else "unknown"
            rule = "is in use by another server; stop that one, or choose another folder with --data"
            raise ConflictError(f"data folder {data}", rule, f"process {who}") from error
        if (data / RESTORING).exists():
            rule = "holds a part of a backup: `wellkept restore` was cut off; empty it, and restore again"
            raise ConflictError(f"data folder {data}", rule)
        pid.write_text(str(os.getpid()), encoding="ascii")
        try:
            yield
        finally:
            pid.unlink(missing_ok=True)

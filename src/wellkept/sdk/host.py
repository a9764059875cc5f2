"""The identity of this machine, the same for everything that reports from it."""

from __future__ import annotations

import socket
from pathlib import Path


def own_host_id() -> str:
    """``host.id`` of this machine: its machine id, or its name where there is none."""
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        if path.is_file() and (found := path.read_text(encoding="ascii").strip()):
            return found
    return socket.gethostname()

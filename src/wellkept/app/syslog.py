"""The syslog server, wired."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, tzinfo
from pathlib import Path

from wellkept.app.claim import LOOPBACK
from wellkept.app.settings import Syslog
from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import ForbiddenError
from wellkept.ops.ingest.identity import Identity
from wellkept.ops.ingest.stage import Ingest
from wellkept.ops.ingest.syslog.lines import LineReader
from wellkept.ops.ingest.syslog.server import SyslogServer, SyslogSettings

LOCAL_ZONE = Path("/etc/localtime")


def syslog_server(wanted: Syslog, identity: Identity, ingest: Ingest, clock: Clock) -> SyslogServer | None:
    """The syslog server, where the configuration wants one; it listens when it is started.

    Raises:
        ForbiddenError: the address is not loopback and the configuration does not say that this is meant.
    """
    if not wanted.enabled:
        return None
    if wanted.host not in LOOPBACK and not wanted.allow_remote:
        told = f"ingest.syslog.host {wanted.host} is not loopback; set ingest.syslog.allow_remote to mean it"
        raise ForbiddenError(told)
    settings = SyslogSettings(wanted.host, wanted.udp_port, wanted.tcp_port, wanted.max_message_kib << 10)
    reader = LineReader(identity, _zone(wanted.zone))
    return SyslogServer(settings, reader, ingest, clock)


def _zone(name: str) -> tzinfo:
    """A zone by name, or this machine's; UTC where it has none."""
    if name:
        return zoneinfo.ZoneInfo(name)
    try:
        with LOCAL_ZONE.open("rb") as file:
            return zoneinfo.ZoneInfo.from_file(file, key="localtime")
    except (OSError, ValueError):
        return UTC

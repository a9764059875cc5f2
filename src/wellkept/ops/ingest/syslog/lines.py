"""Syslog lines into log records: what identifies goes into the resource, the rest into the record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo

from wellkept.kernel.clock import from_nanos
from wellkept.ops.ingest.identity import Identity, bare_host
from wellkept.ops.ingest.records import UNKNOWN, Records, fields
from wellkept.ops.ingest.syslog.message import Message, read
from wellkept.ops.ingest.words import SYSLOG

SCOPE = "syslog"
_OF_THE_HOST = frozenset({"kern", "auth", "syslog", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock"})
"""Facilities through which a host speaks of itself. A program that uses them is no service of anybody."""
_PLUMBING = ("systemd", "kernel", "init", "rsyslogd", "syslog-ng", "dbus-daemon")


@dataclass(frozen=True, slots=True)
class Line:
    """One message as it arrived, when, and from which address."""

    raw: bytes
    received_ns: int
    peer: str


class LineReader:
    """Reads lines. What cannot be read becomes a record with the whole line as its text."""

    def __init__(self, identity: Identity, zone: tzinfo) -> None:
        self._identity, self._zone = identity, zone

    def records(self, lines: Iterable[Line], received_ns: int) -> tuple[Records, int]:
        """The records of lines, in their order, and how many lines could not be read."""
        records = Records(SCOPE, received_ns)
        places: dict[tuple[str, str], int] = {}
        malformed = 0
        for line in lines:
            message = read(line.raw, line.received_ns, self._zone)
            host = message.host or bare_host(line.peer)
            key = host, _service(message)
            place = places.get(key)
            if place is None:
                labels = {"host.name": host, "service.name": key[1]}
                place = places[key] = records.resource(
                    self._identity.resource_of({k: v for k, v in labels.items() if v})
                )
            malformed += bool(message.flaw)
            level = SYSLOG[message.priority & 7] if message.priority >= 0 else UNKNOWN
            extra = fields(_attributes(message, line, key[1]))
            records.add(place, message.at_ns or line.received_ns, message.text, level, extra)
        return records, malformed


def _service(message: Message) -> str:
    """The service that a message is from; empty where the host itself speaks."""
    if message.facility in _OF_THE_HOST or message.app.startswith(_PLUMBING):
        return ""
    return message.app


def _attributes(message: Message, line: Line, service: str) -> dict[str, str]:
    """A process id is an attribute of the record: as one of the resource it would make every cron job an entity."""
    said = dict(message.data)
    if message.facility:
        said["syslog.facility"] = message.facility
    if message.app != service:
        said["syslog.appname"] = message.app
    if message.pid:
        said["syslog.procid"] = message.pid
    if message.kind:
        said["syslog.msgid"] = message.kind
    if message.is_inferred:
        said["syslog.received_at"] = from_nanos(line.received_ns).isoformat()
    if message.flaw:
        said["syslog.malformed"] = message.flaw
    if message.flaw or not message.host:
        said["client.address"] = line.peer
    return said

"""One syslog message, as RFC 5424 or RFC 3164 writes it, or whatever else a sender makes of it.

Nothing is refused: what cannot be read is a message with its whole line as text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from wellkept.kernel.clock import from_nanos, to_nanos
from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.moments import nanos_of
from wellkept.ops.ingest.records import text_of

NO_PRIORITY = -1
FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
_BOM = "\ufeff"

_PRIORITY = re.compile(r"<(\d{1,3})>")
_NEW = re.compile(r"1 (\S+) (\S+) (\S+) (\S+) (\S+) (?=-(?: |\Z)|\[)")
_NAME = r"[^\s=\]\"]{1,32}"
_ELEMENT = re.compile(rf"\[({_NAME})((?: +{_NAME}=\"(?:[^\"\\\]]|\\.)*\")*) *\]", re.DOTALL)
_PARAMETER = re.compile(rf"({_NAME})=\"((?:[^\"\\\]]|\\.)*)\"", re.DOTALL)
_ESCAPED = re.compile(r"\\([\"\\\]])")
_OLD = re.compile(
    r"(?:(?P<said>(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +(?P<day>\d{1,2})(?: (?P<year>\d{4}))?"
    r" (?P<time>\d{2}:\d{2}:\d{2})(?:\.\d+)?)|(?P<iso>\d{4}-\d{2}-\d{2}T\S+))(?:: | )"
)
_HOST = re.compile(r"(?![^\s]*(?::|\[[^\s\]]*\]:?)(?:\s|\Z))(\S+) ")
_TAG = re.compile(r"([^\s:\[]{1,48})(?:\[([^\]\s]*)\])?: ?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Message:
    """``at_ns`` 0 means that the message says no time; ``is_inferred`` that its year and zone are guessed."""

    text: str
    priority: int = NO_PRIORITY
    at_ns: int = 0
    host: str = ""
    app: str = ""
    pid: str = ""
    kind: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    is_inferred: bool = False
    flaw: str = ""

    @property
    def facility(self) -> str:
        return FACILITIES[self.priority >> 3] if self.priority >= 0 else ""


def read(line: bytes, received_ns: int, zone: tzinfo) -> Message:
    """The message of a line. ``zone`` is that of times without one."""
    text = text_of(line.rstrip(b"\r\n\0"))
    found = _PRIORITY.match(text)
    priority = int(found[1]) if found else NO_PRIORITY
    if found is None or priority > 191:
        return Message(text, flaw="no priority")
    at = found.end()
    new = _NEW.match(text, at)
    if new is not None:
        return _new(text, priority, new)
    old = _OLD.match(text, at)
    if old is None:
        return Message(text[at:].removeprefix(_BOM), priority)
    return _old(text, priority, old, received_ns, zone)


def _new(text: str, priority: int, head: re.Match[str]) -> Message:
    """A message of RFC 5424 from its head on. ``-`` stands for what is not there."""
    when, host, app, pid, kind = ("" if part == "-" else part for part in head.groups())
    at, data = head.end(), {}
    if text[at] == "-":
        at += 1
    else:
        while (element := _ELEMENT.match(text, at)) is not None:
            for name, value in _PARAMETER.findall(element[2]):
                data[f"syslog.{element[1]}.{name}"] = _ESCAPED.sub(r"\1", value)
            if not element[2]:
                data[f"syslog.{element[1]}"] = "true"
            at = element.end()
    if at < len(text) and text[at] != " ":
        return Message(text, priority, _nanos(when), host, app, pid, kind, data, flaw="structured data")
    body = text[at + 1 :].removeprefix(_BOM)
    flaw = "time" if when and not _nanos(when) else ""
    return Message(text if flaw else body, priority, _nanos(when), host, app, pid, kind, data, flaw=flaw)


def _old(text: str, priority: int, head: re.Match[str], received_ns: int, zone: tzinfo) -> Message:
    """A message of RFC 3164 from its time on. What many leave out (host, tag) may be left out."""
    iso = head["iso"]
    nanos = _nanos(iso) if iso else _inferred(head["said"], received_ns // (60 * 10**9), zone)
    at = head.end()
    host = _HOST.match(text, at)
    at = host.end() if host else at
    tag = _TAG.match(text, at)
    app, pid = (tag[1], tag[2] or "") if tag else ("", "")
    body = text[tag.end() if tag else at :].removeprefix(_BOM)
    if not nanos:
        return Message(text, priority, 0, host[1] if host else "", app, pid, flaw="time")
    return Message(body, priority, nanos, host[1] if host else "", app, pid, is_inferred=not iso)


@functools.lru_cache(maxsize=8192)
def _inferred(said: str, received_min: int, zone: tzinfo) -> int:
    """The moment nearest to the receipt that ``Nov  5 13:07:00`` can mean; 0 where there is no such day."""
    found = _OLD.match(f"{said} ")
    assert found is not None
    received = from_nanos(received_min * 60 * 10**9)
    years = [int(found["year"])] if found["year"] else [received.year + step for step in (-1, 0, 1)]
    month, day = _MONTHS.index(found["month"]) + 1, int(found["day"])
    hour, minute, second = (int(part) for part in found["time"].split(":"))
    best: datetime | None = None
    for year in years:
        for fold in (0, 1):
            try:
                local = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone, fold=fold)
                moment = local.astimezone(UTC)
            except (ValueError, OverflowError):
                continue
            if best is None or abs(moment - received) < abs(best - received):
                best = moment
    return to_nanos(best) if best is not None and best > _EPOCH else 0


def _nanos(text: str) -> int:
    try:
        return nanos_of("time", text) if text else 0
    except InputError:
        return 0

"""Syslog messages: the examples of both RFCs, what senders make of them, and lines that are none."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ops.ingest.decoded import Decoded, decoded
from tests.ops.ingest.outside import NOON, Outside

from wellkept.kernel.clock import from_nanos, to_nanos
from wellkept.ops.ingest.syslog.lines import Line, LineReader
from wellkept.ops.ingest.syslog.message import Message, read

RECEIVED = to_nanos(NOON)
BERLIN = ZoneInfo("Europe/Berlin")
AT_5424 = to_nanos(datetime(2003, 10, 11, 22, 14, 15, 3000, tzinfo=UTC))


def of(line: bytes, received: datetime = NOON, zone: ZoneInfo = BERLIN) -> Message:
    return read(line, to_nanos(received), zone)


def test_the_first_example_of_rfc_5424() -> None:
    line = b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed for lonvick"

    assert of(line) == Message("'su root' failed for lonvick", 34, AT_5424, "mymachine.example.com", "su", "", "ID47")
    assert of(line).facility == "auth"


def test_the_second_example_has_a_process_and_a_zone() -> None:
    message = of(b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.")

    assert message.at_ns == to_nanos(datetime(2003, 8, 24, 12, 14, 15, 3, tzinfo=UTC))
    assert (message.host, message.app, message.pid) == ("192.0.2.1", "myproc", "8710")
    assert message.text == "%% It's time to make the do-nuts."


def test_structured_data_is_attributes() -> None:
    message = of(
        b'<165>1 2003-10-11T22:14:15.003Z m e - ID47 [exampleSDID@32473 iut="3" eventSource="App\\]li\\"cat\\\\ion"]'
        b'[examplePriority@32473 class="high"][empty] \xef\xbb\xbfAn application event'
    )

    assert message.data == {
        "syslog.exampleSDID@32473.iut": "3",
        "syslog.exampleSDID@32473.eventSource": 'App]li"cat\\ion',
        "syslog.examplePriority@32473.class": "high",
        "syslog.empty": "true",
    }
    assert message.text == "An application event"


@pytest.mark.parametrize(
    ("line", "text", "flaw"),
    [
        (b"<165>1 - - - - - -", "", ""),
        (b'<165>1 2003-10-11T22:14:15.003Z m e - - [x@1 a="b"]', "", ""),
        (b'<165>1 - m e - - [x@1 a="b] rest', '<165>1 - m e - - [x@1 a="b] rest', "structured data"),
        (b"<165>1 - m e - - [x@1 a] rest", "<165>1 - m e - - [x@1 a] rest", "structured data"),
        (b"<165>1 yesterday m e - - - rest", "<165>1 yesterday m e - - - rest", "time"),
        (b"<165>1 - m e - - -  two spaces", " two spaces", ""),
        (b"<14>just text", "just text", ""),
        (b"<14>", "", ""),
        (b"no priority at all", "no priority at all", "no priority"),
        (b"<192>too high", "<192>too high", "no priority"),
        (b"<1x>no number", "<1x>no number", "no priority"),
        (b"", "", "no priority"),
        (b"<14>caf\xe9\r\n\0", "caf\\xe9", ""),
        (b"<13>Feb 30 10:00:00 h a: b", "<13>Feb 30 10:00:00 h a: b", "time"),
    ],
)
def test_whatever_comes_is_kept(line: bytes, text: str, flaw: str) -> None:
    message = of(line)
    assert (message.text, message.flaw) == (text, flaw)


@pytest.mark.parametrize(
    ("line", "host", "app", "pid", "text"),
    [
        (b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed", "mymachine", "su", "", "'su root' failed"),
        (b"<13>Nov  5 17:32:18 web-1 nginx[12]: GET /", "web-1", "nginx", "12", "GET /"),
        (b"<13>Nov 05 17:32:18 web-1 nginx[12]: GET /", "web-1", "nginx", "12", "GET /"),
        (b"<13>Nov 25 17:32:18 root: no host", "", "root", "", "no host"),
        (b"<13>Nov 25 17:32:18 cron[7]: no host", "", "cron", "7", "no host"),
        (b"<13>Nov 25 17:32:18 web-1 no tag here", "web-1", "", "", "no tag here"),
        (b"<13>Nov 25 17:32:18.123 web-1 a: fraction", "web-1", "a", "", "fraction"),
        (b"<46>Nov 25 17:32:18 fe80::1 kernel: by address", "fe80::1", "kernel", "", "by address"),
        (b"<189>Mar  1 2026 18:46:11: %SYS-5-CONFIG_I: Configured", "", "%SYS-5-CONFIG_I", "", "Configured"),
        (b"<13>2026-11-25T18:20:33.107123+01:00 vm docker/web[9]: iso", "vm", "docker/web", "9", "iso"),
    ],
)
def test_rfc_3164_as_it_is_written_everywhere(line: bytes, host: str, app: str, pid: str, text: str) -> None:
    message = of(line)
    assert (message.host, message.app, message.pid, message.text, message.flaw) == (host, app, pid, text, "")


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "received", "meant"),
    [
        ("Nov 25 18:54:00", utc(2026, 11, 25, 17, 54), utc(2026, 11, 25, 17, 54)),
        ("Dec 31 23:59:59", utc(2027, 1, 1, 0, 0, 5), utc(2026, 12, 31, 22, 59, 59)),
        ("Jan  1 01:00:00", utc(2026, 12, 31, 23, 59), utc(2027, 1, 1, 0, 0)),
        ("Feb 29 12:00:00", utc(2025, 1, 1), utc(2024, 2, 29, 11, 0)),
        ("Oct 25 02:30:00", utc(2026, 10, 25, 0, 31), utc(2026, 10, 25, 0, 30)),
        ("Oct 25 02:30:00", utc(2026, 10, 25, 1, 31), utc(2026, 10, 25, 1, 30)),
        ("Jul  1 12:00:00", utc(2026, 7, 1, 10, 0), utc(2026, 7, 1, 10, 0)),
        ("Mar  1 2020 12:00:00", utc(2026, 7, 1), utc(2020, 3, 1, 11, 0)),
    ],
    ids=["today", "last year", "next year", "leap day", "first of the hour twice", "second of it", "summer", "said"],
)
def test_year_and_zone_are_those_nearest_to_the_receipt(said: str, received: datetime, meant: datetime) -> None:
    message = of(f"<13>{said} h a: b".encode(), received)

    assert from_nanos(message.at_ns) == meant
    assert message.is_inferred


@given(line=st.binary(max_size=80))
@settings(deadline=None)
def test_no_line_breaks_it(line: bytes) -> None:
    for given_line in (line, b"<13>" + line, b"<13>1 - - - - - " + line, b"<13>Nov 25 17:32:18 " + line):
        message = of(given_line)
        assert message.flaw in ("", "no priority", "structured data", "time")


def records(world: Outside, *lines: bytes, peer: str = "192.0.2.7") -> list[Decoded]:
    reader = LineReader(world.identity, BERLIN)
    made, _ = reader.records([Line(line, RECEIVED, peer) for line in lines], RECEIVED)
    return decoded(made.bodies())


def test_what_identifies_is_the_resource_and_the_rest_the_record(world: Outside) -> None:
    (found,) = records(world, b'<155>1 2003-10-11T22:14:15.003Z web-1 checkout 8 ID47 [x@1 a="b"] hello')

    assert found.resource == {"host.id": "4c4c-web-1", "host.name": "web-1", "service.name": "checkout"}
    assert found.attributes == {
        "syslog.facility": "local3",
        "syslog.procid": "8",
        "syslog.msgid": "ID47",
        "syslog.x@1.a": "b",
    }
    assert (found.text, found.at, found.number, found.level) == ("hello", AT_5424, 17, "err")
    assert found.scope == "syslog"


@pytest.mark.parametrize(
    ("severity", "number", "level"),
    [(0, 21, "emerg"), (1, 19, "alert"), (2, 18, "crit"), (3, 17, "err"), (4, 13, "warning"), (5, 10, "notice"),
     (6, 9, "info"), (7, 5, "debug")],
)  # fmt: skip
def test_severities_are_those_of_the_log_data_model(severity: int, number: int, level: str, world: Outside) -> None:
    (found,) = records(world, f"<{8 + severity}>x".encode())
    assert (found.number, found.level) == (number, level)


@pytest.mark.parametrize(
    "line", [b"<86>Nov 25 18:54:00 web-1 sshd[7]: in", b"<30>Nov 25 18:54:00 web-1 systemd-logind[7]: in"]
)
def test_what_a_host_says_of_itself_is_no_service(line: bytes, world: Outside) -> None:
    (found,) = records(world, line)
    assert "service.name" not in found.resource
    assert found.attributes["syslog.appname"] in ("sshd", "systemd-logind")


def test_of_a_guessed_time_the_receipt_is_kept(world: Outside) -> None:
    (found,) = records(world, b"<13>Nov 25 18:54:00 web-1 a: b")
    assert found.attributes["syslog.received_at"] == NOON.isoformat()


def test_without_a_host_it_is_the_sender(world: Outside) -> None:
    (found,) = records(world, b"<14>hello")
    assert found.resource == {"host.name": "192.0.2.7"}
    assert (found.at, found.attributes["client.address"]) == (RECEIVED, "192.0.2.7")
    (local,) = records(world, b"<14>hello", peer="127.0.0.1")
    assert local.resource == {}


def test_a_line_that_cannot_be_read_is_kept_whole_and_marked(world: Outside) -> None:
    made, malformed = LineReader(world.identity, BERLIN).records([Line(b"what?", RECEIVED, "192.0.2.7")], RECEIVED)
    (found,) = decoded(made.bodies())

    assert malformed == 1
    assert (found.text, found.number) == ("what?", 0)
    assert found.attributes == {"syslog.malformed": "no priority", "client.address": "192.0.2.7"}

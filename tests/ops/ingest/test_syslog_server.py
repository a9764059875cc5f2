"""The syslog server over real sockets: both ways in, a store that is full, and an end at which nothing waits."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC

import pytest
from tests.ops.ingest.decoded import Decoded, decoded
from tests.ops.ingest.outside import Outside

from wellkept.kernel.errors import ConflictError, InputError, OverloadError, WellkeptError
from wellkept.ops.ingest.syslog import server as server_module
from wellkept.ops.ingest.syslog.lines import LineReader
from wellkept.ops.ingest.syslog.server import SyslogServer, SyslogSettings
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.receipt import ALL, Receipt

PATIENCE_S = 20.0
ANY = SyslogSettings(udp_port=0, tcp_port=0)


class Shelf:
    """Ingest, as far as this server needs it; it refuses as long as it is told to."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.refuses: WellkeptError | None = None
        self.asked = threading.Event()

    def submit(self, signal: Signal, body: bytes, *, is_ever_retried: bool = True) -> Future[Receipt]:
        assert signal is Signal.LOGS
        assert not is_ever_retried, "two equal lines are two lines"
        self.asked.set()
        done: Future[Receipt] = Future()
        if isinstance(self.refuses, OverloadError):
            raise self.refuses
        if self.refuses is not None:
            done.set_exception(self.refuses)
        else:
            self.bodies.append(body)
            done.set_result(ALL)
        return done

    @property
    def records(self) -> list[Decoded]:
        return decoded(self.bodies)

    @property
    def texts(self) -> list[str]:
        return [record.text for record in self.records]


def until(look: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def server(world: Outside, shelf: Shelf) -> Iterator[SyslogServer]:
    made = SyslogServer(ANY, LineReader(world.identity, UTC), shelf, world.clock)
    made.start()
    yield made
    shelf.refuses = None
    made.close()


def tcp(server: SyslogServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.status()["tcp_port"]), timeout=PATIENCE_S)


def udp(server: SyslogServer, *lines: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for line in lines:
            sender.sendto(line, ("127.0.0.1", server.status()["udp_port"]))


def test_a_datagram_is_a_message(server: SyslogServer, shelf: Shelf) -> None:
    udp(server, b"<14>one\n", b"<14>two\nlines", b"what?")

    until(lambda: server.status()["stored"] == 3, "three records")
    assert sorted(shelf.texts) == ["one", "two\nlines", "what?"]
    assert server.status() | {"udp_port": 0, "tcp_port": 0} == {
        "udp_port": 0, "tcp_port": 0, "received": 3, "stored": 3, "malformed": 1, "lost": 0, "dropped_by_system": 0,
        "waiting": 0,
    }  # fmt: skip


def test_both_framings_at_once_on_many_connections(server: SyslogServer, shelf: Shelf) -> None:
    connections = [tcp(server) for _ in range(6)]
    for number, connection in enumerate(connections):
        lines = [b"<14>%d-%d" % (number, n) for n in range(200)]
        if number % 2:
            connection.sendall(b"".join(b"%d %b" % (len(line), line) for line in lines))
        else:
            connection.sendall(b"".join(line + b"\n" for line in lines))
    for connection in connections:
        connection.close()

    until(lambda: len(shelf.texts) == 1200, "all records")
    assert set(shelf.texts) == {f"{number}-{n}" for number in range(6) for n in range(200)}


def test_a_connection_that_breaks_leaves_what_it_sent(server: SyslogServer, shelf: Shelf) -> None:
    with tcp(server) as connection:
        connection.sendall(b"<14>whole\n<14>cut o")

    until(lambda: len(shelf.texts) == 2, "two records")
    assert sorted(shelf.texts) == ["cut o", "whole"]


def test_an_ingest_that_is_full_is_asked_again(server: SyslogServer, shelf: Shelf) -> None:
    shelf.refuses = OverloadError("full", retry_after_s=0)
    udp(server, b"<14>kept")
    assert shelf.asked.wait(PATIENCE_S)
    assert shelf.texts == []

    shelf.refuses = None

    until(lambda: shelf.texts == ["kept"], "the record")
    assert server.status()["lost"] == 0


def test_what_the_store_refuses_for_good_is_counted_and_the_rest_goes_on(
    server: SyslogServer, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.refuses = InputError("body", "is poison")
    udp(server, b"<14>poison")
    until(lambda: server.status()["lost"] == 1, "it is counted")
    shelf.refuses = None
    udp(server, b"<14>good")

    until(lambda: shelf.texts == ["good"], "the next record")
    assert "lines were refused by the store" in caplog.text


def test_with_too_much_waiting_connections_are_not_read(
    server: SyslogServer, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_MOST_BYTES", 1000)
    monkeypatch.setattr(server_module, "_FEWER_BYTES", 500)
    shelf.refuses = OverloadError("full", retry_after_s=0)
    payload = b"".join(b"<14>%06d%b\n" % (n, b"x" * 1000) for n in range(20_000))
    sent = threading.Event()

    def send() -> None:
        with tcp(server) as connection:
            connection.sendall(payload)
        sent.set()

    sender = threading.Thread(target=send)
    sender.start()
    until(lambda: server._is_paused, "reading stops")
    assert server.status()["waiting"] < 20_000
    shelf.refuses = None

    until(lambda: server.status()["stored"] == 20_000, "everything is stored in the end")
    sender.join(PATIENCE_S)
    assert sent.is_set()
    assert [text[:6] for text in shelf.texts] == [f"{n:06d}" for n in range(20_000)]


def test_lines_that_come_one_by_one_are_stored_together(server: SyslogServer, shelf: Shelf) -> None:
    with tcp(server) as connection:
        for number in range(10):
            connection.sendall(b"<14>%d\n" % number)
            until(lambda: server.status()["received"] > number, "it is taken")  # noqa: B023 - called at once
            time.sleep(0.02)
        until(lambda: server.status()["stored"] == 10, "all are stored")
    assert len(shelf.bodies) <= 4, "a statement costs as much for one line as for a thousand"


def test_closing_stores_what_was_taken(world: Outside, shelf: Shelf) -> None:
    server = SyslogServer(ANY, LineReader(world.identity, UTC), shelf, world.clock)
    server.start()
    with tcp(server) as connection:
        connection.sendall(b"".join(b"<14>%d\n" % n for n in range(5000)))
        until(lambda: server.status()["received"] == 5000, "it is taken")
        server.close()

    assert len(shelf.texts) == 5000
    with pytest.raises(ConnectionRefusedError):
        tcp(server)


def test_closing_does_not_wait_for_ever(world: Outside, shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    server = SyslogServer(ANY, LineReader(world.identity, UTC), shelf, world.clock)
    server.start()
    shelf.refuses = OverloadError("full", retry_after_s=60)
    udp(server, b"<14>lost")
    assert shelf.asked.wait(PATIENCE_S)
    shelf.refuses = OverloadError("full", retry_after_s=0)

    server.close(patience_s=0.05)

    assert server.status()["lost"] == 1
    assert "syslog: 1 lines were not stored" in caplog.text


def test_an_address_in_use_is_named(world: Outside, shelf: Shelf, server: SyslogServer) -> None:
    port = server.status()["tcp_port"]
    other = SyslogServer(
        SyslogSettings(udp_port=-1, tcp_port=port), LineReader(world.identity, UTC), shelf, world.clock
    )
    with pytest.raises(ConflictError, match=f"syslog address 127.0.0.1:{port}: cannot be used: Address already in use"):
        other.start()
    other.close()


LOGGER = (
    (
        socket.SOCK_DGRAM,
        b'<13>1 2026-11-25T18:16:07.850794+00:00 vm root - - [timeQuality tzKnown="1" isSynced="0"] w\xc3\xb6rld',
    ),
    (socket.SOCK_DGRAM, b"<13>Nov 25 18:16:07 vm app: w\xc3\xb6rld"),
    (
        socket.SOCK_STREAM,
        b'97 <13>1 2026-11-25T18:16:07.859560+00:00 vm app 790 - [timeQuality tzKnown="1" isSynced="0"] w\xc3\xb6rld',
    ),
    (
        socket.SOCK_STREAM,
        b'<155>1 2026-11-25T18:16:07.878587+00:00 vm app - - [timeQuality tzKnown="1" isSynced="0"] w\xc3\xb6rld\n',
    ),
    (socket.SOCK_STREAM, b"35 <13>Nov 25 18:16:07 vm root: w\xc3\xb6rld"),
)
"""What the logger of util-linux sends, byte for byte: by UDP, by TCP counted and in lines, and in the old format."""


@pytest.mark.parametrize(("kind", "sent"), LOGGER, ids=["udp", "3164", "counted", "lines", "3164 counted"])
def test_what_logger_sends(kind: socket.SocketKind, sent: bytes, server: SyslogServer, shelf: Shelf) -> None:
    if kind == socket.SOCK_DGRAM:
        udp(server, sent)
    else:
        with tcp(server) as connection:
            connection.sendall(sent)

    until(lambda: shelf.records, "the record")
    (found,) = shelf.records
    assert (found.text, found.resource["host.name"]) == ("wörld", "vm")
    assert found.resource["service.name"] in ("app", "root")
    assert "syslog.malformed" not in found.attributes

"""Connections of the model server, over real sockets: the short way and the usual one answer alike; none dawdles."""

from __future__ import annotations

import functools
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.app.running import until
from tests.ml.serve.doors import Asked, one, served
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.serve import body as bodies
from wellkept.ml.serve import connection as module
from wellkept.ml.serve.connection import Connection

INFER = "/v2/models/fraud/infer"
BODY = json.dumps({"inputs": one()}).encode()


class Running:
    """The doors behind a real server, on a thread."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        config = uvicorn.Config(
            cast("Any", asked.doors),
            interface="asgi3",
            proxy_headers=False,
            log_level="critical",
            lifespan="off",
            http=cast("Any", functools.partial(Connection, asked.doors)),
            loop="uvloop",
            ws="none",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True)
        self._thread.start()
        until(lambda: self._server.started, "the server listens")

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()

    def connect(self) -> socket.socket:
        found = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    found = Running(Asked(tmp_path_factory.mktemp("cache")))
    for _ in range(3):  # a model is known to be quick when it was
        found.asked.models.get("fraud").champion.lane.score_now(np.zeros((1, 4)))
    yield found
    found.close()


def request(body: bytes = BODY, path: str = INFER, *headers: str, method: str = "POST", version: str = "1.1") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answers(line: socket.socket, count: int) -> list[tuple[int, dict[str, str], bytes]]:
    """So many answers that come on a connection."""
    file, found = line.makefile("rb"), []
    with file:
        for _ in range(count):
            status = int(file.readline().split()[1])
            headers = {}
            while text := file.readline().decode().strip():
                name, _, value = text.partition(":")
                headers[name.lower()] = value.strip()
            found.append((status, headers, file.read(int(headers["content-length"]))))
    return found


def scores(found: list[tuple[int, dict[str, str], bytes]]) -> list[float]:
    return [json.loads(body)["outputs"][0]["data"][0] for _, _, body in found]


def is_over(line: socket.socket) -> bool:
    """Whether the other side has closed the connection, after whatever it still said."""
    try:
        while line.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def test_a_small_request_is_answered_on_a_connection_that_stays(running: Running) -> None:
    with running.connect() as line:
        for _ in range(3):
            line.sendall(request())
            ((status, headers, body),) = answers(line, 1)
            assert (status, headers["content-type"]) == (200, "application/json")
            assert "date" in headers
            assert json.loads(body)["outputs"][0]["data"] == [3.5]


class Slow:
    """Takes longer than what is scored on the spot."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def score(self, rows: Matrix) -> Scores:
        self.released.wait(5)
        return np.asarray(np.nansum(rows, axis=1))


def test_requests_of_one_connection_are_answered_in_their_order(running: Running) -> None:
    slow = Slow()
    running.asked.models.put("slow", [served("slow", slow)])
    try:
        with running.connect() as line:
            line.sendall(
                request() + request(path="/v2/models/slow/infer") + request() + request(b"", "/ping", method="GET")
            )
            slow.released.set()
            found = answers(line, 4)
    finally:
        del running.asked.models._live["slow"]

    assert [status for status, _, _ in found] == [200] * 4
    assert [json.loads(body)["model_name"] for _, _, body in found[:3]] == ["fraud", "slow", "fraud"]
    assert found[3][2] == b"\n"


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 700), max_size=6), close=st.booleans(), old=st.booleans())
def test_however_a_request_comes_in_it_is_answered_alike(
    cuts: list[int], close: bool, old: bool, running: Running
) -> None:
    headers = ("Connection: close",) if close else ()
    whole = request(BODY, INFER, *headers, version="1.0" if old else "1.1")
    places = sorted({min(cut, len(whole)) for cut in cuts})
    with running.connect() as line:
        for start, end in zip([0, *places], [*places, len(whole)], strict=True):
            line.sendall(whole[start:end])

        found = answers(line, 1)

        assert scores(found) == [3.5]
        if close or old:
            assert is_over(line)


def valued(value: float, padding: int) -> bytes:
    """A body whose row sums up to 2.5 and a value; as long as one likes."""
    return json.dumps({"inputs": one(amount=float(value))}).encode() + b" " * padding


KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (INFER, ()),
    (INFER, ("X-Length: Content-Length: 9",)),
    (f"{INFER}?trace=1", ()),
    ("/v2/models/nobody/infer", ()),
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 99), st.integers(0, 300)), min_size=3, max_size=9),
    cuts=st.lists(st.integers(0, 4000), max_size=3),
)
def test_requests_of_a_known_head_are_answered_as_those_of_an_unknown_one(
    asked: list[tuple[tuple[str, tuple[str, ...]], int, int]], cuts: list[int], running: Running
) -> None:
    """Each by itself on a connection that knows heads already, then all at once, cut anywhere."""
    sent = [request(valued(value, padding), path, *headers) for (path, headers), value, padding in asked]
    wanted = []
    for one_request in sent:
        with running.connect() as line:
            line.sendall(one_request)
            wanted += answers(line, 1)
    statuses = [status for status, _, _ in wanted]
    right = [2.5 + value for (_, value, _), status in zip(asked, statuses, strict=True) if status == 200]
    assert scores([found for found in wanted if found[0] == 200]) == right

    with running.connect() as line:
        found = []
        for one_request in sent:
            line.sendall(one_request)
            found += answers(line, 1)
        whole = b"".join(sent)
        places = sorted({min(cut, len(whole)) for cut in cuts})
        for start, end in zip([0, *places], [*places, len(whole)], strict=True):
            line.sendall(whole[start:end])
        found += answers(line, len(sent))

    assert [status for status, _, _ in found] == statuses * 2
    assert scores([answer for answer in found if answer[0] == 200]) == right * 2


def test_a_head_that_came_before_is_not_parsed_again(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []
    usual = HttpToolsProtocol.data_received

    def counting(self: HttpToolsProtocol, data: bytes) -> None:
        parsed.append(len(data))
        usual(self, data)

    monkeypatch.setattr(HttpToolsProtocol, "data_received", counting)
    with running.connect() as line:
        for value in range(12):
            line.sendall(request(valued(value, value * 20)))
            assert scores(answers(line, 1)) == [2.5 + value]

    assert len(parsed) == 2, "the first request, and the one whose head was kept"


def test_after_a_known_head_a_request_that_never_ends_is_ended(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    with running.connect() as line:
        for _ in range(3):
            line.sendall(request())
            assert scores(answers(line, 1)) == [3.5]
        line.sendall(request()[:-10])
        assert is_over(line)


def test_after_a_known_head_a_stranger_is_refused_and_the_connection_ends(running: Running) -> None:
    with running.connect() as line:
        for _ in range(3):
            line.sendall(request())
            assert scores(answers(line, 1)) == [3.5]
        line.sendall(request(BODY, INFER, "Origin: http://elsewhere.example"))
        ((status, headers, _),) = answers(line, 1)
        assert (status, headers["connection"]) == (403, "close")
        assert is_over(line)


def test_what_follows_a_refusal_that_ends_the_connection_is_not_answered(running: Running) -> None:
    with running.connect() as line:
        line.sendall(request(BODY, INFER, "Origin: http://elsewhere.example") + request())
        with line.makefile("rb") as file:
            found = file.read()

    assert [part[:3] for part in found.split(b"HTTP/1.1 ")[1:]] == [b"403"]


def test_after_a_known_head_what_follows_a_body_is_the_next_request(running: Running) -> None:
    with running.connect() as line:
        for _ in range(3):
            line.sendall(request())
            assert scores(answers(line, 1)) == [3.5]
        line.sendall(request() + b"no request\r\n\r\n")
        with line.makefile("rb") as file:
            found = file.read()

    assert [part[:3] for part in found.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/fraud/versions/sha256%3A" + "d" * 64 + "/infer",
        f"{INFER}?trace=1",
        "/v2/models/fraud/versions/7/infer",
    ],
)
def test_an_address_may_be_written_otherwise(path: str, running: Running) -> None:
    with running.connect() as line:
        line.sendall(request(path=path))
        assert scores(answers(line, 1)) == [3.5]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [(INFER, b"{", 400), ("/v2/models/x/infer", BODY, 404), ("/nothing", BODY, 404), ("/v2/models//infer", BODY, 404)],
)
def test_a_mistake_is_told_and_the_connection_stays(path: str, body: bytes, status: int, running: Running) -> None:
    with running.connect() as line:
        line.sendall(request(body, path) + request())
        wrong, right = answers(line, 2)

    assert (wrong[0], right[0]) == (status, 200)
    assert "error" in json.loads(wrong[2])


def test_a_body_that_says_it_is_huge_is_refused_before_it_comes(running: Running) -> None:
    with running.connect() as line:
        line.sendall(f"POST {INFER} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {1 << 30}\r\n\r\n".encode())
        ((status, headers, body),) = answers(line, 1)
        assert is_over(line)

    assert (status, headers["connection"]) == (413, "close")
    assert json.loads(body)["error"] == f"body: must be at most {64 << 20} bytes, got {1 << 30}"


def test_a_body_that_grows_without_end_is_refused(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_BODY_BYTES", 100_000)
    with running.connect() as line:
        line.sendall(f"POST {INFER} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
        for _ in range(4):
            line.sendall(chunk)
        ((status, _, _),) = answers(line, 1)

    assert status == 413


@pytest.mark.parametrize(
    "begun",
    [b"", b"POST ", request()[:60], request()[:-10], request(BODY + b" " * (200 << 10))[:-10]],
    ids=["nothing", "a word", "headers", "a small body", "a large body"],
)
def test_a_request_that_never_ends_is_ended(begun: bytes, running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    monkeypatch.setattr(bodies, "PATIENCE_S", 0.2)
    with running.connect() as line:
        line.sendall(begun)
        assert is_over(line)


def test_a_connection_that_asks_nothing_any_more_is_closed(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    monkeypatch.setattr(module, "IDLE_S", 0.2)
    with running.connect() as line:
        line.sendall(request())
        assert scores(answers(line, 1)) == [3.5]
        assert is_over(line)


def test_what_is_no_http_is_refused(running: Running) -> None:
    with running.connect() as line:
        line.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 400")


def test_deep_nesting_is_refused(running: Running) -> None:
    with running.connect() as line:
        line.sendall(request(b'{"inputs":' + b"[" * 100_000 + b"]" * 100_000 + b"}"))
        ((status, _, body),) = answers(line, 1)

    assert (status, "depth limit" in json.loads(body)["error"]) == (400, True)


def test_the_callers_of_other_methods_are_told(running: Running, tmp_path: Path) -> None:
    with running.connect() as line:
        line.sendall(request(b"", INFER, method="GET") + request(b"", INFER, method="DELETE"))
        assert [status for status, _, _ in answers(line, 2)] == [405, 405]


class Constant:
    """Scores everything alike."""

    def __init__(self, value: float) -> None:
        self.value = value

    def score(self, rows: Matrix) -> Scores:
        return np.full(len(rows), self.value)


def _has_more(found: list[tuple[int, str, float]], count: int) -> bool:
    return len(found) > count


def test_versions_are_swapped_under_load_and_no_request_fails(running: Running) -> None:
    versions = [
        replace(served(scorer=Constant(number)), version=number, digest=f"sha256:{number}") for number in (1, 2)
    ]
    running.asked.models.put("fraud", versions[:1])
    statuses: list[tuple[int, str, float]] = []
    swapped = threading.Event()

    def ask() -> None:
        with running.connect() as line:
            while not swapped.is_set():
                line.sendall(request())
                ((status, _, body),) = answers(line, 1)
                told = json.loads(body)
                statuses.append((status, told["model_version"], told["outputs"][0]["data"][0]))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(40):
            running.asked.models.put("fraud", [versions[turn % 2]])
            until(functools.partial(_has_more, statuses, len(statuses) + 4), "requests go on")
    finally:
        swapped.set()
        for thread in threads:
            thread.join()
        running.asked.models.put("fraud", [served()])

    assert set(statuses) == {(200, "1", 1.0), (200, "2", 2.0)}

"""Too much of it: deep, long, endless, slow, and numbers that are none."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import resource
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import orjson
import pytest
from tests.api.serving import served
from tests.attacks.victim import TOKEN, Victim
from tests.ml.serve.doors import Asked, one, tensor

GIGABYTE = 1 << 30
INFER = "/v2/models/fraud/infer"
DEEP = {
    "lists": b"[" * 200_000,
    "closed lists": b"[" * 100_000 + b"]" * 100_000,
    "objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "inside": b'{"inputs": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
}
DOORS = [
    "/v1/labels",
    "/v1/predictions",
    "/v1/logs",
    "/v1/metrics",
    "/v1/traces",
    "/cloudevents",
    "/loki/api/v1/push",
    "/alertmanager/api/v2/alerts",
    "/v2/enqueue",
    "/api/v1/models/train",
    "/api/v1/plans/x/approve",
    "/api/v1/external/x/report",
    "/api/v1/webhooks/x/test",
    "/api/v1/hooks/x",
    "/login",
]


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


@pytest.mark.parametrize("shape", DEEP)
def test_deep_nesting_is_a_mistake_and_no_crash(shape: str, asked: Asked, platform: Victim) -> None:
    for path in (INFER, "/invocations"):
        assert asked.send(path, DEEP[shape], "application/json").status_code == 400
    for path in DOORS:
        media = {"Content-Type": "application/json"}
        answer = platform.ask("POST", path, TOKEN, content=DEEP[shape], headers=media)
        assert 400 <= answer.status_code < 500, (path, answer.status_code)


async def endless(size: int = GIGABYTE) -> AsyncIterator[bytes]:
    block = b" " * (1 << 20)
    for _ in range(size >> 20):
        yield block


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("is_said", [True, False])
def test_a_gigabyte_is_refused_and_never_held(path: str, is_said: bool, platform: Victim) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    length = {"Content-Length": str(GIGABYTE)} if is_said else {"Transfer-Encoding": "chunked"}
    headers = {"Content-Type": "application/json", **length}

    answer = platform.ask("POST", path, TOKEN, content=endless(), headers=headers)

    assert answer.status_code in (401, 413, 400), answer.status_code
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10, "kilobytes"


def test_a_stranger_cannot_have_a_long_body_read(platform: Victim) -> None:
    read = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal read
        async for block in endless():
            read += len(block)
            yield block

    for path in ("/api/v1/models/train", "/v1/metrics", "/login", "/api/v1/hooks/x"):
        read = 0
        platform.ask("POST", path, content=counted())
        assert read <= 4 << 20, path


def test_the_model_server_reads_no_gigabyte_either(asked: Asked) -> None:
    def ask(**arguments: Any) -> httpx.Response:
        return asked._ask("POST", INFER, **arguments)

    assert ask(content=endless(), headers={"Content-Length": str(GIGABYTE)}).status_code == 413
    assert ask(content=endless(200 << 20)).status_code == 413
    assert asked.post(INFER, {"inputs": one()}).status_code == 200, "and goes on"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "nan", '"NaN"', "0x7ff"])
def test_a_number_that_is_none_is_a_mistake(number: str, asked: Asked, platform: Victim) -> None:
    body = orjson.dumps({"inputs": one(amount=4711.25)}).replace(b"4711.25", number.encode())
    rows = b'{"instances": [[' + number.encode() + b", 1, true, null]]}"
    labels = b'{"labels": [{"prediction_id": "a", "value": ' + number.encode() + b"}]}"

    assert asked.send(INFER, body, "application/json").status_code == 400
    assert asked.send("/invocations", rows, "application/json").status_code == 400
    media = {"Content-Type": "application/json"}
    answer = platform.ask("POST", "/v1/labels", TOKEN, content=labels, headers=media)
    assert answer.status_code in (400, 422), answer.text
    assert asked.log.records == []


def test_a_million_rows_are_refused_before_they_are_scored(asked: Asked) -> None:
    many = [1] * 1_000_000
    body = {"inputs": [tensor(name, *many) for name in ("amount", "count", "foreign", "risk")]}

    answer = asked.post(INFER, body)

    assert answer.status_code in (400, 413)
    assert asked.log.records == []


def test_a_shape_that_lies_about_its_size_allocates_nothing(asked: Asked) -> None:
    for shape in ([10**12], [10**6, 10**6], [-1], [0], [2**63], [1, 10**9]):
        body = {"inputs": [tensor("amount", 1.0, shape=shape)]}
        assert asked.post(INFER, body).status_code == 400, shape


def test_a_form_of_many_parts_is_refused(platform: Victim) -> None:
    """BentoML's multipart bomb (CVE-2024-9056): no door of ours reads multipart at all."""
    bomb = b"".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(200_000)) + b"--x--"
    for path in ("/login", "/theme", "/logout", "/plans/x/decide", "/api/v1/models/train", "/v1/labels"):
        media = {"Content-Type": "multipart/form-data; boundary=x", **platform.cookie}
        answer = platform.ask("POST", path, content=bomb, headers=media)
        assert answer.status_code in (400, 401, 403, 413, 415, 422), path


def test_a_compressed_body_counts_as_what_it_becomes(platform: Victim) -> None:
    bomb = gzip.compress(b" " * (64 << 20), 9)
    for path in ("/v1/logs", "/v1/metrics", "/cloudevents", "/loki/api/v1/push"):
        media = "application/cloudevents+json" if path == "/cloudevents" else "application/json"
        headers = {"Content-Encoding": "gzip", "Content-Type": media}
        assert platform.ask("POST", path, TOKEN, content=bomb, headers=headers).status_code == 413, path


def test_those_who_dawdle_hold_up_nobody_else(platform: Victim) -> None:
    """Slow-loris: two hundred requests that never come to their end, and others are answered all the same."""
    with served(platform.app) as address, contextlib.ExitStack() as stack:
        host, port = address.removeprefix("http://").split(":")
        for number in range(200):
            sock = stack.enter_context(socket.create_connection((host, int(port))))
            sock.sendall(
                b"POST /v1/logs HTTP/1.1\r\nHost: a\r\n" + (b"Content-Length: 9\r\n\r\n{" if number % 2 else b"X: ")
            )
        began = time.monotonic()
        assert httpx.get(f"{address}/healthz").status_code == 200
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert httpx.get(f"{address}/api/v1/status", headers=headers, timeout=30).status_code == 200
        assert time.monotonic() - began < 30


def test_a_request_that_never_ends_costs_the_model_server_no_answer_to_others(asked: Asked) -> None:
    async def both() -> int:
        stuck = asyncio.Event()

        async def never() -> dict[str, Any]:
            await stuck.wait()
            return {"type": "http.disconnect"}

        async def nobody(_: Any) -> None:
            raise AssertionError

        scope = {"type": "http", "method": "POST", "path": INFER, "headers": [], "query_string": b""}
        waiting = [asyncio.create_task(asked.doors(dict(scope), never, nobody)) for _ in range(500)]
        await asyncio.sleep(0)
        transport = httpx.ASGITransport(app=cast("Any", asked.doors))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7461") as http:
            status = (await http.post(INFER, json={"inputs": one()})).status_code
        stuck.set()
        await asyncio.gather(*waiting)
        return status

    assert asyncio.run(both()) == 200


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=0", "limit=999999999", "limit=1e9", "limit=NaN", "limit=" + "9" * 5000]
)
def test_nobody_asks_for_more_than_a_page(query: str, platform: Victim) -> None:
    for path in ("/api/v1/audit", "/api/v1/plans", "/api/v1/webhooks/deliveries", "/api/v1/external"):
        assert platform.ask("GET", f"{path}?{query}", TOKEN).status_code == 422, path

"""How long a body may be where its door does not say so itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from wellkept.api.limits import BodyLimit

LIMIT = 100


async def door(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the whole body, and says how long it is; to whoever is gone it answers all the same."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await Response(str(size))(scope, receive, send)


def asked(path: str, chunks: Sequence[bytes], announced: int | None = None) -> tuple[int, bytes, int]:
    """The status and body of the answer, and how many chunks were read."""
    left, said = list(chunks), list[Message]()
    headers = [] if announced is None else [(b"content-length", str(announced).encode())]

    async def receive() -> Message:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Message) -> None:
        said.append(message)

    scope: dict[str, Any] = {"type": "http", "path": path, "method": "POST", "headers": headers}
    asyncio.run(BodyLimit(door, LIMIT)(scope, receive, send))
    return said[0]["status"], said[1]["body"], len(chunks) - len(left)


def test_a_body_within_the_limit_is_let_through() -> None:
    assert asked("/api/v1/plans", [b"x" * 60, b"x" * 40], 100) == (200, b"100", 2)


def test_one_that_says_that_it_is_longer_is_not_read_at_all() -> None:
    status, body, read = asked("/api/v1/plans", [b"x" * 60, b"x" * 60], 120)

    assert (status, read) == (413, 0)
    assert b"body: must be at most 100 bytes" in body


def test_one_that_does_not_say_so_is_read_up_to_the_limit_and_answered_once() -> None:
    status, _, read = asked("/api/v1/plans", [b"x" * 60] * 50)

    assert (status, read) == (413, 2)


@pytest.mark.parametrize("path", ["/api/v1/hooks/ci", "/api/v1/external/run-1/files", "/api/v1/write", "/v1/logs"])
def test_doors_with_a_limit_of_their_own_are_left_to_it(path: str) -> None:
    assert asked(path, [b"x" * 60, b"x" * 60], 120) == (200, b"120", 2)

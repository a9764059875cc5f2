"""A request that the end of the server cuts off is told to come again, and nothing of it is logged as a failure."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from wellkept.api.cutoff import CutOff

SCOPE: Scope = {"type": "http", "method": "POST", "path": "/v1/logs", "headers": []}


async def nothing() -> Message:
    return {"type": "http.disconnect"}


async def answers_of(*, begins: bool) -> list[Message]:
    """What a client hears of a request that never ends, until it is cut off."""
    heard: list[Message] = []
    waits = asyncio.Event()

    async def sent(message: Message) -> None:
        heard.append(message)

    async def endless(_: Scope, __: Receive, send: Send) -> None:
        if begins:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        waits.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(CutOff(endless)(SCOPE, nothing, sent))
    await waits.wait()
    task.cancel()
    await task
    return heard


def test_it_is_told_to_come_again() -> None:
    start, body = asyncio.run(answers_of(begins=False))

    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert b"POST /v1/logs: cut off, because the server ends; send it again" in body["body"]


def test_an_answer_that_began_is_not_begun_again() -> None:
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(answers_of(begins=True))

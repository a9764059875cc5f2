"""The lean client: kept connections, stale ones replaced, broken answers told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from wellkept.demo.shop.wire import Http

Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def served(speak: Speak, ask: Callable[[Http], Awaitable[None]]) -> int:
    """How many connections a client made."""
    count = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        try:
            await speak(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(counted, "127.0.0.1", 0)
    async with server:
        client = Http(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await ask(client)
        client.close()
    return count


async def _heard(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    size = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    return await reader.readexactly(size)


def test_a_connection_serves_many_requests() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            try:
                await _heard(reader)
            except asyncio.IncompleteReadError:
                return
            writer.write(OK)

    async def ask(client: Http) -> None:
        for _ in range(3):
            assert await client.post("/x", b"{}", {"a": "b"}) == (200, b"ok")

    assert asyncio.run(served(speak, ask)) == 1


def test_a_connection_that_was_closed_meanwhile_is_replaced() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _heard(reader)
        writer.write(OK)

    async def ask(client: Http) -> None:
        for _ in range(3):
            assert await client.post("/x", b"{}", {}) == (200, b"ok")

    assert asyncio.run(served(speak, ask)) == 3


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok", b"nonsense\r\n\r\n"],
    ids=["nothing", "half of it", "not HTTP"],
)
def test_a_broken_answer_is_a_connection_error(answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _heard(reader)
        writer.write(answer)

    async def ask(client: Http) -> None:
        with pytest.raises(ConnectionError):
            await client.post("/x", b"{}", {})

    asyncio.run(served(speak, ask))


def test_nobody_there_is_an_error() -> None:
    async def ask() -> None:
        with pytest.raises(ConnectionRefusedError):
            await Http("http://127.0.0.1:1").post("/x", b"{}", {})

    asyncio.run(ask())

"""A lean HTTP/1.1 client on asyncio, for JSON between neighbours: kept connections, the last used first.

A general client costs several times as much for each call, and the shop has two cores to share with everybody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Http:
    """Requests to one server. Not for the world outside: no redirects, no chunks, no TLS."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._idle: list[Connection] = []

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body of the answer.

        Raises:
            OSError: there is no connection, or it broke.
        """
        lines = [f"POST {path} HTTP/1.1", f"host: {self._host}:{self._port}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        request = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
        while self._idle:
            connection = self._idle.pop()
            if connection[0].at_eof():
                connection[1].close()
                continue
            try:
                return await self._exchange(connection, request)
            except OSError:
                # The other side may have closed a kept connection just now; a fresh one tells whether it is there.
                break
        return await self._exchange(await asyncio.open_connection(self._host, self._port), request)

    def close(self) -> None:
        """Let go of the kept connections."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _exchange(self, connection: Connection, request: bytes) -> tuple[int, bytes]:
        reader, writer = connection
        is_whole = False
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            status, fields = _parse(head)
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            is_whole = fields.get("connection", "") != "close"
            return status, body
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError) as error:
            raise ConnectionError(f"the answer was cut short ({type(error).__name__})") from error
        finally:
            if is_whole:
                self._idle.append(connection)
            else:
                writer.close()


def _parse(head: bytes) -> tuple[int, dict[str, str]]:
    first, *rest = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in rest if line)
    return int(first.split(" ", 2)[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}

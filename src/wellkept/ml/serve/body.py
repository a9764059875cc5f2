"""The bodies of requests: read with limits of size and of time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from wellkept.kernel.errors import InputError, TooLargeError

MAX_BODY_BYTES = 64 << 20
PATIENCE_S = 30.0
"""How long a body may take to come in."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class GoneError(InputError):
    """The caller went away before the request was complete; nobody is there to read an answer."""


class TooSlowError(InputError):
    """The body did not come in time."""


async def read_body(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    """The body of a request.

    Raises:
        TooLargeError: it is, or says that it is, over the limit; the rest of it is not read.
        TooSlowError: it did not come in time.
    """
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise TooLargeError("body", f"must be at most {MAX_BODY_BYTES} bytes", int(length))
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return _checked(message.get("body", b""))
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await _rest(message, receive)
    except TimeoutError as error:
        raise TooSlowError("body", f"must come within {PATIENCE_S:g} s") from error


def parsed(body: bytes) -> Any:
    """The JSON value of a body.

    Raises:
        InputError: it is not JSON (NaN and infinity are not, either), or nested too deeply.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError("body", f"must be JSON: {error.msg} at character {error.pos}") from error


async def _rest(message: Message, receive: Receive) -> bytes:
    chunks, size = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise GoneError("body", "is cut off")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            raise TooLargeError("body", f"must be at most {MAX_BODY_BYTES} bytes")
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()


def _checked(body: bytes) -> bytes:
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError("body", f"must be at most {MAX_BODY_BYTES} bytes")
    return body

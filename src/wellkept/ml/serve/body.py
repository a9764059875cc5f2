"""The bodies of requests: read with limits of size and of time."""

from __future__ import annotations

import asyncio
import json
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
        if (place := _no_number(body)) is not None:
            rule = "must be a finite number; JSON says null for a value that is missing"
            raise InputError(place, rule) from error
        raise InputError("body", f"must be JSON: {error.msg} at character {error.pos}") from error


def _no_number(body: bytes) -> str | None:
    """Where the first NaN or infinity of a body stands that is JSON but for those; None where that is not so.

    Some languages write them so. Nobody waits for this but who sent it, and it is bounded by the size of a body.
    """
    try:
        value = json.loads(body, parse_constant=_NoNumber)
    except (ValueError, RecursionError):
        return None
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        place, one = waiting.pop()
        if isinstance(one, _NoNumber):
            return f"{place or 'body'} ({one})"
        if isinstance(one, dict):
            waiting += [(f"{place}.{name}".lstrip("."), below) for name, below in reversed(one.items())]
        elif isinstance(one, list):
            waiting += [(f"{place}[{index}]", below) for index, below in reversed(list(enumerate(one)))]
    return None


class _NoNumber(str):
    """A NaN or an infinity, as it was written."""

    __slots__ = ()


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

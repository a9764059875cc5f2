"""What the doors for formats of others have in common: reading a body, and the statuses that senders act on.

Senders try again on 429 and 5xx, and give up on every other error. So what may be tried again is 503 (or 429, where
the format says so) with ``Retry-After``, and a body at fault is 400, 413 or 415.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from wellkept.api import otlp
from wellkept.api.errors import body_of
from wellkept.api.otlp import UnsupportedError, read_body
from wellkept.kernel.errors import InputError, OverloadError, StoreError, TooLargeError, WellkeptError
from wellkept.ops.ingest.content import gunzip
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.receipt import Receipt

log = logging.getLogger(__name__)

SMALL = 32 << 10
"""Bytes of a body up to which it is read at once, on the loop's own thread."""
Take = Callable[[Request], Awaitable[Response]]
Refuse = Callable[[WellkeptError, int], Response]


def status_of(error: WellkeptError) -> int:
    """The status by which a sender knows whether to try again."""
    match error:
        case UnsupportedError():
            return 415
        case TooLargeError():
            return 413
        case InputError():
            return 400
        case _:
            return 503


def as_json(error: WellkeptError, status: int) -> Response:
    """An error in the form of our own interface."""
    return Response(orjson.dumps(body_of(error), default=str), status, media_type="application/json")


def door(what: str, take: Take, refuse: Refuse = as_json) -> Take:
    """An endpoint that answers every error as its senders expect it."""

    async def endpoint(request: Request) -> Response:
        try:
            return await take(request)
        except WellkeptError as error:
            found = error
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Exception:
            log.exception("taking a %s failed", what)
            found = StoreError(f"{what}: failed for a reason of the server's")
        status = status_of(found)
        answer = refuse(found, status)
        if status == 503:
            log.warning("a %s was put off: %s", what, found)
            answer.headers["Retry-After"] = str(found.retry_after_s if isinstance(found, OverloadError) else 1)
        return answer

    return endpoint


def media_of(request: Request) -> str:
    """The media type of a request without its parameters."""
    return otlp.media_of(request.headers)


async def content_of(request: Request, what: str, limit: int) -> bytes:
    """The body of a request, unpacked where it says that it is packed.

    Raises:
        UnsupportedError: it is packed in a way that is not known here.
        InputError: it is damaged or cut off.
        TooLargeError: it is over the limit.
    """
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", ""):
        raise UnsupportedError(f"{what}, Content-Encoding", "must be gzip or identity", coding)
    body = await read_body(request, what, limit)
    return await run_in_threadpool(gunzip, what, body, limit) if coding == "gzip" else body


def parsed(what: str, body: bytes) -> Any:
    """A JSON document.

    Raises:
        InputError: it is none.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(what, f"must be JSON: {error.msg} at character {error.pos}") from None


async def store_logs(ingest: Ingest, bodies: Sequence[bytes]) -> None:
    """Return when all the bodies of a request are stored; those that are equal are no retry of one another."""

    def submit() -> list[Future[Receipt]]:
        return [
            ingest.submit(Signal.LOGS, body, is_ever_retried=body not in bodies[:place])
            for place, body in enumerate(bodies)
        ]

    futures = await run_in_threadpool(submit)
    await asyncio.gather(*map(asyncio.wrap_future, futures))


class Together:
    """Waits for futures that many requests share: the loop is woken once for all of them."""

    def __init__(self) -> None:
        self._last: tuple[Future[None], asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None

    async def wait(self, future: Future[None]) -> None:
        """Return when it is done; a request that is cancelled cancels no other one."""
        loop = asyncio.get_running_loop()
        if self._last is None or self._last[0] is not future or self._last[1] is not loop:
            self._last = (future, loop, asyncio.wrap_future(future))
        await asyncio.shield(self._last[2])


def plain(headers: Mapping[str, str], name: str) -> str:
    """A header's value; empty where there is none."""
    return headers.get(name, "").strip()

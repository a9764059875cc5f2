"""OTLP over HTTP: POST /v1/metrics, /v1/logs, /v1/traces, protobuf or JSON, gzip or plain.

Statuses are those of the specification: senders drop data on every error but 429, 502, 503 and 504, so what they may
try again gets 503 with ``Retry-After``, and never 500.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from wellkept.api import otlp_answers as answers
from wellkept.kernel.errors import ForbiddenError, InputError, OverloadError, StoreError, TooLargeError, WellkeptError
from wellkept.ops.ingest.content import gunzip
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.otlp.json_request import to_protobuf
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.receipt import Receipt

log = logging.getLogger(__name__)

PROTOBUF, JSON = "application/x-protobuf", "application/json"
PATHS = frozenset({*(f"/v1/{signal}" for signal in Signal), "/otlp/v1/logs"})
"""The doors for OTLP; the last has the name that Loki gives it."""
SMALL = 64 << 10
"""A plain protobuf below this many bytes is looked at at once: handing it to a thread would cost more."""


class UnsupportedError(InputError):
    """A media type or a coding that this door does not speak."""


def routes(ingest: Ingest) -> list[Route]:
    """The routes of every signal."""
    return [Route(f"/v1/{signal}", endpoint(ingest, signal), methods=["POST"]) for signal in Signal]


def endpoint(ingest: Ingest, signal: Signal) -> Callable[[Request], Awaitable[Response]]:
    async def take(request: Request) -> Response:
        media = media_of(request.headers)
        try:
            receipt = await _store(request, ingest, signal, media)
        except WellkeptError as error:
            return refusal(error, media)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Exception:
            log.exception("taking an OTLP %s request failed", signal)
            return refusal(StoreError(f"OTLP {signal} request: failed for a reason of the server's"), media)
        if media == PROTOBUF:
            return Response(answers.response(receipt), media_type=PROTOBUF)
        return Response(orjson.dumps(answers.response_as_json(signal, receipt)), media_type=JSON)

    return take


async def _store(request: Request, ingest: Ingest, signal: Signal, media: str) -> Receipt:
    """Read, unpack and submit; returns what became of it when it is stored."""
    what = f"OTLP {signal} request"
    if media not in (PROTOBUF, JSON):
        raise UnsupportedError(f"{what}, Content-Type", f"must be {PROTOBUF} or {JSON}", media)
    coding = request.headers.get("content-encoding", "").strip().lower() or "identity"
    if coding not in ("identity", "gzip"):
        raise UnsupportedError(f"{what}, Content-Encoding", "must be gzip or identity", coding)
    limit = ingest.settings.max_body_bytes
    body = await read_body(request, what, limit)

    def submit() -> Future[Receipt]:
        plain = gunzip(what, body, limit) if coding == "gzip" else body
        return ingest.submit(signal, to_protobuf(signal, plain) if media == JSON else plain)

    is_quick = media == PROTOBUF and coding == "identity" and len(body) < SMALL
    return await asyncio.wrap_future(submit() if is_quick else await run_in_threadpool(submit))


def media_of(headers: Mapping[str, str]) -> str:
    """The media type that headers name, without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, what: str, limit: int) -> bytes:
    """The bytes of a request; reading ends as soon as they are over the limit."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLargeError(what, f"must be at most {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def refusal(error: WellkeptError, media: str) -> Response:
    """A ``google.rpc.Status`` in the encoding of the request."""
    status, code = _status(error)
    headers = {"Retry-After": str(error.retry_after_s if isinstance(error, OverloadError) else 1)}
    message = str(error)
    if media == PROTOBUF:
        body = answers.status(code, message)
    else:
        body, media = orjson.dumps({"code": code, "message": message}), JSON
    return Response(body, status, headers=headers if status == 503 else None, media_type=media)


def _status(error: WellkeptError) -> tuple[int, int]:
    match error:
        case ForbiddenError():
            return 401, answers.UNAUTHENTICATED
        case UnsupportedError():
            return 415, answers.INVALID_ARGUMENT
        case TooLargeError():
            return 413, answers.RESOURCE_EXHAUSTED
        case InputError():
            return 400, answers.INVALID_ARGUMENT
        case OverloadError():
            return 503, answers.UNAVAILABLE
        case StoreError():
            return 503, answers.INTERNAL
        case _:
            return 503, answers.INTERNAL

"""OTLP over gRPC: the ``Export`` of the services for metrics, logs and traces, on a port and a thread of its own.

Requests stay bytes: the engine decodes them. Senders drop data on most codes, so what they may try again is
UNAVAILABLE with a ``RetryInfo``; RESOURCE_EXHAUSTED without one tells them that a request will never fit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from typing import Any, NoReturn, TypeAlias

import grpc

from wellkept.api import otlp_answers as answers
from wellkept.api.auth import is_sender
from wellkept.api.otlp import SMALL
from wellkept.kernel.errors import InputError, OverloadError, StoreError, TooLargeError, WellkeptError
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.receipt import Receipt

log = logging.getLogger(__name__)

METHODS = {
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": Signal.METRICS,
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": Signal.LOGS,
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": Signal.TRACES,
}
_STREAMS = 256
"""Requests of one connection that may be under way at once; its client holds back the others."""
_LONGEST_MESSAGE = 1000
"""Bytes of an explanation. It travels in a header, and clients refuse large ones."""
_GRACE_S = 3.0

_Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
_Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


@dataclass(frozen=True, slots=True)
class GrpcSettings:
    """Where the server listens; port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: int = 4317


@dataclass(slots=True)
class Counts:
    """What became of the requests that were read."""

    stored: int = 0
    refused: int = 0
    """At fault: coming again would not help."""
    put_off: int = 0
    strangers: int = 0
    """Without the token; not read."""


class OtlpGrpc:
    """The server. An address that is in use is no reason to do without the rest: it says so, and stays closed."""

    def __init__(self, settings: GrpcSettings, ingest: Ingest, token: str) -> None:
        self.counts = Counts()
        self._settings, self._ingest, self._token = settings, ingest, token
        self._port = 0
        self._problem = ""
        self._opened: Future[int] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="otlp-grpc", daemon=True)

    @property
    def address(self) -> str | None:
        """The endpoint that senders name; None while it is closed."""
        return f"http://{_place(self._settings.host, self._port)}" if self._port else None

    def start(self) -> None:
        """Listen, or tell the log why not."""
        try:
            _probe(self._settings.host, self._settings.port)
            self._thread.start()
            self._port = self._opened.result()
        except (OSError, RuntimeError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            place = _place(self._settings.host, self._settings.port)
            self._problem = (
                f"address {place} cannot be used: {why}; set ingest.grpc.port (0 takes any free one), "
                "or end what listens there and start again"
            )
            log.warning("OTLP over gRPC is not served: %s", self._problem)

    def status(self) -> dict[str, Any]:
        """Where it listens, or why it does not, and the counts."""
        return {"address": self.address, "problem": self._problem, **asdict(self.counts)}

    def close(self) -> None:
        """Take nothing more, and return when what was taken is answered."""
        if self._thread.is_alive() and self._loop is not None:
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()
        self._port = 0

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        options = [
            ("grpc.so_reuseport", 0),  # two servers on one port would each get some of the requests
            ("grpc.max_receive_message_length", self._ingest.settings.max_body_bytes),  # after decompression, too
            ("grpc.max_concurrent_streams", _STREAMS),
        ]
        server = grpc.aio.server(options=options)
        server.add_generic_rpc_handlers([_Services(self._ingest, self._token, self.counts)])
        try:
            port = server.add_insecure_port(_place(self._settings.host, self._settings.port))
            await server.start()
        except Exception as error:  # noqa: BLE001 - whoever started this thread waits for its word, and raises it
            self._opened.set_exception(error)
            return
        self._opened.set_result(port)
        await self._closing.wait()
        await server.stop(_GRACE_S)


class _Services(grpc.GenericRpcHandler):
    """The three services. Who has not the token is answered before the request is read."""

    def __init__(self, ingest: Ingest, token: str, counts: Counts) -> None:
        self._ingest, self._token, self._counts = ingest, token, counts
        self._methods: dict[str, _Handler] = {
            method: grpc.unary_unary_rpc_method_handler(self._export(signal)) for method, signal in METHODS.items()
        }
        # To gRPC one request is a stream of one; a handler of streams begins before there is any.
        self._stranger: _Handler = grpc.stream_unary_rpc_method_handler(self._refuse_stranger)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> _Handler | None:
        wanted = self._methods.get(handler_call_details.method)
        if wanted is None:
            return None
        given = dict(handler_call_details.invocation_metadata)
        proof = {"authorization": _text(given.get("authorization"))}
        return wanted if is_sender(proof, self._token) else self._stranger

    def _export(self, signal: Signal) -> Callable[[bytes, _Context], Awaitable[bytes]]:
        async def export(body: bytes, context: _Context) -> bytes:
            try:
                receipt = await self._store(signal, body)
            except WellkeptError as error:
                found = error
            except Exception:
                log.exception("taking an OTLP %s request failed", signal)
                found = StoreError(f"OTLP {signal} request: failed for a reason of the server's")
            else:
                self._counts.stored += 1
                return answers.response(receipt)
            return await self._refuse(found, context)

        return export

    async def _store(self, signal: Signal, body: bytes) -> Receipt:
        if len(body) < SMALL:
            return await asyncio.wrap_future(self._ingest.submit(signal, body))
        return await asyncio.wrap_future(await asyncio.to_thread(self._ingest.submit, signal, body))

    async def _refuse(self, error: WellkeptError, context: _Context) -> NoReturn:
        if isinstance(error, InputError):
            self._counts.refused += 1
            is_large = isinstance(error, TooLargeError)
            code = grpc.StatusCode.RESOURCE_EXHAUSTED if is_large else grpc.StatusCode.INVALID_ARGUMENT
            await _abort(context, code, str(error))
        self._counts.put_off += 1
        log.warning("an OTLP request over gRPC was put off: %s", error)
        wait_s = error.retry_after_s if isinstance(error, OverloadError) else 1
        await _abort(context, grpc.StatusCode.UNAVAILABLE, str(error), wait_s)

    async def _refuse_stranger(self, _: AsyncIterator[bytes], context: _Context) -> NoReturn:
        self._counts.strangers += 1
        told = "this needs the token that `wellkept up` printed, as metadata 'authorization: Bearer <token>'"
        await _abort(context, grpc.StatusCode.UNAUTHENTICATED, told)


async def _abort(context: _Context, code: grpc.StatusCode, message: str, wait_s: int | None = None) -> NoReturn:
    short = message.encode()[:_LONGEST_MESSAGE].decode(errors="ignore")
    details = answers.status(code.value[0], short, wait_s)
    await context.abort(code, short, (("grpc-status-details-bin", details),))


def _probe(host: str, port: int) -> None:
    """Raise what the system says of an address that cannot be used; gRPC's own words are for its developers."""
    with contextlib.closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)


def _place(host: str, port: int) -> str:
    return f"{f'[{host}]' if ':' in host else host}:{port}"


def _text(value: str | bytes | None) -> str:
    return value if isinstance(value, str) else ""

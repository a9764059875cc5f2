"""The model server's doors: Open Inference Protocol v2, /invocations, health, metrics."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Lifespan

from wellkept import __version__
from wellkept.kernel.errors import InputError, NotFoundError, OverloadError, TooLargeError, WellkeptError
from wellkept.ml.serve import meters as metering
from wellkept.ml.serve.answering import Answering, Ask, csv_ask, infer_ask, invocation_ask
from wellkept.ml.serve.binary import HEADER
from wellkept.ml.serve.body import GoneError, Message, Receive, TooSlowError, read_body
from wellkept.ml.serve.guests import Guests, StrangerError
from wellkept.ml.serve.log import PredictionLog
from wellkept.ml.serve.meters import Meters
from wellkept.ml.serve.models import Deployed, Models
from wellkept.ml.serve.protocols import DATATYPES

log = logging.getLogger(__name__)

Send = Callable[[Message], Awaitable[None]]
PREFIX, INFER = "/v2/models/", "/infer"
OWN, ALONE = "/models/", "/invocations"
JSON = (b"content-type", b"application/json")
CLOSING = (b"connection", b"close")
CSV = "text/csv"
JSON_LENGTH = HEADER.lower().encode()


class Address(NamedTuple):
    """Whom an inference request is for, and in which form it comes; no model is the only one that is live."""

    model: str | None
    version: str | None
    is_invocation: bool = False


INVOCATIONS = Address(None, None, is_invocation=True)


class Reply(NamedTuple):
    """What a request is answered with, in JSON."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class KindError(InputError):
    """A media type that the door does not speak."""


class Doors:
    """An ASGI application. What is asked all the time is answered here; the rest has a router of its own."""

    def __init__(
        self,
        models: Models,
        predictions: PredictionLog,
        answering: Answering,
        meters: Meters,
        lifespan: Lifespan[Starlette] | None = None,
        guests: Guests | None = None,
    ) -> None:
        self._guests = guests or Guests()
        self._models, self._log, self._answering, self._meters = models, predictions, answering, meters
        model = "/v2/models/{model}"
        version = f"{model}/versions/{{version}}"
        self._rest = Starlette(
            routes=[
                Route("/v2", self.metadata),
                Route("/v2/health/live", self.live),
                Route("/v2/health/ready", self.ready),
                *(Route(path, self.model) for path in (model, version)),
                *(Route(f"{path}/ready", self.model_ready) for path in (model, version)),
                *(Route(f"{path}/infer", self.wrong_method, methods=["POST"]) for path in (model, version)),
                *(Route(path, self.wrong_method, methods=["POST"]) for path in (ALONE, f"{OWN}{{model}}{ALONE}")),
                Route("/ping", self.ping),
                Route("/health", self.ping),
                Route("/metrics", self.metrics),
            ],
            exception_handlers={HTTPException: _no_door, NotFoundError: _not_found},
            lifespan=lifespan,
        )

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        where = _address(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if where is None:
            return await self._other(scope, receive, send)
        headers = dict(scope["headers"])
        try:
            read, deployed = self._reading(where, headers)
            body = await read_body(headers, receive)
            answer = await self._answering.answer(deployed, where.version, lambda: read(body), len(body))
        except GoneError:
            return None
        except Exception as error:  # noqa: BLE001 - the edge of a model: what it raised is logged and answered
            refusal = self._refusal(error, where, scope["path"])
            return await _send(send, refusal)
        return await _send(send, Reply(200, answer))

    async def _other(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._guests.check(dict(scope["headers"]))
            except StrangerError as error:
                return await _send(send, Reply(403, _refused(error, 403), _also(403)))
        return await self._rest(scope, receive, send)

    def at_once(self, path: str, headers: dict[bytes, bytes], body: bytes) -> Reply | None:
        """The reply to a small request that needs no waiting; None where it must be answered by a call as ASGI."""
        where = _address(path)
        if where is None:
            return None
        try:
            read, deployed = self._reading(where, headers)
            answer = self._answering.at_once(deployed, where.version, lambda: read(body))
        except Exception as error:  # noqa: BLE001 - as above
            return self._refusal(error, where, path)
        return None if answer is None else Reply(200, answer)

    def _reading(self, where: Address, headers: dict[bytes, bytes]) -> tuple[Callable[[bytes], Ask], Deployed]:
        """How a request at an address is read, and of which model it asks."""
        self._guests.check(headers)
        traceparent = headers.get(b"traceparent", b"").decode("latin-1")
        deployed = self._only() if where.model is None else self._models.get(where.model)
        if not where.is_invocation:
            length = headers.get(JSON_LENGTH, b"").decode("latin-1")
            return lambda body: infer_ask(body, traceparent, length), deployed
        if _kind(headers.get(b"content-type", b"").decode("latin-1")) == CSV:
            return lambda body: csv_ask(body, traceparent, deployed.categories), deployed
        return lambda body: invocation_ask(body, traceparent), deployed

    def _refusal(self, error: Exception, where: Address, path: str) -> Reply:
        """An error as the protocols want it; this is the edge at which a model's own errors are logged."""
        status = _status(error)
        if status == 500:
            log.error("%s failed", path, exc_info=error)
        else:
            self._count(where.model, status)
        return Reply(status, _refused(error, status), _also(status))

    async def metadata(self, _: Request) -> Response:
        return _json({"name": "wellkept", "version": __version__, "extensions": ["binary_tensor_data"]})

    async def live(self, _: Request) -> Response:
        return _json({"live": True})

    async def ready(self, _: Request) -> Response:
        live = self._models.all()
        models = {deployed.champion.name: deployed.champion.version for deployed in live}
        versions = {one.champion.name: [served.version for served in one.versions] for one in live}
        counts = {"backlog": self._log.backlog, "dropped": self._log.dropped}
        troubles = self._models.troubles()
        is_ready = self._models.is_ready
        told = {"models": models, "versions": versions, "troubles": troubles}
        return _json({"ready": is_ready, "live": True, **told, **counts}, 200 if is_ready else 503)

    async def ping(self, _: Request) -> Response:
        return Response("\n", 200 if self._models.all() else 404)

    async def model(self, request: Request) -> Response:
        deployed = self._models.get(request.path_params["model"])
        wanted = request.path_params.get("version")
        served = deployed.champion if wanted is None else deployed.version(wanted)
        inputs = [{"name": e.name, "datatype": DATATYPES[e.type], "shape": [-1]} for e in served.inputs]
        outputs = [{"name": name, "datatype": "FP64", "shape": [-1]} for name in served.outputs]
        versions = [one.label for one in (deployed.versions if wanted is None else [served])]
        body = {"name": served.name, "versions": versions, "platform": served.format}
        return _json({**body, "inputs": inputs, "outputs": outputs})

    async def model_ready(self, request: Request) -> Response:
        deployed = self._models.get(request.path_params["model"])
        if "version" in request.path_params:
            deployed.version(request.path_params["version"])
        return _json({"name": deployed.champion.name, "ready": True})

    async def metrics(self, _: Request) -> Response:
        gauges = {
            "prediction_log_backlog": self._log.backlog,
            "prediction_log_bytes": self._log.size,
            "prediction_log_dropped_total": self._log.dropped,
        }
        served = [one for deployed in self._models.all() for one in deployed.versions]
        lanes = [(one.name, one.label, dict(one.lane.batches), one.lane.waiting) for one in served]
        return Response(self._meters.text(gauges, lanes), media_type=metering.MEDIA)

    async def wrong_method(self, request: Request) -> Response:
        """Only other methods than POST come to the router."""
        raise AssertionError(request.url.path)

    def _count(self, name: str | None, status: int) -> None:
        """A refusal; a name that nobody knows is not a label."""
        known = name is not None and any(one.champion.name == name for one in self._models.all())
        self._meters.failed(name or "" if known else "", "", status)

    def _only(self) -> Deployed:
        """The model of /invocations, whose address names none."""
        live = self._models.all()
        if not live and not self._models.is_ready:
            raise OverloadError("/invocations: no model is loaded yet")
        if len(live) != 1:
            raise NotFoundError("/invocations", "needs exactly one live model; use /models/NAME/invocations", len(live))
        return live[0]


def _kind(given: str) -> str:
    """The media type of a body of /invocations."""
    written, _, parameters = given.partition(";")
    kind = written.strip().lower()
    if kind not in ("application/json", CSV):
        raise KindError("content-type", f"must be application/json or {CSV}", written)
    if parameters.strip().lower() not in ("", "charset=utf-8", 'charset="utf-8"'):
        raise KindError("content-type", "must have no parameter but charset=utf-8", parameters)
    return kind


def _status(error: Exception) -> int:
    match error:
        case NotFoundError():
            return 404
        case TooLargeError():
            return 413
        case TooSlowError():
            return 408
        case KindError():
            return 415
        case StrangerError():
            return 403
        case InputError():
            return 400
        case OverloadError():
            return 503
    return 500


def _also(status: int) -> tuple[tuple[bytes, bytes], ...]:
    """Headers of a refusal. What was not read to its end cannot be followed by another request."""
    if status in (403, 408, 413):
        return (CLOSING,)
    return ((b"retry-after", b"1"),) if status == 503 else ()


def _refused(error: Exception, status: int) -> bytes:
    """``error`` as Open Inference Protocol wants it, and the two keys that callers of /invocations look at."""
    ours = str(error) if isinstance(error, WellkeptError) else f"the model failed: {error}"
    codes = {
        403: "PERMISSION_DENIED",
        404: "RESOURCE_DOES_NOT_EXIST",
        500: "INTERNAL_ERROR",
        503: "TEMPORARILY_UNAVAILABLE",
    }
    return orjson.dumps({"error": ours, "error_code": codes.get(status, "BAD_REQUEST"), "message": ours})


def _address(path: str) -> Address | None:
    """The model and version that an address names; None where it is not one for inference."""
    if path == ALONE:
        return INVOCATIONS
    if path.startswith(OWN) and path.endswith(ALONE):
        name = path[len(OWN) : -len(ALONE)]
        return Address(name, None, is_invocation=True) if name and "/" not in name else None
    if not (path.endswith(INFER) and path.startswith(PREFIX)):
        return None
    name, named, version = path[len(PREFIX) : -len(INFER)].partition("/versions/")
    if not name or "/" in name or "/" in version or bool(named) != bool(version):
        return None
    return Address(name, version or None)


async def _send(send: Send, reply: Reply) -> None:
    headers = [JSON, (b"content-length", b"%d" % len(reply.body)), *reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _no_door(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _json({"error": f"{request.method} {request.url.path}: {error.detail}"}, error.status_code)


async def _not_found(_: Request, error: Exception) -> Response:
    return Response(_refused(error, 404), 404, media_type="application/json")


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")

"""The model server's doors: Open Inference Protocol v2, /invocations, health."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wellkept import __version__
from wellkept.kernel.errors import InputError, NotFoundError, TooLargeError, WellkeptError
from wellkept.ml.serve.caller import Caller, caller_of
from wellkept.ml.serve.inputs import matrix_of
from wellkept.ml.serve.log import PredictionLog
from wellkept.ml.serve.models import Models, Served
from wellkept.ml.serve.protocols import DATATYPES, Rows, rows_of_infer, rows_of_invocation
from wellkept.ml.serve.telemetry import Instrument

log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]
MAX_BODY_BYTES = 64 << 20
MANY_ROWS = 200
"""From here on rows are scored on a thread, so that they do not hold up the others' single ones."""


class Doors:
    """Answers inference requests, and logs every answer."""

    def __init__(self, models: Models, predictions: PredictionLog, instrument: Instrument) -> None:
        self._models, self._log, self._instrument = models, predictions, instrument

    def app(self) -> Starlette:
        """The ASGI application."""
        model = "/v2/models/{model}"
        version = f"{model}/versions/{{version}}"
        return Starlette(
            routes=[
                Route("/v2", self.metadata),
                Route("/v2/health/live", self.live),
                Route("/v2/health/ready", self.ready),
                *(Route(path, _guarded(self.model)) for path in (model, version)),
                *(Route(f"{path}/ready", _guarded(self.model_ready)) for path in (model, version)),
                *(Route(f"{path}/infer", _guarded(self.infer), methods=["POST"]) for path in (model, version)),
                Route("/invocations", _guarded(self.invocations), methods=["POST"]),
                Route("/ping", self.ping),
                Route("/health", self.ping),
            ],
            exception_handlers={HTTPException: _no_door},
        )

    async def metadata(self, _: Request) -> Response:
        return _json({"name": "wellkept", "version": __version__, "extensions": []})

    async def live(self, _: Request) -> Response:
        return _json({"live": True})

    async def ready(self, _: Request) -> Response:
        models = {served.name: served.version for served in self._models.all()}
        counts = {"backlog": self._log.backlog, "dropped": self._log.dropped}
        return _json({"ready": True, "live": True, "models": models, **counts})

    async def ping(self, _: Request) -> Response:
        return Response("\n", 200 if self._models.all() else 404)

    async def model(self, request: Request) -> Response:
        served = self._named(request)
        inputs = [{"name": e.name, "datatype": DATATYPES[e.type], "shape": [-1]} for e in served.inputs]
        outputs = [{"name": served.contract.output.name, "datatype": "FP64", "shape": [-1]}]
        body = {"name": served.name, "versions": [str(served.version)], "platform": served.format}
        return _json({**body, "inputs": inputs, "outputs": outputs})

    async def model_ready(self, request: Request) -> Response:
        return _json({"name": self._named(request).name, "ready": True})

    async def infer(self, request: Request) -> Response:
        served, body = self._named(request), _parsed(await _body(request))
        rows = rows_of_infer(body)
        caller = caller_of(request.headers.get("traceparent", ""), body.get("parameters"))
        scores = await self._scored(served, rows, caller)
        output = {"name": served.contract.output.name, "shape": [len(scores)], "datatype": "FP64", "data": scores}
        answer = {
            "model_name": served.name,
            "model_version": str(served.version),
            "outputs": [output],
            "parameters": {"prediction_id": caller.prediction, "digest": served.digest},
        }
        return _json({**answer, "id": body["id"]} if "id" in body else answer)

    async def invocations(self, request: Request) -> Response:
        kind, _, parameters = request.headers.get("content-type", "").partition(";")
        if kind.strip().lower() != "application/json":
            return _refused(InputError("content-type", "must be application/json", kind), 415)
        if parameters.strip().lower() not in ("", "charset=utf-8", 'charset="utf-8"'):
            return _refused(InputError("content-type", "must have no parameter but charset=utf-8", parameters), 415)
        served = self._only()
        rows = rows_of_invocation(_parsed(await _body(request)), [entry.name for entry in served.inputs])
        caller = caller_of(request.headers.get("traceparent", ""), None)
        return _json({"predictions": await self._scored(served, rows, caller)})

    async def _scored(self, served: Served, rows: Rows, caller: Caller) -> list[float]:
        if len(rows) < MANY_ROWS:
            return self._score(served, rows, caller)
        return await run_in_threadpool(self._score, served, rows, caller)

    def _score(self, served: Served, rows: Rows, caller: Caller) -> list[float]:
        began = time.perf_counter()
        scores = served.scorer.score(matrix_of(served, rows))
        if not np.isfinite(scores).all():
            bad = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise WellkeptError(f"model {served.name}: the score of row {bad} is not a finite number")
        taken_s = time.perf_counter() - began
        found: list[float] = scores.tolist()
        self._log.add(_logged(served, rows, found, caller, taken_s))
        self._instrument.record(served, caller.trace_id, caller.span_id, taken_s, len(rows))
        return found

    def _named(self, request: Request) -> Served:
        """The model, in the version, that the address names."""
        served = self._models.get(request.path_params["model"])
        wanted = request.path_params.get("version")
        if wanted is not None and wanted not in (str(served.version), served.digest):
            raise NotFoundError(f"model {served.name}", f"serves version {served.version} alone", wanted)
        return served

    def _only(self) -> Served:
        """The model of /invocations, whose address names none."""
        served = self._models.all()
        if len(served) != 1:
            raise NotFoundError("/invocations", "needs exactly one live model; use /v2/models/NAME/infer", len(served))
        return served[0]


def _guarded(handler: Handler) -> Handler:
    """Errors of ours as the protocols want them; this is the edge at which a model's own errors are logged."""

    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except NotFoundError as error:
            return _refused(error, 404)
        except TooLargeError as error:
            return _refused(error, 413)
        except InputError as error:
            return _refused(error, 400)
        except Exception as error:
            log.exception("%s failed", request.url.path)
            ours = error if isinstance(error, WellkeptError) else WellkeptError(f"the model failed: {error}")
            return _refused(ours, 500)

    return guarded


def _refused(error: WellkeptError, status: int) -> Response:
    """``error`` as Open Inference Protocol wants it, and the two keys that callers of /invocations look at."""
    code = {404: "RESOURCE_DOES_NOT_EXIST", 500: "INTERNAL_ERROR"}.get(status, "BAD_REQUEST")
    return _json({"error": str(error), "error_code": code, "message": str(error)}, status)


async def _no_door(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _json({"error": f"{request.method} {request.url.path}: {error.detail}"}, error.status_code)


async def _body(request: Request) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise TooLargeError("body", f"must be at most {MAX_BODY_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _parsed(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError("body", f"must be JSON: {error.msg} at character {error.pos}") from error


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def _logged(served: Served, rows: Rows, scores: list[float], caller: Caller, taken_s: float) -> list[dict[str, Any]]:
    """The records of the prediction log, one a row."""
    threshold, now = served.contract.output.threshold, datetime.now(UTC).isoformat()
    shared = {
        "time": now,
        "model": served.name,
        "version": served.digest,
        "entity_key": caller.entity_key,
        "trace_id": caller.trace_id,
        "span_id": caller.span_id,
        "latency_ms": taken_s * 1000,
    }
    return [
        {
            **shared,
            "id": prediction,
            "score": score,
            "decision": "" if threshold is None else str(score >= threshold).lower(),
            "features": {name: None if value is None else float(value) for name, value in row.items()},
        }
        for prediction, row, score in zip(caller.ids(len(rows)), rows, scores, strict=True)
    ]

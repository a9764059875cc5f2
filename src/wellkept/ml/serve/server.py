"""The model server's doors: Open Inference Protocol v2, /invocations, health."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wellkept import __version__
from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.ml.serve.log import PredictionLog
from wellkept.ml.serve.models import Models, Served, row_of
from wellkept.ml.serve.protocols import Rows, rows_of_infer, rows_of_invocation
from wellkept.ml.serve.telemetry import Instrument

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as far as the prediction log wants to know."""

    entity_key: str
    trace_id: str
    span_id: str
    ids: tuple[str, ...]


class Doors:
    """Answers inference requests, and logs every answer."""

    def __init__(self, models: Models, log: PredictionLog, instrument: Instrument) -> None:
        self._models, self._log, self._instrument = models, log, instrument

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/v2", self.metadata),
                Route("/v2/health/live", self.live),
                Route("/v2/health/ready", self.ready),
                Route("/v2/models/{model}", self.model),
                Route("/v2/models/{model}/ready", self.model_ready),
                Route("/v2/models/{model}/infer", _guarded(self.infer), methods=["POST"]),
                Route("/v2/models/{model}/versions/{version}/infer", _guarded(self.infer), methods=["POST"]),
                Route("/invocations", _guarded(self.invocations), methods=["POST"]),
                Route("/ping", self.ping),
                Route("/health", self.ping),
            ]
        )

    async def metadata(self, _: Request) -> Response:
        return _json({"name": "wellkept", "version": __version__, "extensions": []})

    async def live(self, _: Request) -> Response:
        return _json({"live": True})

    async def ready(self, _: Request) -> Response:
        models = {served.name: served.version for served in self._models.all()}
        return _json({"ready": True, "live": True, "models": models, "backlog": self._log.backlog})

    async def ping(self, _: Request) -> Response:
        return Response("\n", 200 if self._models.all() else 404)

    async def model(self, request: Request) -> Response:
        served = self._found(request)
        if served is None:
            return _no_model(request)
        inputs = [{"name": name, "datatype": "FP64", "shape": [-1]} for name in served.inputs]
        outputs = [{"name": served.contract.output.name, "datatype": "FP64", "shape": [-1]}]
        body = {"name": served.name, "versions": [str(served.version)], "platform": served.format}
        return _json({**body, "inputs": inputs, "outputs": outputs})

    async def model_ready(self, request: Request) -> Response:
        served = self._found(request)
        return _json({"name": served.name, "ready": True}) if served else _no_model(request)

    async def infer(self, request: Request) -> Response:
        served = self._models.get(request.path_params["model"])
        wanted = request.path_params.get("version")
        if wanted is not None and wanted not in (str(served.version), served.digest):
            raise NotFoundError(f"model {served.name}", "does not serve that version", wanted)
        body = _parsed(await request.body())
        rows = rows_of_infer(body)
        parameters = body.get("parameters") or {}
        caller = _caller(request, len(rows), parameters, str(body.get("id") or ""))
        scores = self._score(served, rows, caller)
        output = {"name": served.contract.output.name, "shape": [len(scores)], "datatype": "FP64", "data": scores}
        answer = {
            "model_name": served.name,
            "model_version": str(served.version),
            "outputs": [output],
            "parameters": {"prediction_id": caller.ids[0], "digest": served.digest},
        }
        return _json({**answer, "id": body["id"]} if "id" in body else answer)

    async def invocations(self, request: Request) -> Response:
        kind, _, parameters = request.headers.get("content-type", "").partition(";")
        if kind.strip() != "application/json":
            return _json({"error_code": "BAD_REQUEST", "message": "content type must be application/json"}, 415)
        if parameters.strip() and parameters.strip().lower() not in ("charset=utf-8", 'charset="utf-8"'):
            return _json({"error_code": "BAD_REQUEST", "message": "charset must be utf-8"}, 415)
        served = self._only()
        rows = rows_of_invocation(_parsed(await request.body()), served.inputs)
        return _json({"predictions": self._score(served, rows, _caller(request, len(rows), {}, ""))})

    def _score(self, served: Served, rows: Rows, caller: Caller) -> list[float]:
        began = time.perf_counter()
        matrix = np.vstack([row_of(served, row) for row in rows])
        scores: list[float] = served.scorer.score(matrix).tolist()
        taken_s = time.perf_counter() - began
        self._log.add([_logged(served, *item, caller, taken_s) for item in zip(caller.ids, rows, scores, strict=True)])
        self._instrument.record(served, caller.trace_id, caller.span_id, taken_s, len(rows))
        return scores

    def _found(self, request: Request) -> Served | None:
        return next((served for served in self._models.all() if served.name == request.path_params["model"]), None)

    def _only(self) -> Served:
        """The model of /invocations, whose address names none."""
        served = self._models.all()
        if len(served) != 1:
            raise NotFoundError("/invocations", "needs exactly one live model; use /v2/models/NAME/infer", len(served))
        return served[0]


def _guarded(handler: Handler) -> Handler:
    """Errors of ours as the protocol wants them: a status, and ``{"error": …}`` that names thing, rule and value."""

    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except NotFoundError as error:
            return _json({"error": str(error)}, 404)
        except InputError as error:
            return _json({"error": str(error)}, 400)
        except (KeyError, TypeError, ValueError) as error:
            return _json({"error": f"body: is not of the protocol's form ({error})"}, 400)

    return guarded


def _parsed(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError("body", f"is not JSON ({error})") from error


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def _no_model(request: Request) -> Response:
    return _json({"error": f"model {request.path_params['model']}: has no live version here"}, 404)


def _caller(request: Request, rows: int, parameters: dict[str, Any], request_id: str) -> Caller:
    """Ids of the predictions: the caller's own where there is one row, else new ones."""
    parts = request.headers.get("traceparent", "").split("-")
    trace_id, span_id = (parts[1], parts[2]) if len(parts) == 4 else ("", "")
    given = str(parameters.get("prediction_id") or request_id)
    ids = (given,) if rows == 1 and given else tuple(uuid.uuid4().hex for _ in range(rows))
    return Caller(str(parameters.get("entity_key", "")), trace_id, span_id, ids)


def _logged(
    served: Served, prediction: str, row: dict[str, Any], score: float, caller: Caller, taken_s: float
) -> dict[str, Any]:
    threshold = served.contract.output.threshold
    return {
        "id": prediction,
        "time": datetime.now(UTC).isoformat(),
        "model": served.name,
        "version": served.digest,
        "entity_key": caller.entity_key,
        "trace_id": caller.trace_id,
        "span_id": caller.span_id,
        "score": score,
        "decision": "" if threshold is None else str(score >= threshold).lower(),
        "features": {name: None if value is None else float(value) for name, value in row.items()},
        "latency_ms": taken_s * 1000,
    }

"""The model server's doors around a model that can be computed by hand, with what they log and say of themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np

from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.serve.answered import Answered, Unpacked, opened, opening, packed, table_of, unpacked
from wellkept.ml.serve.answering import Answering
from wellkept.ml.serve.caller import Caller
from wellkept.ml.serve.log import PredictionLog
from wellkept.ml.serve.lookup import Lookup
from wellkept.ml.serve.meters import Meters
from wellkept.ml.serve.models import Models
from wellkept.ml.serve.served import Served
from wellkept.ml.serve.server import Doors
from wellkept.ml.serve.shadows import Shadows
from wellkept.ml.serve.telemetry import Arm, Instrument
from wellkept.sdk.client import Client

DIGEST = "sha256:" + "d" * 64
CONTRACT = """
name: fraud
task: binary_classification
owner: risk
inputs:
  - {name: amount}
  - {name: count, type: int}
  - {name: foreign, type: bool}
  - {name: risk, nullable: true}
output: {name: score, threshold: 0.5}
metrics: {primary: roc_auc}
"""


class Sum:
    """Scores a row with the sum of its values; null counts nothing."""

    def score(self, rows: Matrix) -> Scores:
        return np.asarray(np.nansum(rows, axis=1), dtype=np.float64)


class Kept:
    """Stands for the prediction log: keeps what it is given, as it would be sent."""

    backlog, dropped, size = 3, 1, 4096

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def add(self, answered: Answered) -> None:
        self.records += records_of(answered)


@dataclass
class Noted:
    """Stands for the instrument: keeps the trace of every request."""

    traces: list[tuple[str, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    arms: list[Arm] = field(default_factory=list)

    def record(
        self, served: Served, caller: Caller, taken_s: float, rows: int, failure: str = "", arm: Arm = ("", -1)
    ) -> None:
        self.arms.append(arm)
        if failure:
            self.failures.append(failure)
        else:
            self.traces.append((caller.trace_id, caller.span_id))


class Asked:
    """Asks the doors and remembers what they logged."""

    def __init__(self, cache: Path, services: Mapping[str, str] | None = None) -> None:
        client = Client("http://127.0.0.1:9", "unused")
        client.close()
        self.models, self.log, self.instrument, self.meters = Models(client, cache), Kept(), Noted(), Meters()
        log = cast("PredictionLog", self.log)
        instrument = cast("Instrument", self.instrument)
        shadows = self.shadows = Shadows(log, self.meters, instrument)
        lookup = Lookup(services or {}, 0.5, self.meters)
        answering = Answering(log, instrument, self.meters, shadows, lookup)
        self.doors = Doors(self.models, log, answering, self.meters)
        self.serve(served())

    def serve(self, *live: Served) -> None:
        """Have exactly these models live."""
        self.models._live, self.models._listed = {}, frozenset()
        for model in live:
            self.models.put(model.name, [one for one in live if one.name == model.name])

    def get(self, path: str) -> httpx.Response:
        return self._ask("GET", path)

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return self._ask("POST", path, json=body, headers={name.replace("_", "-"): v for name, v in headers.items()})

    def send(self, path: str, content: bytes, kind: str, **headers: str) -> httpx.Response:
        """Post bytes as a content type."""
        return self._ask("POST", path, content=content, headers={"Content-Type": kind, **headers})

    def _ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(cast("Any", self.doors)), base_url="http://127.0.0.1:7461"
            ) as http:
                return await http.request(method, path, **arguments)

        return asyncio.run(ask())


def served(name: str = "fraud", scorer: Any = None, contract: ModelContract | None = None) -> Served:
    """A live model."""
    chosen = contract or parse_contract(CONTRACT.replace("name: fraud", f"name: {name}"))
    return Served(name, DIGEST, 7, chosen, scorer or Sum(), chosen.inputs, "onnx")


def records_of(*answered: Answered) -> list[dict[str, Any]]:
    """What the platform is sent of answers, as records."""
    sources, found = {}, list[Unpacked]()
    for one in answered:
        digest, source = opened(opening(one.served))
        sources[digest] = source
        found.append(unpacked(packed(one), len(one.rows)))
    rows: list[dict[str, Any]] = table_of(found, sources).to_pylist()
    maps = ("features", "categories", "attributes")
    return [{**row, **{name: dict(row[name]) for name in maps}} for row in rows]


def tensor(name: str, *data: Any, datatype: str = "FP64", shape: Any = None) -> dict[str, Any]:
    """A tensor as a client sends it."""
    return {"name": name, "datatype": datatype, "shape": [len(data)] if shape is None else shape, "data": list(data)}


def one(**changes: Any) -> list[dict[str, Any]]:
    """The tensors of one right row: amount 1, count 2, not foreign, risk 0.5; or with changes (... leaves one out)."""
    values = {"amount": 1.0, "count": 2, "foreign": False, "risk": 0.5, **changes}
    return [tensor(name, value) for name, value in values.items() if value is not ...]

"""The model server's doors around a model that can be computed by hand, with what they log and say of themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np

from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.serve.log import PredictionLog
from wellkept.ml.serve.models import Models, Served
from wellkept.ml.serve.server import Doors
from wellkept.ml.serve.telemetry import Instrument
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
    """Stands for the prediction log: keeps what it is given."""

    backlog, dropped = 3, 1

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def add(self, predictions: Sequence[dict[str, Any]]) -> None:
        self.records += predictions


@dataclass
class Noted:
    """Stands for the instrument: keeps the trace of every request."""

    traces: list[tuple[str, str]] = field(default_factory=list)

    def record(self, served: Served, trace_id: str, parent_id: str, taken_s: float, rows: int) -> None:
        self.traces.append((trace_id, parent_id))


class Asked:
    """Asks the doors and remembers what they logged."""

    def __init__(self, cache: Path) -> None:
        client = Client("http://127.0.0.1:9", "unused")
        client.close()
        self.models, self.log, self.instrument = Models(client, cache), Kept(), Noted()
        self._app = Doors(self.models, cast("PredictionLog", self.log), cast("Instrument", self.instrument)).app()
        self.serve(served())

    def serve(self, *live: Served) -> None:
        """Have exactly these models live."""
        self.models._live = {model.name: model for model in live}

    def get(self, path: str) -> httpx.Response:
        return self._ask("GET", path)

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return self._ask("POST", path, json=body, headers={name.replace("_", "-"): v for name, v in headers.items()})

    def send(self, path: str, content: bytes, kind: str) -> httpx.Response:
        """Post bytes as a content type."""
        return self._ask("POST", path, content=content, headers={"Content-Type": kind})

    def _ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://model") as http:
                return await http.request(method, path, **arguments)

        return asyncio.run(ask())


def served(name: str = "fraud", scorer: Any = None, contract: ModelContract | None = None) -> Served:
    """A live model."""
    chosen = contract or parse_contract(CONTRACT.replace("name: fraud", f"name: {name}"))
    return Served(name, DIGEST, 7, chosen, scorer or Sum(), chosen.inputs, "onnx")


def tensor(name: str, *data: Any, datatype: str = "FP64", shape: Any = None) -> dict[str, Any]:
    """A tensor as a client sends it."""
    return {"name": name, "datatype": datatype, "shape": [len(data)] if shape is None else shape, "data": list(data)}


def one(**changes: Any) -> list[dict[str, Any]]:
    """The tensors of one right row: amount 1, count 2, not foreign, risk 0.5; or with changes (... leaves one out)."""
    values = {"amount": 1.0, "count": 2, "foreign": False, "risk": 0.5, **changes}
    return [tensor(name, value) for name, value in values.items() if value is not ...]

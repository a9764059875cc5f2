"""What KServe's logger sends: a request and a response, events with the same id, which together are predictions."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from wellkept.kernel.clock import Clock, from_nanos
from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.events.cloudevents import Event
from wellkept.ops.ingest.inputs import Inputs
from wellkept.store.telemetry.inferenceparts import PARTS, REQUEST, RESPONSE
from wellkept.store.telemetry.predictions import PREDICTIONS

TYPES = {
    "org.kubeflow.serving.inference.request": REQUEST,
    "org.kubeflow.serving.inference.response": RESPONSE,
}
MOST_ROWS = 10_000
PREFERRED = ("score", "probability", "prediction", "value")
"""What of an answer with names is the score."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class Parts(Protocol):
    """Where halves wait."""

    def write(self, table: pa.Table) -> None: ...

    def pairs(self) -> pa.Table: ...

    def forget(self, keys: Sequence[str]) -> None: ...

    def forget_old(self, now: datetime) -> int: ...


class Written(Protocol):
    """Where predictions are kept."""

    def write(self, table: pa.Table) -> None: ...


class InferenceLog:
    """Takes KServe's events in. Inputs are reduced before they are kept, as those of any prediction."""

    def __init__(
        self,
        parts: Parts,
        predictions: Written,
        inputs: Inputs,
        names_of: Callable[[str], Sequence[str]],
        clock: Clock,
    ) -> None:
        """``names_of`` gives the inputs of a model in their order, for requests that do not name them."""
        self._parts, self._predictions, self._inputs = parts, predictions, inputs
        self._names_of, self._clock = names_of, clock

    def take(self, events: Sequence[Event]) -> list[Event]:
        """Keep what is of KServe's logger, and give the others back; when it returns it is on disk.

        Raises:
            InputError: a request or a response is not of the protocol (v1 or v2); none of the events is kept.
        """
        mine = [event for event in events if event.type in TYPES]
        if mine:
            now = self._clock.now()
            rows = [self._row(event, now) for event in mine]
            self._parts.write(pa.Table.from_pylist(rows, schema=PARTS))
        return [event for event in events if event.type not in TYPES]

    def settle(self) -> int:
        """Make predictions of what is complete by now; gives how many."""
        count = 0
        pairs = self._parts.pairs().to_pylist()
        if pairs:
            rows = [row for pair in pairs for row in _predictions(pair)]
            if rows:
                self._predictions.write(pa.Table.from_pylist(rows, schema=PREDICTIONS))
            self._parts.forget([pair["key"] for pair in pairs])
            count = len(rows)
        lost = self._parts.forget_old(self._clock.now())
        if lost:
            log.warning("%d inference requests or responses came without their other half, and were dropped", lost)
        return count

    def _row(self, event: Event, now: datetime) -> dict[str, Any]:
        model = event.extensions.get("inferenceservicename") or _last(event.subject)
        where = f"event {event.id}"
        if not model:
            raise InputError(f"{where}.inferenceservicename", "is required: it names the model")
        data, part = _object(where, event), TYPES[event.type]
        body = self._body(where, model, data) if part == REQUEST else json.dumps(_told(where, answers, data))
        version = str(data.get("model_version") or event.extensions.get("endpoint") or "default")
        space = event.extensions.get("namespace", "")
        return {
            "key": f"{space}/{model}/{event.id}",
            "part": part,
            "model": model,
            "version": version,
            "at": from_nanos(event.at_ns) if event.at_ns else now,
            "body": body,
            "received": now,
        }

    def _body(self, where: str, model: str, data: dict[str, Any]) -> str:
        rows = _told(where, instances, data, self._names_of(model))
        features, words = self._inputs.of_records([model] * len(rows), rows)
        return json.dumps([[given, told] for given, told in zip(features, words, strict=True)])


def _told(where: str, read: Callable[..., list[T]], data: dict[str, Any], *more: Any) -> list[T]:
    """What a reader makes of a body; a shape that is no number, or data that is no list, is the sender's mistake."""
    try:
        return read(where, data, *more)
    except InputError:
        raise
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise InputError(f"{where}.data", f"must be of the inference protocol (v1 or v2): {error}") from error


def _object(where: str, event: Event) -> dict[str, Any]:
    """What the event holds; callers often send JSON under another content type, which the logger passes on."""
    data = event.data
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except ValueError:
            data = None
    if not isinstance(data, dict):
        rule = "must be a JSON object of the inference protocol (v1 or v2)"
        raise InputError(f"{where}.data", rule, event.text[:80])
    return data


def instances(where: str, data: dict[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a request: ``instances`` (v1) or ``inputs`` (v2), each with its inputs by name.

    Raises:
        InputError: it has neither, or they are of different lengths.
    """
    if isinstance(data.get("instances"), list):
        rows = data["instances"]
        _check(where, len(rows))
        return [_named(row, names) for row in rows]
    tensors = data.get("inputs")
    if not isinstance(tensors, list) or not all(isinstance(one, dict) and "data" in one for one in tensors):
        raise InputError(f"{where}.data", "must have instances (v1) or inputs (v2)")
    if len(tensors) == 1 and len(tensors[0].get("shape") or ()) == 2:
        rows = _matrix(tensors[0])
        _check(where, len(rows))
        return [_named(row, names) for row in rows]
    columns = {str(one.get("name", f"x{place}")): _column(one) for place, one in enumerate(tensors)}
    counts = {len(column) for column in columns.values()}
    if len(counts) != 1:
        raise InputError(f"{where}.data.inputs", "must all be of as many rows", sorted(counts))
    _check(where, next(iter(counts)))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def answers(where: str, data: dict[str, Any]) -> list[float | None]:
    """The score of each row of a response: ``predictions`` (v1) or the first of ``outputs`` (v2).

    Of two probabilities it is that of the second class, of more the number of the likeliest class. None: no number.

    Raises:
        InputError: it has neither.
    """
    if isinstance(data.get("predictions"), list):
        return [_score(row) for row in data["predictions"]]
    outputs = data.get("outputs")
    if not isinstance(outputs, list) or not outputs or not isinstance(outputs[0], dict):
        raise InputError(f"{where}.data", "must have predictions (v1) or outputs (v2)")
    named = next((one for one in outputs if one.get("name") in PREFERRED), outputs[-1])
    return [_score(row) for row in (_matrix(named) if len(named.get("shape") or ()) == 2 else _column(named))]


def _check(where: str, count: int) -> None:
    if count > MOST_ROWS:
        raise InputError(f"{where}.data", f"must be at most {MOST_ROWS} rows", count)


def _named(row: Any, names: Sequence[str]) -> dict[str, Any]:
    if isinstance(row, dict):
        return row
    values = row if isinstance(row, list) else [row]
    known = names if len(names) == len(values) else [f"x{place}" for place in range(len(values))]
    return dict(zip(known, values, strict=True))


def _matrix(tensor: dict[str, Any]) -> list[list[Any]]:
    data, width = tensor["data"], int(tensor["shape"][1])
    if data and isinstance(data[0], list):
        return list(data)
    return [data[start : start + width] for start in range(0, len(data), max(width, 1))]


def _column(tensor: dict[str, Any]) -> list[Any]:
    return [row[0] if isinstance(row, list) and len(row) == 1 else row for row in tensor["data"]]


def _score(row: Any) -> float | None:
    if isinstance(row, dict):
        found = next((row[name] for name in PREFERRED if name in row), next(iter(row.values()), None))
        return _score(found) if not isinstance(found, dict) else None
    if isinstance(row, list):
        numbers = [_score(value) for value in row]
        if not numbers or any(value is None for value in numbers):
            return None
        known = [value for value in numbers if value is not None]
        return known[-1] if len(known) <= 2 else float(max(range(len(known)), key=known.__getitem__))
    is_number = isinstance(row, int | float) and math.isfinite(row)
    return float(row) if is_number else None


def _predictions(pair: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a pair; what has no score, and rows beyond the shorter half, are left out."""
    inputs, scores = json.loads(pair["inputs"]), json.loads(pair["answers"])
    base = pair["key"].rpartition("/")[2]
    return [
        {
            "id": base if len(inputs) == 1 else f"{base}/{place}",
            "time": pair["at"],
            "model": pair["model"],
            "version": pair["version"],
            "entity_key": "",
            "trace_id": "",
            "span_id": "",
            "score": score,
            "decision": "",
            "features": [tuple(one) for one in row[0]],
            "categories": [tuple(one) for one in row[1]],
            "latency_ms": float(max(pair["latency_ms"], 0)),
            "attributes": [],
        }
        for place, (row, score) in enumerate(zip(inputs, scores, strict=False))
        if score is not None
    ]


def _last(subject: str) -> str:
    return subject.rstrip("/").rpartition("/")[2]

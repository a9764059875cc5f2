"""Predictions and labels in: JSON records become columns, checked whole, and are stored in one insert."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import pyarrow as pa

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import InputError, TooLargeError
from wellkept.ops.ingest.predicted import FIRST, LAST, arrow_predictions
from wellkept.store.telemetry.predictions import LABELS, PREDICTIONS, REQUIRED

MAX_RECORDS = 50_000
_TEXTS = ("id", "model", "version", "entity_key", "trace_id", "span_id", "decision")
_LABEL_FIELDS = frozenset({"prediction_id", "value", "time"})
Record = Mapping[str, Any]


class PredictionStore(Protocol):
    """Where predictions are kept."""

    def write(self, table: pa.Table) -> None: ...

    def models_of(self, ids: Sequence[str]) -> dict[str, str]: ...


class LabelStore(Protocol):
    """Where labels are kept."""

    def write(self, table: pa.Table) -> None: ...


class Outcomes:
    """What models said, and what turned out to be true."""

    def __init__(self, predictions: PredictionStore, labels: LabelStore, clock: Clock) -> None:
        self._predictions, self._labels, self._clock = predictions, labels, clock

    def predictions(self, records: Any) -> int:
        """Store predictions; returns how many. Sent again, a prediction is the same prediction.

        Raises:
            InputError: a record breaks a rule; names the record, the rule and the value, and nothing is stored.
        """
        rows = _records("predictions", records)
        columns: dict[str, list[Any]] = {name: [] for name in PREDICTIONS.names}
        for index, row in enumerate(rows):
            for name, value in _prediction(f"predictions[{index}]", row).items():
                columns[name].append(value)
        if rows:
            self._predictions.write(pa.table(columns, schema=PREDICTIONS))
        return len(rows)

    def prediction_table(self, body: bytes) -> int:
        """Store predictions that come as an Arrow stream (columns of ``PREDICTIONS``); returns how many.

        Raises:
            InputError: the stream is damaged, or a row breaks a rule; nothing is stored.
        """
        table = arrow_predictions(body, MAX_RECORDS)
        if table.num_rows:
            self._predictions.write(table)
        return int(table.num_rows)

    def labels(self, records: Any) -> int:
        """Store labels; returns how many. Of several labels of one prediction the newest counts.

        Raises:
            InputError: a record breaks a rule, and nothing is stored; or an id is of no stored prediction: then the
                labels of the others are stored, and the error names the first that is not known.
        """
        rows = _records("labels", records)
        now = self._clock.now()
        parsed = [_label(f"labels[{index}]", row, now) for index, row in enumerate(rows)]
        models = self._predictions.models_of([key for key, _, _ in parsed])
        known = [(key, models[key], moment, value) for key, moment, value in parsed if key in models]
        if known:
            ids, names, moments, values = zip(*known, strict=True)
            columns = {"prediction_id": ids, "model": names, "time": moments, "value": values}
            self._labels.write(pa.table({name: list(column) for name, column in columns.items()}, schema=LABELS))
        unknown = [(index, key) for index, (key, _, _) in enumerate(parsed) if key not in models]
        if unknown:
            index, key = unknown[0]
            rule = f"must be the id of a stored prediction ({len(unknown)} are not; the other {len(known)} were stored)"
            raise InputError(f"labels[{index}].prediction_id", rule, key)
        return len(known)


def _records(what: str, records: Any) -> list[Record]:
    if not isinstance(records, list):
        raise InputError(what, "must be a list of records", records)
    if len(records) > MAX_RECORDS:
        raise TooLargeError(what, f"must hold at most {MAX_RECORDS} records", len(records))
    for index, row in enumerate(records):
        if not isinstance(row, dict):
            raise InputError(f"{what}[{index}]", "must be an object", row)
    return records


def _prediction(where: str, row: Record) -> dict[str, Any]:
    for name in REQUIRED:
        if row.get(name) in (None, ""):
            raise InputError(f"{where}.{name}", "is required")
    unknown = sorted(row.keys() - set(PREDICTIONS.names))
    if unknown:
        raise InputError(f"{where}.{unknown[0]}", f"is not a known field; known are {', '.join(PREDICTIONS.names)}")
    texts = {name: _text(f"{where}.{name}", "" if row.get(name) is None else row[name]) for name in _TEXTS}
    features, attributes = _object(where, row, "features"), _object(where, row, "attributes")
    categories = _object(where, row, "categories")
    return {
        **texts,
        "time": _moment(f"{where}.time", row["time"]),
        "score": _number(f"{where}.score", row["score"]),
        "latency_ms": _number(f"{where}.latency_ms", row.get("latency_ms", 0.0)),
        "features": [
            (name, None if value is None else _number(f"{where}.features.{name}", value))
            for name, value in features.items()
        ],
        "categories": [
            (name, "" if value is None else _text(f"{where}.categories.{name}", value))
            for name, value in categories.items()
        ],
        "attributes": [(name, _text(f"{where}.attributes.{name}", value)) for name, value in attributes.items()],
    }


def _label(where: str, row: Record, now: datetime) -> tuple[str, datetime, float]:
    for name in ("prediction_id", "value"):
        if row.get(name) in (None, ""):
            raise InputError(f"{where}.{name}", "is required")
    unknown = sorted(row.keys() - _LABEL_FIELDS)
    if unknown:
        raise InputError(f"{where}.{unknown[0]}", f"is not a known field; known are {', '.join(sorted(_LABEL_FIELDS))}")
    moment = now if row.get("time") is None else _moment(f"{where}.time", row["time"])
    return _text(f"{where}.prediction_id", row["prediction_id"]), moment, _number(f"{where}.value", row["value"])


def _object(where: str, row: Record, name: str) -> Record:
    value = row.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(f"{where}.{name}", "must be an object", value)
    return value


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(where, "must be a text", value)
    return value


def _number(where: str, value: Any) -> float:
    if not isinstance(value, bool | int | float) or not math.isfinite(value):
        raise InputError(where, "must be a finite number", value)
    return float(value)


def _moment(where: str, value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise InputError(where, "must be a moment in ISO 8601", value) from None
    if moment.tzinfo is None:
        raise InputError(where, "must name its time zone (such as Z)", value)
    if not FIRST <= moment < LAST:
        raise InputError(where, f"must lie between {FIRST:%Y} and {LAST:%Y}", value)
    return moment.astimezone(UTC)

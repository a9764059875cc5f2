"""Predictions and labels in: JSON records become columns, checked whole, and are stored in one insert."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wellkept.kernel.clock import Clock
from wellkept.kernel.conventions import ENDS
from wellkept.kernel.errors import InputError, TooLargeError
from wellkept.ops.ingest import labelled
from wellkept.ops.ingest.inputs import Inputs, KindsOf, no_kinds
from wellkept.ops.ingest.labelled import Parsed
from wellkept.ops.ingest.predicted import KNOWN, arrow_predictions
from wellkept.ops.ingest.values import moment, number, text
from wellkept.spine.truths import RULES, TaskOf, no_task, unfit
from wellkept.store.telemetry.predictions import PREDICTIONS, REQUIRED

MAX_RECORDS = 50_000
MOST_WAITING = 1_000_000
"""Labels that may wait for their predictions."""
_TEXTS = ("id", "model", "version", "entity_key", "trace_id", "span_id", "decision")
Record = Mapping[str, Any]

log = logging.getLogger(__name__)


class PredictionStore(Protocol):
    """Where predictions are kept."""

    def write(self, table: pa.Table) -> None: ...

    def models_of(self, ids: Sequence[str]) -> dict[str, str]: ...


class LabelStore(Protocol):
    """Where labels are kept."""

    def write(self, table: pa.Table) -> None: ...

    def wait(self, table: pa.Table) -> None: ...

    def waiting(self) -> int: ...

    def come(self) -> pa.Table: ...

    def settle(self, now: datetime) -> None: ...

    def let_go(self, model: str, values: Sequence[float]) -> None: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """Labels that were stored: ``accepted`` of known predictions, ``waiting`` for predictions that are to come."""

    accepted: int
    waiting: int


class Outcomes:
    """What models said, and what turned out to be true."""

    def __init__(
        self,
        predictions: PredictionStore,
        labels: LabelStore,
        clock: Clock,
        kinds_of: KindsOf = no_kinds,
        task_of: TaskOf = no_task,
    ) -> None:
        self._predictions, self._labels, self._clock = predictions, labels, clock
        self._inputs, self._task_of = Inputs(kinds_of), task_of

    def predictions(self, records: Any) -> int:
        """Store predictions; returns how many. Sent again, a prediction is the same prediction.

        Raises:
            InputError: a record breaks a rule; names the record, the rule and the value, and nothing is stored.
        """
        rows = _records("predictions", records)
        parsed = [_prediction(f"predictions[{index}]", row) for index, row in enumerate(rows)]
        models, given = [row["model"] for row in parsed], [row["features"] for row in parsed]
        features, words = self._inputs.of_records(models, given)
        columns: dict[str, list[Any]] = {name: [row[name] for row in parsed] for name in PREDICTIONS.names}
        columns["features"] = features
        columns["categories"] = [[*row["categories"], *own] for row, own in zip(parsed, words, strict=True)]
        if rows:
            self._predictions.write(pa.table(columns, schema=PREDICTIONS))
        return len(rows)

    def prediction_table(self, body: bytes) -> int:
        """Store predictions that come as an Arrow stream (columns of ``PREDICTIONS``); returns how many.

        Inputs may be columns of their own, ``input.NAME``, of numbers, texts or vectors.

        Raises:
            InputError: the stream is damaged, or a row breaks a rule; nothing is stored.
        """
        table = arrow_predictions(body, MAX_RECORDS, self._inputs.of_columns)
        if table.num_rows:
            self._predictions.write(table)
        return int(table.num_rows)

    def labels(self, records: Any) -> Taken:
        """Store labels. Of several labels of one prediction the newest counts.

        A label may come before its prediction, or name an entity and a moment instead of a prediction: then it waits,
        and is joined when :meth:`settle` finds the prediction.

        Raises:
            InputError: a record breaks a rule, that of its model's task among them, and nothing is stored; or too many
                labels wait already.
        """
        return self._take(labelled.of_records(_records("labels", records), self._clock.now()))

    def label_table(self, body: bytes) -> Taken:
        """The same of an Arrow stream whose columns are the fields of the records."""
        return self._take(labelled.of_stream(body, MAX_RECORDS, self._clock.now()))

    def settle(self) -> None:
        """Join waiting labels whose predictions have come; those that their task does not know are let go."""
        if not self._labels.waiting():
            return
        come = self._labels.come()
        for model, task, wrong in self._unfit(come["model"], come["value"]):
            values = np.unique(come["value"].to_numpy()[wrong])
            rows = int(come["rows"].to_numpy()[wrong].sum())
            several = rows > 1
            told = f"{rows} label{'s' * several} of {model} that waited {'were' if several else 'was'} let go"
            log.warning("%s: a label of a %s %s, got %g", told, task, RULES[task], values[0])
            self._labels.let_go(model, values.tolist())
        self._labels.settle(self._clock.now())

    def _take(self, parsed: Parsed) -> Taken:
        table = parsed.table
        models = self._predictions.models_of([key for key in parsed.ids if key])
        owners = pa.array([models.get(key) for key in parsed.ids], pa.string())
        for _, task, wrong in self._unfit(pc.coalesce(owners, table["model"]), table["value"]):
            index = int(wrong[0])
            rule = f"{RULES[task]}, as a label of a {task} is (nothing of this request was stored)"
            raise InputError(f"labels[{index}].value", rule, table["value"][index].as_py())
        known = table.filter(pc.is_valid(owners))
        waiting = table.filter(pc.is_null(owners))
        if waiting.num_rows and self._labels.waiting() + waiting.num_rows > MOST_WAITING:
            index = pc.index(pc.is_null(owners), True).as_py()
            rule = (
                f"must be of a prediction that is stored: {MOST_WAITING} labels wait already for predictions that have "
                "not come (nothing of this request was stored)"
            )
            raise InputError(f"labels[{index}].prediction_id", rule, parsed.ids[index])
        if known.num_rows:
            place = known.column_names.index("model")
            named = known.set_column(place, "model", owners.drop_null())
            self._labels.write(named.select(["prediction_id", "model", "time", "value", "received"]))
        if waiting.num_rows:
            self._labels.wait(waiting)
        return Taken(known.num_rows, waiting.num_rows)

    def _unfit(self, models: pa.ChunkedArray, values: pa.ChunkedArray) -> Iterator[tuple[str, str, np.ndarray]]:
        """Each model that has labels its task does not know: its name, the task, and the places of those labels."""
        numbers = np.asarray(values.to_numpy(), dtype=np.float64)
        for model in pc.unique(models).to_pylist():
            task = self._task_of(model) if model else ""
            wrong = unfit(task, numbers)
            if wrong.any():
                mine = np.flatnonzero(wrong & np.asarray(pc.equal(models, model).to_pylist(), dtype=np.bool_))
                if len(mine):
                    yield model, task, mine


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
    unknown = sorted(row.keys() - set(KNOWN))
    if unknown:
        raise InputError(f"{where}.{unknown[0]}", f"is not a known field; known are {', '.join(KNOWN)}")
    texts = {name: text(f"{where}.{name}", "" if row.get(name) is None else row[name]) for name in _TEXTS}
    attributes, categories = _object(where, row, "attributes"), _object(where, row, "categories")
    return {
        **texts,
        "time": moment(f"{where}.time", row["time"]),
        "score": number(f"{where}.score", row["score"]),
        "latency_ms": number(f"{where}.latency_ms", row.get("latency_ms", 0.0)),
        "features": _object(where, row, "features"),
        "categories": [
            (name, "" if value is None else text(f"{where}.categories.{name}", value))
            for name, value in categories.items()
        ],
        "attributes": [
            *((name, text(f"{where}.attributes.{name}", value)) for name, value in attributes.items()),
            *((name, repr(number(f"{where}.{name}", row[name]))) for name in ENDS if row.get(name) is not None),
        ],
    }


def _object(where: str, row: Record, name: str) -> Record:
    value = row.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(f"{where}.{name}", "must be an object", value)
    return value

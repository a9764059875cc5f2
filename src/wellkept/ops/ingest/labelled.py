"""Labels as JSON records or as an Arrow stream: checked whole, by columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.predicted import FIRST, LAST, cast_to, read_stream, refuse
from wellkept.ops.ingest.values import moment, number, text
from wellkept.store.telemetry.labelling import WAITING
from wellkept.store.telemetry.predictions import MILLISECOND

KNOWN = ("prediction_id", "value", "time", "model", "entity_key", "at")
WHICH = "must name its prediction by prediction_id, or by model, entity_key and at"


@dataclass(frozen=True, slots=True)
class Parsed:
    """Labels as columns of ``WAITING``; ``time`` is when the truth became known, ``received`` when it came."""

    table: pa.Table

    @property
    def ids(self) -> list[str]:
        """The ids of predictions, empty where a label names an entity."""
        return [str(value) for value in self.table["prediction_id"].to_pylist()]


def of_records(rows: Sequence[Mapping[str, Any]], now: datetime) -> Parsed:
    """Labels from JSON records.

    Raises:
        InputError: a record breaks a rule; names the record, the rule and the value.
    """
    columns: dict[str, list[Any]] = {name: [] for name in WAITING.names}
    for index, row in enumerate(rows):
        for name, value in _record(f"labels[{index}]", row, now).items():
            columns[name].append(value)
    return Parsed(pa.table(columns, schema=WAITING))


def of_stream(body: bytes, most: int, now: datetime) -> Parsed:
    """Labels from an Arrow stream with columns named as the fields of records.

    Raises:
        InputError: the stream is damaged, or a row breaks a rule; names the column and the row.
        TooLargeError: it holds more than ``most`` rows.
    """
    table = read_stream("labels", body, most)
    unknown = sorted(set(table.column_names) - set(KNOWN))
    if unknown:
        raise InputError(f"labels.{unknown[0]}", f"is not a known column; known are {', '.join(KNOWN)}")
    count = table.num_rows
    texts = {
        name: pc.fill_null(_cast(table, name, pa.string()), "") for name in ("prediction_id", "model", "entity_key")
    }
    value = _cast(table, "value", pa.float64())
    refuse(pc.invert(pc.is_finite(value)), "labels", "value", "must be a finite number")
    time = pc.fill_null(_cast(table, "time", MILLISECOND), pa.scalar(now, MILLISECOND))
    at = _cast(table, "at", MILLISECOND)
    nameless = pc.equal(texts["prediction_id"], "")
    by_entity = pc.and_(pc.not_equal(texts["model"], ""), pc.not_equal(texts["entity_key"], ""))
    refuse(pc.and_(nameless, pc.invert(pc.and_(by_entity, pc.is_valid(at)))), "labels", "prediction_id", WHICH)
    for name, moments in (("time", time), ("at", pc.fill_null(at, pa.scalar(now, MILLISECOND)))):
        late = pc.or_(pc.less(moments, pa.scalar(FIRST)), pc.greater_equal(moments, pa.scalar(LAST)))
        refuse(late, "labels", name, f"must lie between {FIRST:%Y} and {LAST:%Y}")
    received = pa.array([now] * count, MILLISECOND)
    columns = {**texts, "at": pc.coalesce(at, time), "time": time, "value": value, "received": received}
    return Parsed(pa.table({name: columns[name] for name in WAITING.names}, schema=WAITING))


def _record(where: str, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    unknown = sorted(row.keys() - set(KNOWN))
    if unknown:
        raise InputError(f"{where}.{unknown[0]}", f"is not a known field; known are {', '.join(KNOWN)}")
    names = {name: text(f"{where}.{name}", row.get(name) or "") for name in ("prediction_id", "model", "entity_key")}
    is_by_entity = bool(names["model"] and names["entity_key"] and row.get("at"))
    if not names["prediction_id"] and not is_by_entity:
        rule = WHICH if names["entity_key"] or row.get("at") else "is required"
        raise InputError(f"{where}.prediction_id", rule)
    if row.get("value") in (None, ""):
        raise InputError(f"{where}.value", "is required")
    known = now if row.get("time") is None else moment(f"{where}.time", row["time"])
    at = moment(f"{where}.at", row["at"]) if row.get("at") else known
    return {**names, "at": at, "time": known, "value": number(f"{where}.value", row["value"]), "received": now}


def _cast(table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    if name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, kind)])
    return cast_to(f"labels.{name}", table[name], kind)

"""Predictions and labels of a model that is served anywhere: frames or records, sent in batches."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from wellkept.kernel.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

ARROW, JSON = "application/vnd.apache.arrow.stream", "application/json"
BATCH = 20_000
INPUT = "input."
OWN = frozenset(
    {"id", "time", "model", "version", "entity_key", "trace_id", "span_id", "score", "decision", "latency_ms"}
    | {"features", "categories", "attributes"}
)
"""Columns of predictions that are no inputs."""
ENDS = ("lower", "upper")
"""What the ends of an interval are called on the way."""


class Sender(Protocol):
    """The client, as far as it is needed here."""

    def send(self, path: str, body: bytes, media: str) -> bytes: ...


def predictions(
    client: Sender, rows: Any, model: str, version: str, interval: tuple[str, str] | None = None
) -> list[str]:
    """Send predictions; see ``Client.log_predictions``."""
    named = {name: str(value) for name, value in (("model", model), ("version", version)) if value}
    if isinstance(rows, list):
        now = datetime.now(UTC).isoformat()
        made = [{"id": uuid.uuid4().hex, "time": now, **named, **_record(rows, index)} for index in range(len(rows))]
        for start in range(0, len(made), BATCH):
            client.send("/v1/predictions", _json_of(made[start : start + BATCH], "predictions"), JSON)
        return [str(record["id"]) for record in made]
    table = _completed(_with_ends(table_of(rows, "predictions"), interval), named, OWN | set(ENDS if interval else ()))
    for batch in _batches(table):
        client.send("/v1/predictions", body_of(batch), ARROW)
    return [str(value) for value in table["id"].to_pylist()]


def labels(client: Sender, rows: Any, model: str) -> dict[str, int]:
    """Send labels; see ``Client.log_labels``."""
    told = {"accepted": 0, "waiting": 0}
    bodies: Iterator[bytes]
    media = JSON if isinstance(rows, list) else ARROW
    if isinstance(rows, list):
        named = {"model": model} if model else {}
        made = [{**named, **_record(rows, index)} for index in range(len(rows))]
        bodies = (_json_of(made[start : start + BATCH], "labels") for start in range(0, len(made), BATCH))
    else:
        table = table_of(rows, "labels")
        if model and "model" not in table.column_names:
            table = _with(table, "model", [model] * table.num_rows)
        bodies = (body_of(batch) for batch in _batches(table))
    for body in bodies:
        answer = orjson.loads(client.send("/v1/labels", body, media))
        told = {name: count + int(answer.get(name, 0)) for name, count in told.items()}
    return told


def table_of(frame: Any, where: str) -> pa.Table:
    """Any frame that speaks Arrow as a table.

    Raises:
        InputError: it does not, or holds what Arrow cannot.
    """
    import pyarrow as pa

    if isinstance(frame, pa.Table):
        return frame
    if not hasattr(frame, "__arrow_c_stream__"):
        raise InputError(where, "must be a list of records or a frame that speaks Arrow", type(frame).__name__)
    try:
        return pa.table(frame)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(where, f"cannot be read as an Arrow table: {error}") from error


def body_of(table: pa.Table) -> bytes:
    """A table as an Arrow stream."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    body: bytes = sink.getvalue().to_pybytes()
    return body


def _json_of(records: list[dict[str, Any]], where: str) -> bytes:
    """Records as JSON, with the numbers of NumPy (NaN is null) and moments as Python and pandas have them."""
    try:
        return orjson.dumps(records, _isoformat, orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        raise InputError(where, f"cannot be written as JSON: {error}") from error


def _isoformat(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _with_ends(table: pa.Table, interval: tuple[str, str] | None) -> pa.Table:
    """With the columns of the ends of the intervals called as the platform calls them, and other columns as inputs."""
    if interval is None:
        return table
    for name in interval:
        if name not in table.column_names:
            raise InputError("interval", f"must name two columns of the frame ({', '.join(table.column_names)})", name)
    ends = dict(zip(interval, ENDS, strict=True))
    names = [ends.get(name, f"{INPUT}{name}" if name in ENDS else name) for name in table.column_names]
    return table.rename_columns(names)


def _completed(table: pa.Table, named: dict[str, str], known: Collection[str]) -> pa.Table:
    """With ids and times where they are missing; columns that are none of a prediction's own (``known``) are inputs."""
    table = table.rename_columns(
        [name if name in known or name.startswith(INPUT) else f"{INPUT}{name}" for name in table.column_names]
    )
    count, names = table.num_rows, table.column_names
    if "id" not in names:
        table = _with(table, "id", [uuid.uuid4().hex for _ in range(count)])
    if "time" not in names:
        table = _with(table, "time", [datetime.now(UTC)] * count)
    for name, value in named.items():
        if name not in names:
            table = _with(table, name, [value] * count)
    return table


def _with(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    import pyarrow as pa

    kind = pa.timestamp("ms", tz="UTC") if name == "time" else pa.string()
    return table.append_column(name, pa.array(values, kind))


def _batches(table: pa.Table) -> Iterator[pa.Table]:
    return (table.slice(start, BATCH) for start in range(0, table.num_rows, BATCH))


def _record(rows: list[Any], index: int) -> dict[str, Any]:
    record = rows[index]
    if not isinstance(record, dict):
        raise InputError(f"[{index}]", "must be a record (a dict)", type(record).__name__)
    return record

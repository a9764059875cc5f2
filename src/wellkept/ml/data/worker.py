"""The worker that runs a project's ``load`` and writes the snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wellkept.kernel.errors import InputError
from wellkept.ml.categories import LONGEST, MOST, is_text, texts_of
from wellkept.ml.data.datacontract import data_report
from wellkept.ml.data.doubts import known_rows, repeated_rows
from wellkept.ml.data.manifest import as_bytes, manifest, write_rows
from wellkept.ml.data.masks import masked, read_key
from wellkept.ml.data.profile import profile
from wellkept.ml.data.reader import reader_of
from wellkept.ml.data.stage import without
from wellkept.ml.process import serve_request
from wellkept.ml.project import Window, loaded

LARGEST = 2.0**53
SHOWN = 10


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Load the window, leave out what must be, check every column of the contract, mask, write Parquet.

    Rows of the excluded intervals are left out here too, wherever the project took them from.
    """
    project, reader = Path(request["project"]), reader_of(request)
    window = Window(
        start=datetime.fromisoformat(request["start"]),
        end=datetime.fromisoformat(request["end"]),
        excluded=tuple((datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in request["excluded"]),
        history=Path(request["history"]) if request["history"] else None,
        logged=Path(request["logged"]),
        data=reader if request["data"]["sources"] else None,
    )
    table = loaded(project, window, has_entity=request["data"]["entity"] is not None)
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise InputError("load(window)", "must return one column of a name; there twice or more", twice[0])
    for column in (*request["features"], request["label"]):
        if column not in table.column_names:
            raise InputError("load(window)", "must return a frame with every input and the label; missing", column)
    for column in request["carried"]:
        if column not in table.column_names:
            raise InputError("load(window)", "must return the item and the slices of the contract; missing", column)
    if request["task"] == "forecasting":
        _check_items(request["carried"][0], table[request["carried"][0]])
    if request["needs_time"] and "time" not in table.column_names:
        raise InputError("load(window)", f"must return the time of every row, as the task is {request['task']}")
    warnings: list[str] = []
    if "time" in table.column_names:
        table, warnings = known_rows(_with_time(table), window.end)
        table = without(table, window.excluded)
    for name, values in request["categories"].items():
        column = _checked_texts(name, table[name], values)
        table = table.set_column(table.column_names.index(name), name, column)
    for name in request["features"]:
        if name in request["categories"]:
            continue
        _check_numbers(name, table[name], "; an input of texts is `type: category` in model.yaml")
        _check_finite(name, table[name])
    for name in request["features"] if request["has_ids"] else ():
        _check_whole(name, table[name])
    _check_label(request["label"], table[request["label"]], request["task"])
    warnings += repeated_rows(table)
    profiled = profile(table, request["data"]["masks"])
    report = {**data_report(table, request), "warnings": warnings, "profile": profiled}
    if not report["passed"]:
        return {"rows": table.num_rows, "report": report}
    table = masked(table, request["data"]["masks"], read_key(Path(request["mask_key"])))
    digest = write_rows(table, Path(request["out"]))
    told = manifest(request, table, digest, {**reader.told, "checks": report})
    Path(request["manifest"]).write_bytes(as_bytes(told))
    return {"rows": table.num_rows, "report": report}


def _with_time(table: pa.Table) -> pa.Table:
    """The rows with times that all are known, in microseconds at the finest, as which they are compared."""
    time = table["time"]
    kind = time.type
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise InputError("load(window): time", "must be a column of timestamps", str(kind))
    if time.null_count:  # such a row would be the newest, and in no span that is left out
        rule = "must be known in every row; leave out the rows without one"
        raise InputError("load(window): time", rule, f"{time.null_count} of {len(time)} rows without a time")
    if not (pa.types.is_timestamp(kind) and kind.unit == "ns"):
        return table
    index = table.column_names.index("time")
    return table.set_column(index, "time", time.cast(pa.timestamp("us", tz=kind.tz), safe=False))


def _check_numbers(name: str, column: pa.ChunkedArray, hint: str = "") -> None:
    kind = column.type
    fits = (pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean, pa.types.is_null)
    if not any(fit(kind) for fit in fits):
        raise InputError(f"load(window): {name}", f"must be a column of numbers{hint}", str(kind))
    if pa.types.is_integer(kind):
        ends = [value for value in pc.min_max(column).as_py().values() if value is not None and abs(value) > LARGEST]
        if ends:
            rule = f"must hold no whole number beyond {LARGEST:g}: floats do not tell such numbers apart"
            raise InputError(f"load(window): {name}", rule, ends[-1])


def _checked_texts(name: str, column: pa.ChunkedArray, values: Sequence[str]) -> pa.ChunkedArray:
    """An input that is a category, as plain texts; empty ones are null."""
    if not (is_text(column.type) or pa.types.is_null(column.type)):
        rule = "must be a column of texts, as it is a category in model.yaml"
        raise InputError(f"load(window): {name}", rule, str(column.type))
    texts = texts_of(column)
    known = pc.unique(texts).drop_null().to_pylist()
    if len(known) > MOST:
        rule = f"must have at most {MOST:,} categories; what names a single row is no input"
        raise InputError(f"load(window): {name}", rule, f"{len(known):,}")
    long = max(known, key=len, default="")
    if len(long) > LONGEST:
        raise InputError(f"load(window): {name}", f"must have categories of at most {LONGEST} characters", len(long))
    odd = sorted(set(known) - set(values)) if values else []
    if odd:
        rule = f"must be one of its values in model.yaml ({', '.join(values[:SHOWN])}{', ...' * (len(values) > SHOWN)})"
        raise InputError(f"load(window): {name}", rule, odd[0])
    return texts


def _check_finite(name: str, column: pa.ChunkedArray) -> None:
    endless = int(pc.sum(pc.is_inf(column)).as_py() or 0) if pa.types.is_floating(column.type) else 0
    if endless:  # a request can't carry it, and no prediction that is logged
        rule = "must be a finite number in every row, or null where there is none"
        raise InputError(f"load(window): {name}", rule, f"{endless} infinite ones")


def _check_items(name: str, column: pa.ChunkedArray) -> None:
    if column.null_count:
        rule = "must be known in every row of a forecast; leave out the rows without one"
        raise InputError(f"load(window): {name}", rule, f"{column.null_count} of {len(column)} rows without one")


def _check_label(name: str, column: pa.ChunkedArray, task: str) -> None:
    _check_numbers(name, column)
    values = column.cast(pa.float64())
    unknown = values.null_count + int(pc.sum(pc.is_nan(values)).as_py() or 0)
    if unknown:
        rule = "must be known in every row; leave out the rows whose label is not known yet"
        raise InputError(f"load(window): {name}", rule, f"{unknown} of {len(values)} rows without a label")
    endless = int(pc.sum(pc.is_inf(values)).as_py() or 0)
    if endless:
        raise InputError(f"load(window): {name}", "must be a finite number in every row", f"{endless} infinite ones")
    if task == "multiclass_classification":
        _check_whole(name, column)
    if task == "binary_classification":
        other = [value for value in pc.unique(values).to_pylist() if value not in (0, 1)]
        if other:
            raise InputError(f"load(window): {name}", "must be 0 or 1", other[0])


def _check_whole(name: str, column: pa.ChunkedArray) -> None:
    """Ids and classes are whole numbers that floats hold exactly, in every row."""
    values = column.cast(pa.float64()).to_numpy()
    odd = np.flatnonzero(~(np.isfinite(values) & (values == np.round(values)) & (np.abs(values) < LARGEST)))
    if len(odd):
        raise InputError(f"load(window): {name}", f"must be a whole number below {LARGEST:g}", float(values[odd[0]]))


if __name__ == "__main__":
    serve_request(work)

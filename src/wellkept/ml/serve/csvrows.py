"""Rows as CSV, as MLflow's /invocations takes them: a line of names, and a line a row."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection

from wellkept.kernel.errors import InputError, TooLargeError
from wellkept.ml.serve.protocols import MAX_ROWS
from wellkept.ml.serve.rules import EXACT, Rows

NULLS = frozenset({"", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "<NA>"})
"""What says that there is no value; pandas reads and writes these."""
TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
Value = float | bool | str | None


def rows_of_csv(body: bytes, categories: Collection[str] = ()) -> Rows:
    """The rows of a CSV body in UTF-8, whose first line names the inputs; ``categories`` are those that are texts.

    Raises:
        InputError: it is not CSV of numbers, truth values and empty fields; names the line and the input.
        TooLargeError: it has too many rows.
    """
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        names, values = tuple(next(lines, ())), list[list[Value]]()
        _check_names(names)
        for fields in lines:
            if not fields:  # an empty line
                continue
            if len(values) == MAX_ROWS:
                raise TooLargeError("csv", f"must have at most {MAX_ROWS} rows")
            if len(fields) != len(names):
                rule = f"must have {len(names)} fields ({', '.join(names)})"
                raise InputError(f"csv, line {lines.line_num}", rule, len(fields))
            pairs = zip(names, fields, strict=True)
            values.append(
                [_text(field) if name in categories else _value(field, name, lines.line_num) for name, field in pairs]
            )
    except UnicodeDecodeError as error:
        raise InputError("csv", f"must be UTF-8: {error.reason} at byte {error.start}") from error
    except csv.Error as error:
        raise InputError("csv", f"must be CSV: {error}") from error
    if not values:
        raise InputError("csv", "must have at least one row behind the line of names")
    return Rows(names, values)


def _check_names(names: tuple[str, ...]) -> None:
    if not names:
        raise InputError("csv", "must begin with a line of names")
    if "" in names:
        rule = "must name every column; pandas leaves out the one of its index with to_csv(index=False)"
        raise InputError("csv, line 1", rule, ",".join(names))


def _text(field: str) -> Value:
    return None if field in NULLS else field


def _value(field: str, name: str, line: int) -> Value:
    text = field.strip()
    if text in NULLS:
        return None
    if text in TRUTHS:
        return TRUTHS[text]
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan  # Python's float takes 1_000 and １２
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"input {name}, line {line}", "must be a finite number, true, false or empty", field)
    return int(text) if abs(number) >= EXACT and text.lstrip("+-").isdigit() else number

"""Rows of a frame, or logged predictions, as the columns that a model is watched by, and their reference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ml.contract import ModelContract
from wellkept.ml.inputspec import Input
from wellkept.ml.reference import SCORE, Distribution, categories, distribution
from wellkept.spine.reduced import TEXT_KIND, reduced_embeddings, reduced_texts
from wellkept.spine.truths import RULES, unfit

Floats = NDArray[np.float64]
PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
ROUNDED = 1e-5
"""By so much a probability may be beyond 0 or 1 in a form of single precision."""
LEAST = 50
"""Rows below which nothing is a yardstick."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of n rows: numbers (float64[n], NaN is null), categories (None is null), and, where they are there, the
    time of each row (seconds), its score, and its label.
    """

    numbers: Mapping[str, Floats]
    categories: Mapping[str, list[str | None]]
    at: Floats | None = None
    scores: Floats | None = None
    labels: Floats | None = None


def of_frame(table: pa.Table, contract: ModelContract) -> Columns:
    """The columns of a frame that has a column for each input, and perhaps ``time``, the score and the label.

    Raises:
        InputError: an input has no column, or one of another type; a label or a score is none of the task's; there are
            too few rows.
    """
    if table.num_rows < LEAST:
        raise InputError("reference rows", f"must be at least {LEAST}", table.num_rows)
    numbers: dict[str, Floats] = {}
    words: dict[str, list[str | None]] = {}
    for entry in contract.inputs:
        if entry.name not in table.column_names:
            known = ", ".join(table.column_names[:20])
            raise InputError("reference rows", f"must have a column for each input; there are {known}", entry.name)
        _take(entry, table[entry.name].combine_chunks(), numbers, words)
    names = table.column_names
    score = next((name for name in ("score", contract.output.name) if name in names), "")
    label = next((name for name in ("label", contract.label.name) if name in names), "")
    scores, labels = (_told(name, table) if name else None for name in (score, label))
    if labels is not None:
        wrong = labels[np.isfinite(labels) & unfit(contract.task, labels)]
        if len(wrong):
            rule = f"{RULES[contract.task]}, as a label of a {contract.task} is"
            raise InputError(f"reference rows: {label}", rule, float(wrong[0]))
    if scores is not None and contract.task == "binary_classification":
        wrong = scores[(scores < -ROUNDED) | (scores > 1 + ROUNDED)]
        if len(wrong):
            rule = "must be a probability from 0 to 1, as the score of a binary classification is"
            raise InputError(f"reference rows: {score}", rule, float(wrong[0]))
    at = _seconds(table["time"].combine_chunks()) if "time" in names else None
    return Columns(numbers, words, at, scores, labels)


def of_log(table: pa.Table, contract: ModelContract) -> Columns:
    """The columns of logged predictions (``at``, ``score``, ``features``, ``categories``, ``label``)."""
    count = table.num_rows
    numbers = {name: np.full(count, np.nan) for entry in contract.inputs for name in entry.number_columns}
    words: dict[str, list[str | None]] = {
        name: [None] * count for entry in contract.inputs for name in entry.category_columns
    }
    for column, kept in (("features", numbers), ("categories", words)):
        maps = table[column].combine_chunks()
        rows = np.repeat(np.arange(count), np.diff(maps.offsets.to_numpy()))
        keys = np.asarray(maps.keys.to_pylist(), dtype=object)
        values = np.asarray([value or None for value in maps.items.to_pylist()] if kept is words else _items(maps))
        for name in kept:
            mine = keys == name
            if kept is numbers:
                numbers[name][rows[mine]] = values[mine]
            else:
                for row, value in zip(rows[mine].tolist(), values[mine].tolist(), strict=True):
                    words[name][row] = value
    at, scores, labels = (_floats(name, table[name].combine_chunks()) for name in ("at", "score", "label"))
    return Columns(numbers, words, at, scores, labels if np.isfinite(labels).any() else None)


def reference_of(columns: Columns, window_s: float) -> dict[str, Distribution]:
    """The distribution of each column, and of the scores where they are known."""
    numbers = {name: distribution(values, columns.at, window_s) for name, values in columns.numbers.items()}
    words = {name: categories(values, columns.at, window_s) for name, values in columns.categories.items()}
    found = {**numbers, **words}
    if columns.scores is not None:
        found[SCORE] = distribution(columns.scores, columns.at, window_s)
    return found


def written(reference: Mapping[str, Distribution]) -> bytes:
    """A reference as the bytes of its file."""
    return json.dumps({name: asdict(entry) for name, entry in reference.items()}, sort_keys=True).encode()


def _take(entry: Input, column: pa.Array, numbers: dict[str, Floats], words: dict[str, list[str | None]]) -> None:
    where = f"reference rows: {entry.name}"
    if entry.type == "embedding":
        for part, values in reduced_embeddings(where, column.to_pylist(), entry.size).items():
            numbers[f"{entry.name}.{part}"] = values
    elif entry.type == "text":
        found, kinds = reduced_texts(_texts(where, column))
        numbers |= {f"{entry.name}.{part}": values for part, values in found.items()}
        words[f"{entry.name}.{TEXT_KIND}"] = [kind or None for kind in kinds.to_pylist()]
    elif entry.type == "category":
        words[entry.name] = [text or None for text in _texts(where, column).to_pylist()]
    else:
        numbers[entry.name] = _floats(where, column)


def _texts(where: str, column: pa.Array) -> pa.Array:
    try:
        return column.cast(pa.string())
    except pa.ArrowException as error:
        raise InputError(where, f"must be texts: {error}") from None


def _floats(where: str, column: pa.Array) -> Floats:
    try:
        return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    except pa.ArrowException as error:
        raise InputError(where, f"must be numbers: {error}") from None


def _told(name: str, table: pa.Table) -> Floats | None:
    """A column of numbers; None where not one of them is known."""
    values = _floats(f"reference rows: {name}", table[name].combine_chunks())
    return values if np.isfinite(values).any() else None


def _seconds(column: pa.Array) -> Floats:
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("ms"))
    if not pa.types.is_timestamp(column.type):
        rule = "must be a column of timestamps (of texts in ISO 8601 in a CSV file); leave it out where there is none"
        raise InputError("reference rows: time", rule, str(column.type))
    counted = column.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return np.asarray(counted, dtype=np.float64) / PER_SECOND[column.type.unit]


def _items(maps: pa.MapArray) -> Floats:
    return _floats("features", maps.items)

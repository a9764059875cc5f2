"""Inputs of predictions on their way in: numbers and categories stay, texts and embeddings are reduced at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.predicted import PREFIX
from wellkept.ops.ingest.values import number
from wellkept.spine.reduced import TEXT_KIND, reduced_embeddings, reduced_texts

LONGEST_CATEGORY = 100
"""Of a model without a contract, a longer text than this is no category."""

Kinds = Mapping[str, tuple[str, int | None]]
"""Input to its type in the contract, and the size of an embedding."""
KindsOf = Callable[[str], Kinds]
Pairs = list[tuple[str, Any]]


def no_kinds(_: str) -> Kinds:
    """Of models whose contract is not known."""
    return {}


class Inputs:
    """Divides inputs by what the model's contract, or else their value, says they are."""

    def __init__(self, kinds_of: KindsOf = no_kinds) -> None:
        self._kinds_of = kinds_of

    def of_records(self, models: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> tuple[list[Pairs], list[Pairs]]:
        """The features and categories of each record's ``features``.

        Raises:
            InputError: an input is neither number, text nor vector, or not what the contract says.
        """
        features: list[Pairs] = [[] for _ in rows]
        words: list[Pairs] = [[] for _ in rows]
        reduced: dict[tuple[str, str, str], list[tuple[int, Any]]] = {}
        known = {model: self._kinds_of(model) for model in set(models)}
        for index, row in enumerate(rows):
            kinds = known[models[index]]
            for name, value in row.items():
                kind = kinds[name][0] if name in kinds else _kind_of(value)
                if kind == "category":
                    words[index].append((name, _word(index, name, value)))
                elif kind in ("text", "embedding"):
                    reduced.setdefault((kind, models[index], name), []).append((index, value))
                else:
                    where = f"predictions[{index}].features.{name}"
                    features[index].append((name, None if value is None else number(where, value)))
        for (kind, model, name), cells in reduced.items():
            size = known[model].get(name, ("", None))[1]
            numbers, told = _reduced_rows(kind, name, cells, size)
            for place, (index, _) in enumerate(cells):
                features[index] += [
                    (column, None if np.isnan(values[place]) else float(values[place]))
                    for column, values in numbers.items()
                ]
                words[index] += [(column, values[place]) for column, values in told.items()]
        return features, words

    def of_columns(self, models: pa.ChunkedArray, table: pa.Table) -> tuple[pa.Array, pa.Array]:
        """The maps of features and categories of a table's columns ``input.*``.

        Raises:
            InputError: an input is neither number, text nor vector, or not what the contract says; or the table holds
                predictions of several models, whose inputs may be of other types.
        """
        names = models.unique().to_pylist()
        if len(names) > 1:
            raise InputError(
                "predictions.model", "must be one where inputs are columns; send one stream a model", names[1]
            )
        kinds = self._kinds_of(names[0]) if names else {}
        numbers: dict[str, np.ndarray] = {}
        words: dict[str, list[str]] = {}
        for column in table.column_names:
            name, cells = column.removeprefix(PREFIX), table[column].combine_chunks()
            kind, size = kinds.get(name, (_kind_of_column(cells), None))
            if kind == "category":
                words[name] = [value or "" for value in _texts(name, cells).to_pylist()]
            elif kind in ("text", "embedding"):
                values = cells if kind == "text" else cells.to_pylist()
                found, told = _reduced(kind, name, values, size)
                numbers |= found
                words |= told
            else:
                numbers[name] = _floats(name, cells)
        return _map(numbers, table.num_rows), _words(words, table.num_rows)


def _reduced_rows(
    kind: str, name: str, cells: Sequence[tuple[int, Any]], size: int | None
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Of the rows of these numbers; a mistake is named with the row that it is in."""
    try:
        return _reduced(kind, name, [value for _, value in cells], size)
    except InputError:
        wanted = size if size is not None or kind == "text" else len(cells[0][1] or ())
        for index, value in cells:
            try:
                _reduced(kind, name, [value], wanted)
            except InputError as error:
                raise InputError(f"predictions[{index}].features.{name}", error.rule, error.value) from error
        raise


def _reduced(kind: str, name: str, values: Any, size: int | None) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    if kind == "embedding":
        odd = next((value for value in values if value is not None and not isinstance(value, list)), None)
        if odd is not None:
            raise InputError(f"predictions.features.{name}", "must be a vector, as the contract says", odd)
        found = reduced_embeddings(f"predictions.features.{name}", values, size)
        return {f"{name}.{part}": column for part, column in found.items()}, {}
    numbers, kinds = reduced_texts(_texts(name, values if isinstance(values, pa.Array) else _text_array(name, values)))
    told = {f"{name}.{TEXT_KIND}": [str(value) for value in kinds.to_pylist()]}
    return {f"{name}.{part}": column for part, column in numbers.items()}, told


def _text_array(name: str, values: Sequence[Any]) -> pa.Array:
    odd = next((value for value in values if value is not None and not isinstance(value, str)), None)
    if odd is not None:
        raise InputError(f"predictions.features.{name}", "must be a text, as the contract says", odd)
    return pa.array(values, pa.string())


def _kind_of(value: Any) -> str:
    if isinstance(value, str):
        return "category" if len(value) <= LONGEST_CATEGORY else "text"
    return "embedding" if isinstance(value, list) else "float"


def _kind_of_column(column: pa.Array) -> str:
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return "embedding"
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        longest = pa.compute.max(pa.compute.utf8_length(column.cast(pa.large_string()))).as_py()
        return "category" if (longest or 0) <= LONGEST_CATEGORY else "text"
    return "float"


def _word(index: int, name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | dict):
        raise InputError(f"predictions[{index}].features.{name}", "must be a text, as the contract says", value)
    return value if isinstance(value, str) else str(value)


def _texts(name: str, column: pa.Array) -> pa.Array:
    try:
        return column.cast(pa.string())
    except pa.ArrowException as error:
        raise InputError(f"predictions.{PREFIX}{name}", f"must be texts: {error}") from None


def _floats(name: str, column: pa.Array) -> np.ndarray:
    try:
        values = np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    except pa.ArrowException as error:
        raise InputError(f"predictions.{PREFIX}{name}", f"must be numbers: {error}") from None
    if np.isinf(values).any():
        raise InputError(f"predictions.{PREFIX}{name}", "must be finite numbers or null")
    return values


def _map(columns: Mapping[str, np.ndarray], count: int) -> pa.Array:
    """A map of numbers for each row; NaN is null."""
    names = list(columns)
    values = np.column_stack([columns[name] for name in names]).ravel() if names else np.empty(0)
    keys = pa.array(names, pa.string()).take(pa.array(np.tile(np.arange(len(names)), count)))
    return _maps(keys, pa.array(values, pa.float64(), mask=np.isnan(values)), len(names), count)


def _words(columns: Mapping[str, list[str]], count: int) -> pa.Array:
    names = list(columns)
    keys = pa.array(names, pa.string()).take(pa.array(np.tile(np.arange(len(names)), count)))
    values = [columns[name][row] for row in range(count) for name in names]
    return _maps(keys, pa.array(values, pa.string()), len(names), count)


def _maps(keys: pa.Array, values: pa.Array, width: int, count: int) -> pa.Array:
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * width)
    return pa.MapArray.from_arrays(offsets, keys, values)

"""Categories as models take them: in a matrix a text is its place in a list of those that the training data had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Categories = Mapping[str, Sequence[str]]
"""Of each input that is a category its texts, sorted. Another text is to the model what a missing one is."""
MOST, LONGEST = 1000, 500
"""An input of more texts than this, or of longer ones, is no category but an id, or a free text."""

KNOWN = "categories.json"
"""The file of a project whose encoders were fitted elsewhere: the texts that they know, by input."""


def is_text(kind: pa.DataType) -> bool:
    """Whether a column is of texts, or of texts that are encoded by a dictionary."""
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain))


def texts_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of texts as such; an empty one is none, as in the log of predictions."""
    texts = column.cast(pa.string())
    return pc.if_else(pc.equal(texts, ""), None, texts)


def encoded(table: pa.Table, categories: Categories) -> pa.Table:
    """The table with these columns as dictionaries of exactly these texts; other texts, and empty ones, are null."""
    for name, texts in categories.items():
        if name not in table.column_names:
            continue
        column, known = table[name], pa.array(texts, pa.string())
        if not (pa.types.is_dictionary(column.type) and all(one.dictionary.equals(known) for one in column.chunks)):
            codes = pc.index_in(texts_of(column), known).combine_chunks()
            made = pa.DictionaryArray.from_arrays(codes.cast(pa.int32()), known)
            table = table.set_column(table.column_names.index(name), name, pa.chunked_array([made]))
    return table


def categories_of(table: pa.Table, names: Sequence[str]) -> dict[str, list[str]]:
    """The texts of each of these columns, sorted."""
    return {name: sorted(pc.unique(texts_of(table[name])).drop_null().to_pylist()) for name in names}


def numbers_of(column: Any) -> NDArray[np.float64]:
    """A column as float64; null is NaN, and a text of an encoded column its place."""
    if pa.types.is_dictionary(column.type):
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        column = whole.indices
    return np.asarray(column.to_numpy(zero_copy_only=False).astype(np.float64))


def shown(name: str, value: float, categories: Categories) -> float | str | None:
    """A value of a matrix as a caller writes it."""
    if not np.isfinite(value):
        return None
    return categories[name][int(value)] if name in categories else float(value)


@dataclass(frozen=True, slots=True)
class Named:
    """The columns of a matrix: what they are called, and the texts of those that are categories."""

    names: Sequence[str]
    categories: Categories = field(default_factory=dict)

    @property
    def words(self) -> dict[int, Sequence[str]]:
        """The columns that are categories, by their places."""
        return {place: self.categories[name] for place, name in enumerate(self.names) if name in self.categories}

    def table(self, rows: Matrix) -> pa.Table:
        """float64[n, names] as columns: of numbers (NaN stays), and of texts that are encoded by a dictionary."""
        words = self.words
        return pa.table(
            {
                name: _dictionary(rows[:, place], words[place]) if place in words else rows[:, place]
                for place, name in enumerate(self.names)
            }
        )

    def asked(self, rows: Matrix) -> Any:
        """What an estimator is asked with: the matrix, or a pandas frame of names and texts where it has categories."""
        return self.table(rows).to_pandas() if self.words else rows

    def matrix(self, frame: Any) -> Matrix:
        """What :meth:`asked` gives as float64[n, names] again, whatever list the texts of a frame are encoded by."""
        if isinstance(frame, np.ndarray):
            return frame
        table = encoded(pa.Table.from_pandas(frame, preserve_index=False), self.categories)
        return np.column_stack([numbers_of(table[name]) for name in self.names])

    def tensor(self, rows: Matrix, place: int, kind: Any) -> NDArray[Any]:
        """A column as a tensor of [n, 1]: of texts (a missing one is empty), or of numbers of this type."""
        name = self.names[place]
        if name in self.categories:
            return words_of(rows[:, place], self.categories[name])[:, None]
        return rows[:, place : place + 1].astype(kind)


def _dictionary(codes: NDArray[np.float64], texts: Sequence[str]) -> pa.DictionaryArray:
    missing = np.isnan(codes)
    places = pa.array(np.where(missing, 0, codes).astype(np.int32), mask=missing)
    return pa.DictionaryArray.from_arrays(places, pa.array(texts, pa.string()))


def words_of(codes: NDArray[np.float64], texts: Sequence[str]) -> NDArray[Any]:
    """The texts of places; a missing one is empty."""
    known = np.array([*texts, ""], dtype=object)
    found: NDArray[Any] = known[np.where(np.isnan(codes), len(texts), codes).astype(np.int64)]
    return found

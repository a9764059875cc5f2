"""What the inputs of a model must be: every value of a request is checked, and a mistake is named."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from wellkept.kernel.errors import InputError
from wellkept.ml.categories import LONGEST, Categories
from wellkept.ml.inputspec import Input
from wellkept.ml.runtime import Matrix

EXACT = 2**53
"""From here on a float does not tell whole numbers apart."""
NUMBERS = frozenset({int, float})
VALUES = frozenset({int, float, bool, type(None)})


class Missing:
    """Stands for a value that one row of several does not name."""


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as a request has them, row by row. ``names`` of their columns; None: in the order of the model's inputs."""

    names: tuple[str, ...] | None
    values: Sequence[Sequence[Any]]

    def __len__(self) -> int:
        return len(self.values)


class Rules:
    """The inputs of one version, prepared so that a row costs little."""

    def __init__(self, model: str, inputs: Sequence[Input], categories: Categories | None = None) -> None:
        self._model, self._inputs = model, inputs
        self._names = tuple(entry.name for entry in inputs)
        self._known = frozenset(self._names)
        self._forbids_null = np.array([not entry.nullable for entry in inputs])
        self._whole = np.flatnonzero([entry.type == "int" for entry in inputs])
        self._truths = np.flatnonzero([entry.type == "bool" for entry in inputs])
        self._ranged = [
            (index, entry)
            for index, entry in enumerate(inputs)
            if entry.at_least is not None or entry.at_most is not None
        ]
        self._words = {
            index: {text: float(code) for code, text in enumerate((categories or {}).get(entry.name, ()))}
            for index, entry in enumerate(inputs)
            if entry.is_category
        }
        self._forbids_null[list(self._words)] = False  # a text that is not known is NaN, too; see `_coded`
        self._places: dict[tuple[str, ...], tuple[int, ...]] = {}

    def matrix(self, rows: Rows) -> Matrix:
        """The rows as float64[n, inputs]; null is NaN, and so is a category that the model does not know.

        Raises:
            InputError: an input is missing, unknown, null where it must not be, not of its type, or out of its range.
        """
        values = rows.values if rows.names is None or rows.names == self._names else self._ordered(rows)
        if rows.names is None:
            self._check_width(values)
        if self._words:
            values = self._coded(values)
        kinds = set(map(type, values[0] if len(values) == 1 else itertools.chain.from_iterable(values)))
        if not kinds <= VALUES:
            self._tell_kind(values)
        matrix = np.array(values, dtype=np.float64)
        if int in kinds and (np.abs(matrix) >= EXACT).any():
            self._check_exact(values)
        if not kinds <= NUMBERS:
            self._check_nulls(matrix)
        self.check(matrix)
        return matrix

    def missing(self, names: Sequence[str]) -> list[Input]:
        """The inputs that a request does not name."""
        given = frozenset(names)
        return [entry for entry in self._inputs if entry.name not in given]

    def odd(self, rows: Rows, matrix: Matrix) -> list[tuple[int, str, str]]:
        """The categories of :meth:`matrix` that the model does not know: row, input and text."""
        if not self._words or not np.isnan(matrix[:, list(self._words)]).any():
            return []
        values = rows.values if rows.names is None or rows.names == self._names else self._ordered(rows)
        return [
            (row, self._names[index], values[row][index])
            for index in self._words
            for row in np.flatnonzero(np.isnan(matrix[:, index])).tolist()
            if values[row][index]
        ]

    def _coded(self, values: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """The rows with each category as its place among those that the model knows.

        Raises:
            InputError: one is no text, too long, null where it must not be, or none of those that the contract names.
        """
        rows = [list(row) for row in values]
        for index, known in self._words.items():
            for place, row in enumerate(rows):
                code = known.get(row[index]) if type(row[index]) is str else None
                row[index] = self._odd_code(index, place, len(rows), row[index]) if code is None else code
        return rows

    def _odd_code(self, index: int, place: int, count: int, value: Any) -> float:
        """NaN for what is no known category, and may be."""
        entry, where = self._inputs[index], self._where(self._names[index], place, count)
        if value is MISSING:
            raise InputError(where, "is required")
        if value is None or value == "":
            if not entry.nullable:
                raise InputError(where, "must not be null")
        elif not isinstance(value, str):
            raise InputError(where, "must be a text, as it is a category", value)
        elif entry.values and value not in entry.values:
            raise InputError(where, f"must be one of {', '.join(entry.values)}", value)
        elif len(value) > LONGEST:
            raise InputError(where, f"must have at most {LONGEST} characters", len(value))
        return math.nan

    def _ordered(self, rows: Rows) -> Sequence[Sequence[Any]]:
        assert rows.names is not None
        places = self._places.get(rows.names)
        if places is None:
            places = self._found(rows.names)
            if len(self._places) < 100:  # a caller may send ever new orders; those are worked out again
                self._places[rows.names] = places
        if len(places) == 1:
            return [[row[places[0]]] for row in rows.values]
        order = itemgetter(*places)
        return [order(row) for row in rows.values]

    def _found(self, names: tuple[str, ...]) -> tuple[int, ...]:
        unknown = sorted(set(names) - self._known)
        if unknown:
            known = ", ".join(sorted(self._known))
            raise InputError(f"input {unknown[0]}", f"is not an input of {self._model} ({known})")
        for name in self._names:
            if names.count(name) != 1:
                raise InputError(f"input {name}", "is there twice" if name in names else "is required")
        return tuple(names.index(name) for name in self._names)

    def _check_width(self, values: Sequence[Sequence[Any]]) -> None:
        wanted = len(self._names)
        for index, row in enumerate(values):
            if len(row) != wanted:
                rule = f"must have {wanted} values, one an input, in the order {', '.join(self._names)}"
                raise InputError(f"row {index}", rule, len(row))

    def _tell_kind(self, values: Sequence[Sequence[Any]]) -> None:
        for index, row in enumerate(values):
            for name, value in zip(self._names, row, strict=True):
                if value is MISSING:
                    raise InputError(self._where(name, index, len(values)), "is required")
                if type(value) not in VALUES:
                    raise InputError(self._where(name, index, len(values)), "must be a number", value)

    def _check_exact(self, values: Sequence[Sequence[Any]]) -> None:
        for index, row in enumerate(values):
            for name, value in zip(self._names, row, strict=True):
                if isinstance(value, int) and abs(value) > EXACT:
                    rule = f"must be at most {EXACT} (2^53) as a whole number: a float would round it"
                    raise InputError(self._where(name, index, len(values)), rule, value)

    def _check_nulls(self, matrix: Matrix) -> None:
        wrong = np.isnan(matrix) & self._forbids_null
        if wrong.any():
            index, column = (int(place) for place in np.argwhere(wrong)[0])
            raise InputError(self._where(self._names[column], index, len(matrix)), "must not be null")

    def check(self, matrix: Matrix) -> None:
        """Look at types and ranges; what is null passes.

        Raises:
            InputError: a value breaks a rule.
        """
        if len(self._whole):
            self._refuse(matrix, self._whole, matrix[:, self._whole] % 1 != 0, "must be a whole number")
        if len(self._truths):
            found = matrix[:, self._truths]
            self._refuse(matrix, self._truths, (found != 0) & (found != 1), "must be true or false")
        for column, entry in self._ranged:
            found, place = matrix[:, column : column + 1], np.array([column])
            if entry.at_least is not None:
                self._refuse(matrix, place, found < entry.at_least, f"must be at least {entry.at_least:g}")
            if entry.at_most is not None:
                self._refuse(matrix, place, found > entry.at_most, f"must be at most {entry.at_most:g}")

    def _refuse(self, matrix: Matrix, columns: Any, wrong: Any, rule: str) -> None:
        wrong &= ~np.isnan(matrix[:, columns])
        if wrong.any():
            index, place = (int(place) for place in np.argwhere(wrong)[0])
            column = int(columns[place])
            value = float(matrix[index, column])
            shown = int(value) if value.is_integer() else value
            raise InputError(self._where(self._names[column], index, len(matrix)), rule, shown)

    @staticmethod
    def _where(name: str, index: int, count: int) -> str:
        return f"input {name}" if count == 1 else f"input {name}, row {index}"

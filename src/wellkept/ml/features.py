"""A project's ``features``: one function from the inputs to the model's columns, for training and serving alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from wellkept.kernel.errors import InputError
from wellkept.ml.categories import Categories, Named, encoded, is_text, numbers_of
from wellkept.ml.project import as_table, function_in
from wellkept.ml.runtime import Matrix, Scorer, Scores

ALONE_ROWS = 20


class Features:
    """Makes the model's columns from the inputs.

    The function sees the inputs as float64 columns (categories as texts) and nothing else: no label, no row that the
    caller did not send.
    """

    def __init__(
        self, file: Path, inputs: Sequence[str], columns: Sequence[str], categories: Categories | None = None
    ) -> None:
        self._function = function_in(file, "features")
        self._inputs, self._columns = Named(tuple(inputs), categories or {}), tuple(columns)

    def matrix(self, rows: Matrix) -> Matrix:
        """float64[n, inputs] to float64[n, columns]; null is NaN on both sides.

        Raises:
            InputError: a column is missing or is not of numbers, or there are more or fewer rows than before.
        """
        made = as_table(self._function(self._inputs.table(rows)), "features(frame)")
        for name in self._columns:
            if name not in made.column_names:
                raise InputError("features(frame)", "must return every column of the contract; missing", name)
        if made.num_rows != len(rows):
            raise InputError("features(frame)", f"must return a row for each of the {len(rows)} rows", made.num_rows)
        try:
            made = encoded(made, {name: self._inputs.categories[name] for name in self._kept(made)})
            found = [numbers_of(made[name]) for name in self._columns]
        except (ValueError, TypeError, pa.ArrowException) as error:
            rule = f"must return columns of numbers, or inputs as they are: {error}"
            raise InputError("features(frame)", rule) from error
        return np.column_stack(found)

    def _kept(self, made: pa.Table) -> list[str]:
        """The model's columns that are categories as they came."""
        known = self._inputs.categories
        return [name for name in self._columns if name in known and is_text(made[name].type)]

    def check_alone(self, rows: Matrix, made: Matrix) -> None:
        """A row must become the same alone, as when it is served, as among others, as when it is trained on.

        Raises:
            InputError: it does not; names the column.
        """
        for index in np.linspace(0, len(rows) - 1, min(ALONE_ROWS, len(rows))).astype(int):
            alone = self.matrix(rows[index : index + 1])[0]
            same = np.isclose(alone, made[index], rtol=1e-9, atol=1e-12, equal_nan=True)
            if not same.all():
                column = self._columns[int(np.flatnonzero(~same)[0])]
                rule = "must make the same of a row alone as of a row among others; it does not in column"
                raise InputError("features(frame)", rule, column)


class WithFeatures:
    """A scorer behind a project's features: it takes the inputs."""

    def __init__(self, features: Any, scorer: Scorer) -> None:
        self.features, self._scorer = features, scorer

    def score(self, rows: Matrix) -> Scores:
        return self._scorer.score(self.features.matrix(rows))

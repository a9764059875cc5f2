"""A project's ``features``: one function from the inputs to the model's columns, for training and serving alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from wellkept.kernel.errors import InputError
from wellkept.ml.project import as_table, function_in
from wellkept.ml.runtime import Matrix, Scorer, Scores

ALONE_ROWS = 20


class Features:
    """Makes the model's columns from the inputs.

    The function sees the inputs as float64 columns and nothing else: no label, no row that the caller did not send.
    """

    def __init__(self, file: Path, inputs: Sequence[str], columns: Sequence[str]) -> None:
        self._function = function_in(file, "features")
        self._inputs, self._columns = tuple(inputs), tuple(columns)

    def matrix(self, rows: Matrix) -> Matrix:
        """float64[n, inputs] to float64[n, columns]; null is NaN on both sides.

        Raises:
            InputError: a column is missing or is not of numbers, or there are more or fewer rows than before.
        """
        frame = pa.table({name: rows[:, index] for index, name in enumerate(self._inputs)})
        made = as_table(self._function(frame), "features(frame)")
        for name in self._columns:
            if name not in made.column_names:
                raise InputError("features(frame)", "must return every column of the contract; missing", name)
        if made.num_rows != len(rows):
            raise InputError("features(frame)", f"must return a row for each of the {len(rows)} rows", made.num_rows)
        try:
            found = [made[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in self._columns]
        except (ValueError, TypeError) as error:
            raise InputError("features(frame)", f"must return columns of numbers: {error}") from error
        return np.column_stack(found)

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

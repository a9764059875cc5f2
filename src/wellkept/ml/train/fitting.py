"""A project's ``train`` as its workers call it: seeded, with parameters where it takes them."""

from __future__ import annotations

import inspect
import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.kernel.errors import InputError
from wellkept.ml.categories import KNOWN, Categories, Named, categories_of, encoded, numbers_of
from wellkept.ml.features import Features
from wellkept.ml.owncode import code_files, sources_of
from wellkept.ml.project import function_of, optional_function
from wellkept.ml.provenance import changed_code
from wellkept.ml.runtime import Matrix, Scores, estimator_scores
from wellkept.ml.train.named import by_position


class Fitter:
    """Fits on a table of a request's project; the same table, parameters and seed give the same call."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        """Load all of the project's code, once: what is edited from now on has no part in this training.

        Raises:
            InputError: it lacks a function, or is not the code that the run is of (``request["code"]``).
        """
        self._request = request
        project = Path(request["project"])
        file = project / "model.py"
        self._sources = sources_of(project)
        self.inputs, self.columns = list(request["features"]), list(request["columns"])
        self.metrics = optional_function(file, "metrics")
        self.categories: Categories = request.get("categories", {})
        self.features = Features(file, self.inputs, self.columns, self.categories) if self.columns else None
        self._train = function_of(project, "train")
        self.takes_parameters = takes_parameters(self._train)
        changed = changed_code(project, request.get("code", {}))
        if changed is not None:
            rule = "was changed while the run was under way, before this step read it; start the training again"
            raise InputError(changed, rule)

    def code(self) -> dict[str, bytes]:
        """The code that goes with a version which needs it.

        Raises:
            InputError: a part of it cannot go with a version.
        """
        return code_files(Path(self._request["project"]), self._sources)

    def fit(self, table: pa.Table, parameters: Mapping[str, Any]) -> Any:
        """A fitted estimator.

        Raises:
            InputError: there are parameters, and ``train`` takes none; or it was fitted on other columns.
        """
        if parameters and not self.takes_parameters:
            raise InputError("train(frame)", "must be train(frame, parameters) where the contract has train.parameters")
        seed = int(self._request["seed"])
        random.seed(seed)
        np.random.seed(seed)  # what scikit-learn draws from where a project gives it no seed
        frame = with_features(table, self.features, self.inputs, self.columns)
        estimator = self._train(frame, dict(parameters)) if self.takes_parameters else self._train(frame)
        return by_position(estimator, self.columns or self.inputs, self.categories)

    def score_of(self, estimator: Any) -> Callable[[Matrix], Scores]:
        """Scores the inputs, float64[n, inputs], by an estimator as it is in this process."""
        features, named = self.features, Named(self.columns or self.inputs, self.categories)
        return lambda rows: estimator_scores(estimator, rows if features is None else features.matrix(rows), named)


def takes_parameters(train: Callable[..., Any]) -> bool:
    """Whether a ``train`` is ``train(frame, parameters)``."""
    try:
        inspect.signature(train).bind(object(), object())
    except TypeError:
        return False
    return True


def with_features(table: pa.Table, features: Features | None, inputs: list[str], columns: list[str]) -> pa.Table:
    """The rows with what ``features`` makes of them beside the inputs."""
    if features is None:
        return table
    made = features.matrix(matrix_of_inputs(table, inputs))
    for index, name in enumerate(columns):
        if name in table.column_names and pa.types.is_dictionary(table[name].type):
            continue  # a category stays as it came
        if name in table.column_names:
            table = table.drop_columns([name])
        table = table.append_column(name, pa.array(made[:, index], from_pandas=True))
    return table


def matrix_of_inputs(table: pa.Table, features: Sequence[str]) -> Matrix:
    """The columns of a table as float64[n, features]; null is NaN, and a category its place among the known ones."""
    return np.column_stack([numbers_of(table[name]) for name in features])


def read_snapshot(request: Mapping[str, Any]) -> tuple[pa.Table, dict[str, Any]]:
    """The rows of a snapshot, the inputs that are categories encoded; and the request with their texts."""
    return with_categories(pq.read_table(request["snapshot"]), request)


def with_categories(table: pa.Table, request: Mapping[str, Any]) -> tuple[pa.Table, dict[str, Any]]:
    """The same of rows that are here. Of a finished model the texts are those that it knows, not those of the rows."""
    kinds = zip(request["features"], request.get("kinds", ()), strict=False)
    known = categories_of(table, [name for name, kind in kinds if kind == "category"])
    file = Path(request["project"]) / KNOWN
    if known and file.is_file():
        known |= json.loads(file.read_text(encoding="utf-8"))
    return encoded(table, known), {**request, "categories": known}

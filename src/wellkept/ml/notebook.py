"""A model project in a notebook or a test: the same functions that the platform calls, one by one."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.ml.categories import Categories, Named, categories_of, encoded
from wellkept.ml.contract import ModelContract, read_project
from wellkept.ml.data.base import Reach
from wellkept.ml.data.reader import asked_of, reader_of
from wellkept.ml.data.stage import flat
from wellkept.ml.features import Features
from wellkept.ml.project import Window, as_table, function_of, loaded
from wellkept.ml.runtime import Scores, estimator_scores
from wellkept.ml.train.fitting import matrix_of_inputs, takes_parameters, with_features
from wellkept.ml.train.named import by_position
from wellkept.ml.trial import NoAnswers, Report, try_project

SAMPLE = 20_000


class Model:
    """A project's folder. Its code runs in this process, except for :meth:`check`.

    >>> model = Model(Path("churn"))            # doctest: +SKIP
    >>> frame = model.load()                    # doctest: +SKIP
    >>> model.train(frame).score(frame)         # doctest: +SKIP
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder).resolve()
        self.contract, _ = read_project(self.folder)

    def load(self, start: datetime | None = None, end: datetime | None = None) -> pa.Table:
        """What the project's ``load`` returns for a span (the last retraining window), without logged predictions.

        Where it has none, the joined sources. Nothing is masked: the rows stay in this process.
        """
        end = end or datetime.now(UTC)
        start = start or end - timedelta(seconds=self.contract.retrain.window_s)
        history = self.contract.data.history
        with tempfile.TemporaryDirectory() as folder, _project():
            logged = Path(folder) / "predictions.parquet"
            pq.write_table(
                flat(NoAnswers().window(self.contract.name, start, end, known_by=end), self.contract.inputs), logged
            )
            reader = reader_of(asked_of(self.folder, self.contract, (start, end), Reach()))
            window = Window(start, end, (), (self.folder / history).resolve() if history else None, logged, reader)
            return loaded(self.folder, window, has_entity=self.contract.data.entity is not None)

    def train(self, frame: Any) -> TrainedModel:
        """What the project's ``train`` makes of all these rows, of any frame that speaks Arrow; nothing is held out."""
        contract, frame = self.contract, as_table(frame, "train(frame)")
        with _project():
            known = categories_of(frame, contract.categories)
            frame, features = encoded(frame, known), self._features(known)
            rows = with_features(frame, features, list(contract.features), list(contract.columns))
            train, parameters = function_of(self.folder, "train"), dict(contract.train.starting)
            estimator = train(rows, parameters) if takes_parameters(train) else train(rows)
            ready = by_position(estimator, contract.model_columns, known)
            return TrainedModel(contract, ready, features, known)

    def check(self, rows: int = SAMPLE, now: datetime | None = None) -> Report:
        """Everything that ``wellkept models check`` does."""
        return try_project(self.folder, now or datetime.now(UTC), rows)

    def _features(self, categories: Categories) -> Features | None:
        contract = self.contract
        if not contract.columns:
            return None
        return Features(self.folder / "model.py", contract.features, contract.columns, categories)


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """An estimator with the contract that it was trained by."""

    contract: ModelContract
    estimator: Any
    features: Features | None
    categories: Categories = field(default_factory=dict)

    def score(self, frame: Any) -> Scores:
        """The score of each row, float64[n], of any frame that speaks Arrow and has the contract's inputs."""
        table = encoded(as_table(frame, "score(frame)"), self.categories)
        rows = matrix_of_inputs(table, list(self.contract.features))
        named = Named(self.contract.model_columns, self.categories)
        return estimator_scores(self.estimator, self.features.matrix(rows) if self.features else rows, named)


@contextlib.contextmanager
def _project() -> Iterator[None]:
    """What a project imports comes from its folder; it leaves no ``model`` behind for the next one."""
    before, path = sys.modules.get("model"), list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = path
        sys.modules.pop("model", None)
        if before is not None:
            sys.modules["model"] = before

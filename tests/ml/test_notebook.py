"""The same project in a notebook: its functions are called as a run would call them."""

from __future__ import annotations

from pathlib import Path

from tests.ml.workshop import CONTRACT, LOAD, project

from wellkept import Model

SEARCHED = """
train:
  parameters: {solver: lbfgs}
  search:
    parameters:
      C: {low: 0.01, high: 100.0, log: true}
"""
TRAIN = """

    def train(frame, parameters):
        from sklearn.linear_model import LogisticRegression
        return LogisticRegression(C=parameters["C"], solver=parameters["solver"]).fit(matrix(frame), frame["label"])
"""


def test_what_is_searched_for_has_a_value_without_a_search_too(tmp_path: Path) -> None:
    model = Model(project(tmp_path / "p", LOAD + TRAIN, CONTRACT + SEARCHED))

    frame = model.load()
    trained = model.train(frame)

    assert trained.estimator.C == 1.0, "the middle, where a search begins"
    assert len(trained.score(frame)) == frame.num_rows
    assert list(trained.score(frame.to_pandas())) == list(trained.score(frame)), "any frame will do"

"""The search for parameters: on the rows that are trained on alone, pruned, seeded, and gone on with after a kill."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.ml.workshop import CONTRACT

from wellkept.kernel.errors import InputError
from wellkept.ml.contract import parse_contract
from wellkept.ml.train.search.inner import pairs
from wellkept.ml.train.search.study import Study, mended, told
from wellkept.ml.train.search.worker import work
from wellkept.ml.train.split import seconds_of, split
from wellkept.ml.train.stage import training_request
from wellkept.ml.trainspec import Search

START = 1_700_000_000
SEARCH = """
train:
  seed: 5
  search:
    trials: 6
    parameters:
      weight: {low: -2.0, high: 2.0}
      kind: {choices: [plain, odd]}
"""
LINEAR = """
    import json
    from pathlib import Path
    import numpy as np


    class Linear:
        def __init__(self, weight):
            self.weight = weight

        def predict(self, rows):
            return self.weight * rows[:, 1]


    def train(frame, parameters):
        newest = max(moment.timestamp() for moment in frame["time"].to_pylist())
        with Path(__file__).with_name("seen").open("a") as seen:
            seen.write(json.dumps([newest, parameters["kind"]]) + "\\n")
        if parameters["kind"] == "odd":
            raise ValueError("odd kinds do not converge")
        return Linear(parameters["weight"])
"""


def rows(count: int) -> pa.Table:
    random = np.random.default_rng(1)
    risk = random.random(count)
    time = pa.array((np.arange(count) + START) * 1_000_000, pa.timestamp("us", tz="UTC"))
    label = (random.random(count) < risk).astype(float)
    return pa.table({"time": time, "amount": random.random(count), "risk": risk, "label": label})


def request(folder: Path, code: str = LINEAR, contract: str = CONTRACT + SEARCH, count: int = 200) -> dict[str, Any]:
    """What the stage asks the worker, over a small table."""
    parsed = parse_contract(contract)
    assert parsed.train.search is not None
    folder.joinpath("model.py").write_text(textwrap.dedent(code), encoding="utf-8")
    pq.write_table(rows(count), folder / "rows.parquet")
    return {
        **training_request(parsed),
        "project": str(folder),
        "snapshot": str(folder / "rows.parquet"),
        "journal": str(folder / "search.journal"),
        "search": parsed.train.search.model_dump(mode="json", by_alias=True),
        "metric": "roc_auc",
        "maximize": True,
        "study": "one",
    }


@given(
    count=st.integers(20, 120),
    holdout=st.floats(0.05, 0.6),
    folds=st.integers(1, 5),
    embargo=st.sampled_from([0.0, 3.0]),
)
@settings(max_examples=60, deadline=None)
def test_every_fold_is_judged_by_newer_rows_of_those_trained_on(
    count: int, holdout: float, folds: int, embargo: float
) -> None:
    asked = {**training_request(parse_contract(CONTRACT)), "embargo_s": embargo}
    trained, held_out = split(rows(count), asked)
    block = max(1, round(trained.num_rows * holdout / folds))
    assume(trained.num_rows - folds * block > 4)
    found = pairs(trained, asked, holdout, folds)
    assert len(found) == folds
    for older, newer in found:
        assert older.num_rows
        assert newer.num_rows
        assert seconds_of(older).max() < seconds_of(newer).min() - (embargo and embargo - 1)
        assert seconds_of(newer).max() < seconds_of(held_out).min(), "the held-out rows have no part in it"
    blocks = [set(seconds_of(newer)) for _, newer in found]
    assert sum(map(len, blocks)) == len(set().union(*blocks)), "no row judges twice"


def test_folds_of_a_forecast_are_horizons(tmp_path: Path) -> None:
    times = np.repeat(np.arange(12), 2)
    table = pa.table(
        {
            "time": pa.array((times + START) * 1_000_000, pa.timestamp("us", tz="UTC")),
            "item": ["a", "b"] * 12,
            "label": np.arange(24.0),
        }
    )
    asked = {"task": "forecasting", "horizon": 3, "since": None}

    found = pairs(table, asked, 0.25, 2)

    assert [sorted(set(seconds_of(newer) - START)) for _, newer in found] == [[9, 10, 11], [6, 7, 8]]
    assert [seconds_of(older).max() - START for older, _ in found] == [8, 5]
    with pytest.raises(InputError, match="must have more than 3 moments left"):
        pairs(table, asked, 0.25, 4)


@pytest.mark.usefixtures("workers_world")
def test_a_search_begins_in_the_middle_lists_every_trial_and_sees_no_held_out_row(tmp_path: Path) -> None:
    found = work(request(tmp_path))

    trials = found["trials"]
    assert trials[0]["parameters"] == {"weight": 0.0, "kind": "plain"}
    assert len(trials) == 6
    assert {one["state"] for one in trials} == {"complete", "fail"}
    failed = next(one for one in trials if one["state"] == "fail")
    assert failed["error"] == "ValueError: odd kinds do not converge"
    assert found["value"] == max(one["value"] for one in trials if one["state"] == "complete")
    assert found["parameters"]["weight"] > 0
    seen = [json.loads(line)[0] for line in tmp_path.joinpath("seen").read_text().splitlines()]
    assert max(seen) < START + 150 * 0.75, "a quarter of the rows is held out, and of the rest a quarter again"


@pytest.mark.usefixtures("workers_world")
def test_a_search_of_which_nothing_goes_through_says_why(tmp_path: Path) -> None:
    contract = CONTRACT + SEARCH.replace("[plain, odd]", "[odd]").replace("trials: 6", "trials: 2")

    with pytest.raises(InputError, match=r"no trial of 2 went through; the last one: ValueError: odd kinds"):
        work(request(tmp_path, contract=contract))


@pytest.mark.usefixtures("workers_world")
def test_train_must_take_the_parameters_of_a_search(tmp_path: Path) -> None:
    code = "def train(frame):\n    return None\n"

    with pytest.raises(InputError, match=r"must be train\(frame, parameters\)"):
        work(request(tmp_path, code))


@pytest.mark.usefixtures("workers_world")
def test_some_trials_at_a_time_are_as_many(tmp_path: Path) -> None:
    contract = CONTRACT + SEARCH.replace("trials: 6", "trials: 5\n    parallel: 2").replace("[plain, odd]", "[plain]")

    found = work(request(tmp_path, contract=contract))

    assert len(found["trials"]) == 5
    assert {one["state"] for one in found["trials"]} == {"complete"}


def study(folder: Path, trials: int = 9) -> Study:
    spaces = {"x": {"low": -1.0, "high": 1.0}, "n": {"low": 1, "high": 64, "log": True, "int": True}}
    search = Search.model_validate({"parameters": spaces, "trials": trials})
    return Study(folder / "search.journal", "one", search, 3, maximize=False)


def bowl(_: Any, parameters: Any) -> float:
    return float(parameters["x"] ** 2 + parameters["n"] / 64)


def trials_of(one: Study) -> list[Any]:
    return [(told(trial)["parameters"], trial.value) for trial in one.finished()]


def test_a_search_that_was_cut_off_goes_on_with_the_same_trials(tmp_path: Path) -> None:
    for name in ("whole", "cut"):
        tmp_path.joinpath(name).mkdir()
    whole = study(tmp_path / "whole")
    for _ in range(9):
        whole.run_one(bowl, {})
    before = study(tmp_path / "cut")
    for _ in range(5):
        before.run_one(bowl, {})
    before._study.ask()
    file = tmp_path / "cut" / "search.journal"
    file.write_bytes(file.read_bytes() + b'{"half a li')
    file.with_name("search.journal.lock").touch()

    mended(file)
    after = study(tmp_path / "cut")
    after.settle()
    assert len(after.finished()) == 5, "the one that was cut off does not count"
    for _ in range(4):
        after.run_one(bowl, {})

    assert trials_of(after) == trials_of(whole)
    best = after.best()
    assert best is not None
    assert best.value == min(value for _, value in trials_of(whole))


def test_a_trial_that_is_worse_than_most_is_cut_off(tmp_path: Path) -> None:
    found = study(tmp_path)

    def trained(trial: Any, parameters: Any) -> float:
        for step in range(5):
            found.heard(trial, step, 100.0 if len(found.finished()) == 6 else 1.0)
        return 1.0

    told_of = [found.run_one(trained, {}) for _ in range(7)]

    assert [one["state"] for one in told_of] == ["complete"] * 6 + ["pruned"]
    assert told_of[-1]["steps"] == 1

"""Back-tests: windows never see what came after them, and the champion is compared only where that is fair."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ml.workshop import NOON

from wellkept.ml.evidence import COMPARED, SEEN, UNKNOWN
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.train.fitting import matrix_of_inputs
from wellkept.ml.train.judging.backtest import Rival, backtest, windows
from wellkept.ml.train.split import seconds_of

REQUEST: dict[str, Any] = {
    "task": "binary_classification", "features": ["risk"], "embargo_s": 0.0, "group_by": None,
    "gates": [{"backtest": "roc_auc", "windows": 4}], "label": "label",
}  # fmt: skip


def rows(count: int, minutes: float = 1.0) -> pa.Table:
    """A row each so many minutes; what is risky happens."""
    random = np.random.default_rng(2)
    risk = random.random(count)
    return pa.table(
        {
            "time": pa.array(
                [NOON + timedelta(minutes=minutes * n) for n in range(count)], pa.timestamp("us", tz="UTC")
            ),
            "risk": risk,
            "card": [f"card {n % 7}" for n in range(count)],
            "label": (random.random(count) < risk).astype(float),
        }
    )


class Learner:
    """Stands for a project's training: remembers what it was given, and answers with the risk."""

    def __init__(self) -> None:
        self.seen: list[pa.Table] = []

    def refit(self, table: pa.Table) -> Any:
        self.seen.append(table)
        return self.score

    def score(self, rows: Matrix) -> Scores:
        return rows[:, 0].copy()


def test_every_window_is_foretold_from_the_rows_before_it_alone() -> None:
    learner, before = Learner(), rows(400)

    found = backtest(before, "label", REQUEST, learner.refit, None)

    assert [one["rows"] for one in found] == [50, 50, 50, 50]
    assert [table.num_rows for table in learner.seen] == [200, 250, 300, 350]
    for table, window in zip(learner.seen, found, strict=True):
        assert seconds_of(table).max() < window["start"]
    assert found[-1]["end"] == seconds_of(before).max()
    assert all(one["low"] <= one["value"] <= one["high"] for one in found)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 300), st.integers(2, 12), st.sampled_from([0.0, 600.0, 3600.0, 1e6]))
def test_windows_follow_one_another_and_keep_the_labels_delay(count: int, asked: int, embargo_s: float) -> None:
    found = list(windows(rows(count), {**REQUEST, "embargo_s": embargo_s}, asked))

    assert len(found) <= asked
    ends = [0.0]
    for older, window in found:
        assert older.num_rows >= 20
        assert window.num_rows >= 20
        second = seconds_of(window)
        assert second.min() > ends[-1]
        assert seconds_of(older).max() <= second.min() - embargo_s or embargo_s == 0.0
        ends.append(float(second.max()))


def test_what_is_grouped_by_is_on_one_side_of_every_window() -> None:
    table = rows(600).filter(pa.array([n % 7 != 3 or n < 500 for n in range(600)]))

    for older, window in windows(table, {**REQUEST, "group_by": "card"}, 4):
        assert not set(older["card"].to_pylist()) & set(window["card"].to_pylist())


def test_windows_of_a_forecast_are_horizons() -> None:
    days = [NOON + timedelta(days=n // 3) for n in range(90)]
    table = pa.table(
        {"item": ["a", "b", "c"] * 30, "time": pa.array(days, pa.timestamp("us", tz="UTC")), "n": range(90)}
    )

    found = list(windows(table, {"task": "forecasting", "horizon": 5, "season": 7}, 4))

    assert [(older.num_rows, window.num_rows) for older, window in found] == [(30, 15), (45, 15), (60, 15), (75, 15)]
    assert found[-1][1]["n"].to_pylist() == list(range(75, 90))


def test_a_forecast_with_few_moments_has_few_windows() -> None:
    days = pa.array([NOON + timedelta(days=n) for n in range(20)], pa.timestamp("us", tz="UTC"))
    found = list(
        windows(pa.table({"item": ["a"] * 20, "time": days}), {"task": "forecasting", "horizon": 5, "season": 7}, 4)
    )

    assert [window.num_rows for _, window in found] == [5, 5]


def test_windows_of_a_ranking_peel_off_each_users_last_choices() -> None:
    moments = pa.array([NOON + timedelta(minutes=n) for n in range(60)], pa.timestamp("us", tz="UTC"))
    table = pa.table({"user": [n % 3 for n in range(60)], "item": list(range(60)), "time": moments})
    request = {"task": "ranking", "user": "user", "item": "item", "ranking_held_out": 0.25}

    found = list(windows(table, request, 3))

    sizes = [(older.num_rows, window.num_rows) for older, window in found]
    assert [sum(pair) for pair in sizes[1:]] == [older for older, _ in sizes[:0]] + [sum(pair) for pair in sizes[1:]]
    assert sizes[-1] == (45, 15)
    assert max(found[0][1]["item"].to_pylist()) < max(found[-1][1]["item"].to_pylist())


def champion(folder: Path, until: float | None) -> Rival:
    folder.joinpath("manifest.json").write_text(json.dumps({"inputs": ["risk"], "trained_until": until}))
    found = Rival.of(Learner(), str(folder))
    assert found is not None
    return found


def test_a_champion_is_compared_on_windows_that_it_has_not_seen(tmp_path: Path) -> None:
    before = rows(400)
    until = (NOON + timedelta(minutes=299.5)).timestamp()

    found = backtest(before, "label", REQUEST, Learner().refit, champion(tmp_path, until))

    assert [one["champion_is"] for one in found] == [SEEN, SEEN, COMPARED, COMPARED]
    assert [one["champion"] for one in found[:2]] == [None, None]
    assert found[-1]["champion"] == found[-1]["value"], "it says the same"
    assert (found[-1]["difference_low"], found[-1]["difference_high"]) == (0.0, 0.0)


def test_a_champion_of_whom_nobody_knows_the_end_of_training_is_not_compared(tmp_path: Path) -> None:
    found = backtest(rows(400), "label", REQUEST, Learner().refit, champion(tmp_path, None))
    timeless = backtest(rows(400).drop_columns(["time"]), "label", REQUEST, Learner().refit, champion(tmp_path, 1.0))

    assert {one["champion_is"] for one in (*found, *timeless)} == {UNKNOWN}
    assert timeless[0]["start"] is None


def test_a_champion_with_an_input_that_the_rows_have_no_more_is_not_compared(tmp_path: Path) -> None:
    rival = champion(tmp_path, 1.0)

    found = backtest(rows(400), "label", REQUEST, Learner().refit, Rival(rival.scorer, ["gone"], 1.0))

    assert {one["champion_is"] for one in found} == {UNKNOWN}


def test_without_a_gate_nothing_is_trained_again() -> None:
    learner = Learner()

    assert backtest(rows(400), "label", {**REQUEST, "gates": []}, learner.refit, None) == []
    assert learner.seen == []


def test_windows_of_one_class_say_that_the_metric_means_nothing() -> None:
    table = rows(400).drop_columns(["label"]).append_column("label", pa.array(np.zeros(400)))

    found = backtest(table, "label", REQUEST, Learner().refit, None)

    assert all(np.isnan(one["value"]) for one in found)


@pytest.mark.parametrize("task", ["multiclass_classification", "regression"])
def test_other_tasks_of_rows_are_back_tested_too(task: str) -> None:
    name = {"multiclass_classification": "accuracy", "regression": "mae"}[task]
    request = {**REQUEST, "task": task, "gates": [{"backtest": name, "windows": 3}]}
    learner = Learner()

    found = backtest(rows(300), "label", request, learner.refit, None)

    assert len(found) == 3
    newest = rows(300).slice(250)
    truth, said = newest["label"].to_numpy(), matrix_of_inputs(newest, ["risk"])[:, 0]
    expected = np.abs(truth - said).mean() if name == "mae" else (truth == said).mean()
    assert found[-1]["value"] == pytest.approx(float(expected))

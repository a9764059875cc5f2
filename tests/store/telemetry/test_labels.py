"""How labels arrive: counts of the store equal those of the rows themselves."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from tests.store.telemetry.scenes import at

from wellkept.ml.estimate.cohorts import Frame, ages_for, count_rows, gather
from wellkept.ml.estimate.reading import _counted
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.labels import Asked
from wellkept.store.telemetry.predictions import LABELS, PREDICTIONS
from wellkept.store.telemetry.telemetry import Telemetry

NUMBERS = ("binary_classification", "multiclass_classification", "regression")
KINDS = dict(zip(NUMBERS, ("positive", "class", "number"), strict=True))


def store(telemetry: Telemetry, when: np.ndarray, score: np.ndarray, label: np.ndarray, known: np.ndarray) -> None:
    ids = [str(k) for k in range(len(when))]
    columns = {"id": ids, "time": [at(s) for s in when], "model": ["m"] * len(ids), "version": ["v"] * len(ids)}
    schema = PREDICTIONS.empty_table().select(["id", "time", "model", "version", "score"]).schema
    telemetry.predictions.write(pa.table({**columns, "score": score}, schema=schema))
    has = np.isfinite(label)
    of_labels = {
        "prediction_id": [ids[k] for k in np.flatnonzero(has)],
        "model": ["m"] * int(has.sum()),
        "time": [at(s) for s in known[has]],
        "value": label[has],
    }
    telemetry.labels.write(pa.table(of_labels, schema=LABELS))


@pytest.mark.parametrize("task", NUMBERS)
def test_counts_of_the_store_are_those_of_the_rows(telemetry: Telemetry, task: str) -> None:
    random = np.random.default_rng(NUMBERS.index(task))
    count = 400
    when = np.round(random.uniform(0, 999, count), 3)
    is_class = task == "multiclass_classification"
    score = random.integers(0, 4, count).astype(float) if is_class else random.random(count)
    label = random.integers(0, 4, count).astype(float) if is_class else np.round(random.random(count), 3)
    label = np.where(random.random(count) < 0.3, np.nan, label)
    if task == "binary_classification":
        label = np.where(np.isfinite(label), (label > 0.5).astype(float), np.nan)
    known = np.round(when + random.exponential(150, count), 3)
    store(telemetry, when, score, label, known)
    store(telemetry, when, score, label, known)
    grid, now = Grid.of(at(0), at(1000), 100), at(1000)
    ages = ages_for(200, 100)
    edges = np.empty(0) if is_class else np.array([0.2, 0.5, 0.9])
    asked = Asked("m", "v", grid, ages.tolist(), KINDS[task], 50, now)
    found = telemetry.arrivals.arrivals(asked, edges.tolist(), 1)
    frame = Frame(grid.times - 100, 100, ages, edges, task, now.timestamp(), 4)
    noon = at(0).timestamp()
    wanted = gather(count_rows(when + noon, score, label, known + noon, frame), frame)
    ours = gather(_counted(found), frame)
    for name in ("made", "sums", "arrived", "losses"):
        assert np.allclose(getattr(ours.own, name), getattr(wanted.own, name)), name
        assert np.allclose(getattr(ours.live, name), getattr(ours.own, name)), name
    assert ours.own.made.sum() == count


def test_answers_that_were_only_tried_are_told_apart_and_judged_by_the_truth_of_the_one_given(
    telemetry: Telemetry,
) -> None:
    rows = [("a", "v", ""), ("b", "old", ""), ("c", "v", "b"), ("d", "other", "b")]
    columns = PREDICTIONS.empty_table().select(["id", "time", "model", "version", "score", "attributes"]).schema
    made = [
        {"id": id_, "time": at(10), "model": "m", "version": version, "score": 0.5,
         "attributes": [("shadow_of", shadow)] if shadow else []}
        for id_, version, shadow in rows
    ]  # fmt: skip
    telemetry.predictions.write(pa.Table.from_pylist(made, schema=columns))
    label = {"prediction_id": "b", "model": "m", "time": at(50), "value": 1.0}
    telemetry.labels.write(pa.Table.from_pylist([label], schema=LABELS))
    asked = Asked("m", "v", Grid.of(at(0), at(100), 100), [100.0, math.inf], "positive", 2, at(100))
    found = telemetry.arrivals.arrivals(asked, [0.3], 1).to_pylist()
    assert [(row["kind"], row["place"], row["age"], row["rows"]) for row in found] == [
        (0, 1, 0, 1),
        (1, 1, -1, 1),
        (2, 1, 0, 1),
    ]
    before = Asked("m", "v", asked.grid, asked.ages, "positive", 2, at(50))
    assert {row["age"] for row in telemetry.arrivals.arrivals(before, [0.3], 1).to_pylist()} == {-1}


def test_many_rows_are_sampled_by_their_ids(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wellkept.store.telemetry.labels.MOST_ROWS", 100)
    count = 1000
    when = np.linspace(0, 99, count)
    store(telemetry, when, np.full(count, 0.5), np.ones(count), when + 1)
    grid = Grid.of(at(0), at(100) + timedelta(0), 100)
    one_in = telemetry.arrivals.share_of("m", grid)
    assert one_in >= 10
    asked = Asked("m", "v", grid, [10.0, math.inf], "positive", 2, at(1000))
    rows = telemetry.arrivals.arrivals(asked, [0.3], one_in)
    assert 0.5 * count / one_in < sum(rows["rows"].to_pylist()) < 1.6 * count / one_in
    assert set(rows["age"].to_pylist()) == {0}
    drawn = telemetry.arrivals.scores(asked, 1, limit=50)
    assert drawn.num_rows == 50
    assert all(drawn["positive"].to_pylist())

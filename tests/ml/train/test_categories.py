"""Training on inputs that are categories: what goes with the version, what it is tried on, and which champion."""

from __future__ import annotations

import textwrap
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.ml.workshop import NOON

from wellkept.kernel.errors import InputError
from wellkept.ml.contract import parse_contract
from wellkept.ml.reference import FILE, parse_reference
from wellkept.ml.train.judging.asked import UNSEEN
from wellkept.ml.train.stage import training_request
from wellkept.ml.train.worker import work

pytestmark = pytest.mark.usefixtures("workers_world")
CONTRACT = """
name: churn
task: binary_classification
owner: customer care
inputs: [{name: tenure}, {name: plan, type: category}, {name: city, type: category, nullable: true}]
slices: [plan]
metrics: {primary: roc_auc}
gates:
  - {invariant: city}
  - {shifted_drop: 0.5, kinds: [noise, scaled_up, stuck]}
  - {alone_at_most: 0.9}
  - {backtest: roc_auc, windows: 2, at_least: 0.5}
"""
TRAIN = """
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

def train(frame):
    rows = frame.select(["tenure", "plan", "city"]).to_pandas()
    one_hot = OneHotEncoder(handle_unknown="ignore")
    encoded = make_column_transformer((one_hot, ["plan", "city"]), remainder="passthrough")
    return make_pipeline(encoded, LogisticRegression()).fit(rows, frame["label"].to_numpy())
"""
COUNT = 400


def frame(**columns: Any) -> pa.Table:
    """A row a minute up to noon: those of the plan 'monthly' leave, the city tells nothing."""
    random = np.random.default_rng(8)
    plan = random.choice(["monthly", "two years", "yearly"], COUNT)
    label = np.where(random.random(COUNT) < 0.9, plan == "monthly", plan != "monthly")
    found = {
        "time": pa.array([NOON - timedelta(minutes=COUNT - n) for n in range(COUNT)], pa.timestamp("us", tz="UTC")),
        "tenure": pa.array(random.random(COUNT)),
        "plan": pa.array(plan, pa.string()),
        "city": pa.array(random.choice(["Bern", "Basel"], COUNT), pa.string()),
        "label": pa.array(label.astype(float)),
    }
    return pa.table({**found, **columns})


def trained(folder: Path, table: pa.Table, champion: Path | None = None, text: str = CONTRACT) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    folder.joinpath("model.py").write_text(textwrap.dedent(TRAIN), encoding="utf-8")
    pq.write_table(table, folder / "snapshot.parquet")
    return work(
        {
            "project": str(folder),
            "snapshot": str(folder / "snapshot.parquet"),
            **training_request(parse_contract(text)),
            "champion": str(champion) if champion else None,
            "out": str(folder / "model"),
            "scores": str(folder / "scores.parquet"),
        }
    )


def test_a_version_knows_its_categories_and_is_tried_with_others(tmp_path: Path) -> None:
    told = trained(tmp_path, frame())

    assert told["manifest"]["format"] == "onnx"
    assert told["manifest"]["categories"] == {"plan": ["monthly", "two years", "yearly"], "city": ["Basel", "Bern"]}
    asked = told["asked"]["rows"]
    assert {row[1] for row in asked} == {"monthly", "two years", "yearly", UNSEEN}
    assert {row[2] for row in asked} == {"Basel", "Bern", None}
    reference = parse_reference((tmp_path / "model" / FILE).read_bytes())
    assert reference["plan"].categories == ("monthly", "two years", "yearly")
    assert sum(reference["plan"].counts) == told["trained_on"]
    assert (reference["plan"].importance or 0.0) > 0.9


def test_categories_are_moved_as_such(tmp_path: Path) -> None:
    told = trained(tmp_path, frame())

    moved = {(one["input"], one["kind"]): one["value"] for one in told["shifts"]}
    assert sorted(kind for name, kind in moved if name == "plan") == ["noise", "stuck"]
    assert moved["plan", "stuck"] < moved["plan", "noise"] < told["shifts"][0]["whole"]
    change = told["changes"][0]
    assert change["rows"] > 0
    assert {change["example"]["to"], change["example"]["row"]["city"]} == {"Bern", "Basel"}
    assert change["example"]["row"]["plan"] in ("monthly", "two years", "yearly")
    assert told["alone"]["plan"] > 0.8
    assert told["alone"]["city"] < 0.65
    assert told["backtest"][0]["value"] > 0.8


def test_a_champion_sees_the_categories_that_it_knew(tmp_path: Path) -> None:
    before = frame()
    trained(tmp_path / "old", before)
    renamed = [f"a {plan}" if n < 50 else plan for n, plan in enumerate(before["plan"].to_pylist())]

    trained(tmp_path / "new", frame(plan=pa.array(renamed)), tmp_path / "old" / "model")

    scores = pq.read_table(tmp_path / "new" / "scores.parquet")
    np.testing.assert_allclose(
        scores["champion"].to_numpy(), pq.read_table(tmp_path / "old/scores.parquet")["challenger"]
    )


def test_a_category_is_no_number_to_a_champion(tmp_path: Path) -> None:
    trained(tmp_path / "old", frame())
    text = CONTRACT.replace("city, type: category, nullable: true", "city")
    numbers = frame(city=pa.array(np.arange(COUNT) / COUNT))

    with pytest.raises(InputError, match="input city: is a category to the champion and a number now"):
        trained(tmp_path / "new", numbers, tmp_path / "old" / "model", text)


def test_nulls_are_those_of_the_data(tmp_path: Path) -> None:
    cities = [None if n % 4 == 0 else "Bern" for n in range(COUNT)]

    told = trained(tmp_path, frame(city=pa.array(cities, pa.string())))

    assert told["null_shares"] == {"tenure": 0.0, "plan": 0.0, "city": pytest.approx(0.25)}
    assert told["manifest"]["format"] == "skops"  # nothing in ONNX is a missing text

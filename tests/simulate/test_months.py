"""Months of a small model on a real platform, from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from wellkept.cli.main import cli
from wellkept.kernel.errors import ConflictError, NotFoundError
from wellkept.simulate.examples import cleared, find_examples
from wellkept.simulate.kinds import EXAMPLES

HOLDS = """
import sys
from pathlib import Path
from wellkept.app.claim import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
SHOP = Path(__file__).parents[2] / "examples"
CONTRACT = """
name: tiny
task: binary_classification
owner: shop
entity_keys: [customer]
inputs: [{name: a}, {name: b}, {name: plan, type: category}]
label: {delay_s: 86400}
metrics: {primary: roc_auc}
monitors: {drift: {window_s: 172800, min_rows: 100}, performance: {window_s: 604800, min_labels: 200}}
retrain: {min_rows: 200, window_s: 2592000}
"""
MODEL = """
def load(window):
    raise AssertionError("in the simulated months the data are what the platform has stored")


def train(frame):
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    one_hot = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["plan"]), remainder="passthrough")
    rows = frame.select(["a", "b", "plan"]).to_pandas()
    return make_pipeline(one_hot, LogisticRegression()).fit(rows, frame["label"].to_numpy())
"""
WORLD = """
from datetime import timedelta

import numpy as np
import pyarrow as pa

HISTORY_DAYS = 14


def world(start, days, seed, change):
    random = np.random.default_rng(seed)
    count = 100 * days
    a, b = random.normal(size=(2, count))
    at = [start + timedelta(seconds=864 * row) for row in range(count)]
    plan = random.choice(["monthly", "two years", "yearly"], count, p=[0.5, 0.2, 0.3])
    label = (a + 4 * (plan == "monthly") + random.normal(size=count) > 2).astype(float)
    key = [f"c{row}" for row in range(count)]
    return pa.table({"time": at, "key": key, "a": a, "b": b, "plan": plan, "label": label})
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    for name, text in (("model.yaml", CONTRACT), ("model.py", MODEL), ("world.py", WORLD)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_month_without_traffic_is_silence_and_no_retraining(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wellkept.simulate.base.DAYS_A_MONTH", 10)
    folder = tmp_path / "months"
    asked = ["simulate", str(project), "--months", "1", "--fault", "no_traffic", "--folder", str(folder), "--json"]
    found = CliRunner().invoke(cli, asked)
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    told = json.loads(found.stdout)

    (tiny,) = told["examples"]
    assert tiny["found"]["kind"] == "missing_data"
    assert tiny["delay_days"] == 1
    assert tiny["retrained_on_days"] == []
    assert tiny["policies"]["weekly"]["retrainings"] == 1
    for policy in ("wellkept", "weekly"):
        assert 0.9 < tiny["policies"][policy]["performance"] < 0.99, "of the number alone it would be 0.65"
    assert found.exit_code == (0 if told["held"] else 1)
    assert "predictions_days" in (folder / "wellkept.yaml").read_text()


def test_every_example_has_a_world() -> None:
    for path in find_examples(EXAMPLES, SHOP):
        assert "HISTORY_DAYS" in (path / "world.py").read_text()


def test_an_example_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=rf"nobody.*{tmp_path}.*--examples FOLDER"):
        find_examples(["nobody"], tmp_path)


def test_a_folder_of_something_else_is_not_cleared(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConflictError, match="not of an earlier simulation"):
        cleared(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_a_folder_that_is_in_use_is_not_taken_away_from_under_its_simulation(tmp_path: Path) -> None:
    (tmp_path / "wellkept.yaml").write_text("data: x")
    (tmp_path / "projects").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path / "data")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ConflictError, match="in use by another simulation"):
            cleared(tmp_path)
        other.kill()
    assert (tmp_path / "projects").is_dir()
    assert list(cleared(tmp_path).iterdir()) == []

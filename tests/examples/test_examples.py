"""Every example goes from data to a served champion by one command, and keeps its contract on other rows too."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from tests.ml.workshop import NOON

from wellkept.ml.contract import read_project
from wellkept.ml.trial import try_project

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("churn", "demand", "fraud", "recommendations")
PATIENCE_S = 600


@pytest.mark.parametrize("name", NAMES)
def test_one_command_leads_to_a_served_champion(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "run.py"), name, "--json", "--folder", str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    assert done.returncode == 0, done.stderr + done.stdout + said_by(tmp_path / "data")
    found = json.loads(done.stdout)
    contract, _ = read_project(EXAMPLES / name)
    assert (found["model"], found["version"]) == (name, "1")
    assert contract.metrics.primary in found["metrics"]
    assert len(found["answers"]) == 3
    errors = (tmp_path / "data" / "server.log").read_text("utf-8").splitlines()
    assert [line for line in errors if " ERROR " in line or "it starts again" in line] == []


def said_by(server: Path) -> str:
    """What a platform and its processes have logged."""
    return "\n".join(f"{path.name}:\n{path.read_text('utf-8')}" for path in sorted(server.rglob("*.log")))


def prepared(name: str, project: Path, data: Path | None) -> None:
    """Have an example write its rows, as the command does."""
    shutil.copytree(EXAMPLES / name, project, ignore=shutil.ignore_patterns("__pycache__"))
    module(project / "prepare.py").prepare(project, data)


def module(file: Path) -> Any:
    specification = importlib.util.spec_from_file_location("prepare", file)
    assert specification is not None
    assert specification.loader is not None
    found = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(found)
    return found


def own_data(name: str, folder: Path) -> None:
    """Rows in the form that ``--data`` takes, made from another seed than the example's own."""
    source = module(EXAMPLES / name / "prepare.py")
    if name == "churn":
        pq.write_table(source.made_up(5, 3000), folder / "customers.parquet")
        return
    if name == "recommendations":
        table = source.made_up(5, 300, 200).rename_columns(["user_id", "item_id", "time", "rating"])
        pq.write_table(table, folder / "ratings.parquet")
        return
    table = source.made_up(5, cards=200, terminals=270) if name == "fraud" else source.made_up(5)
    if name == "demand":
        days = table["time"].cast(pa.date32())
        columns = {"store": table["item"], "date": days, "visitors": table["label"].cast(pa.int32())}
        pq.write_table(pa.table(columns), folder / "visits.parquet")
        return
    columns = {
        "time": table["time"],
        "customer_id": table["card"],
        "terminal_id": table["terminal"],
        "amount_cents": (table["amount"].to_numpy() * 100).astype("int64"),
        "fraud": table["label"].cast(pa.int8()),
    }
    pq.write_table(pa.table(columns), folder / "transactions.parquet")


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_other_rows_is_taken_and_passes_the_same_gates(name: str, tmp_path: Path) -> None:
    own_data(name, tmp_path)
    prepared(name, tmp_path / "project", tmp_path)

    report = try_project(tmp_path / "project", NOON, 0)

    assert report.passed, report.text()


def test_a_folder_in_another_form_is_named_with_where_to_read_on(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "run.py"), "demand", "--data", str(tmp_path)]

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    own = {**os.environ, "TMPDIR": str(scratch)}
    done = subprocess.run(command, env=own, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    assert list(scratch.iterdir()) == []
    assert done.returncode == 1
    assert "visits.parquet: no such file; examples/demand/README.md says which rows" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_same_seed_makes_the_same_rows(tmp_path: Path) -> None:
    for name in NAMES:
        source = module(EXAMPLES / name / "prepare.py")
        assert source.made_up(5).equals(source.made_up(5)), name


def test_a_payment_knows_only_what_was_known_by_then() -> None:
    source = module(EXAMPLES / "fraud" / "prepare.py")
    table = source.made_up(5, cards=60, terminals=40, days=60)
    featured = source.with_features(table)
    second = table["time"].cast(pa.int64()).to_numpy() / 1e6
    for row in featured.slice(0, 30).to_pylist():
        now = row["time"].timestamp()
        mine = (table["card"].to_numpy() == row["card"]) & (second > now - 7 * 86_400) & (second <= now)
        assert row["card_count_7d"] == mine.sum()
        week = 7 * 86_400
        known = (table["terminal"].to_numpy() == row["terminal"]) & (second > now - 2 * week) & (second <= now - week)
        assert row["terminal_count_7d"] == known.sum()
        share = table["label"].to_numpy()[known].mean() if known.any() else 0.0
        assert row["terminal_risk_7d"] == pytest.approx(share)


@pytest.mark.parametrize("file", ["github-actions.yml", "gitlab-ci.yml"])
def test_a_workflow_is_a_document_whose_command_exists(file: str) -> None:
    text = (EXAMPLES / "ci" / file).read_text("utf-8")

    assert yaml.safe_load(text)
    options = set(re.findall(r"(?<![\w-])--[a-z]+", re.sub(r"--no-install-recommends", "", text)))
    assert options <= {"--junit", "--markdown"}
    assert "wellkept models check" in text

"""A new project works as it is: its own tests pass, and nothing of it had to be edited."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from wellkept.kernel.errors import ConflictError, InputError
from wellkept.ml.contract import read_project
from wellkept.ml.newproject import FILES, TASKS, contract_schema, new_project

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("task", TASKS)
def test_its_own_tests_pass(task: str, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    new_project(folder, "shop-2", task)

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


@pytest.mark.parametrize("task", TASKS)
def test_it_has_its_name_its_files_and_a_right_contract(task: str, tmp_path: Path) -> None:
    files = new_project(tmp_path / "p", "shop", task)

    assert {file.name for file in files} == {*FILES, "history.parquet"}
    contract, text = read_project(tmp_path / "p")
    assert contract.name == "shop"
    assert "NAME:" not in text
    assert "shopSPACE" not in text, "a placeholder is a word of its own"
    assert "wellkept models promote shop" in (tmp_path / "p" / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["Shop", "", "9shop", "shop/../x", "a" * 64, "shop name"])
def test_a_name_that_breaks_the_rule_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name: must be lower-case letters"):
        new_project(tmp_path / "p", name, "regression")

    assert not (tmp_path / "p").exists()


def test_a_task_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="task: must be one of classification, regression, forecasting, ranking"):
        new_project(tmp_path / "p", "shop", "clustering")


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    tmp_path.joinpath("model.py").write_text("mine", encoding="utf-8")

    with pytest.raises(ConflictError, match="must be new or empty"):
        new_project(tmp_path, "shop", "regression")

    assert tmp_path.joinpath("model.py").read_text("utf-8") == "mine"


def test_the_schema_is_a_document_that_names_every_field_of_every_template() -> None:
    schema = json.loads(json.dumps(contract_schema()))

    assert schema["additionalProperties"] is False
    templates = ROOT / "src" / "wellkept" / "ml" / "train" / "templates"
    for task in TASKS:
        document = yaml.safe_load((templates / task / "model.yaml").read_text("utf-8"))
        assert document.keys() <= schema["properties"].keys()
        assert set(schema["required"]) <= document.keys()

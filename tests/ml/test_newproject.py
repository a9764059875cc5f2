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


TESTED = """
import contextlib, io, json, os, sys
import pytest

for folder in sys.argv[1:]:
    os.chdir(folder)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = pytest.main(["-q", "-p", "no:cacheprovider", folder])
    sys.modules.pop("test_model")  # the next project's has the same name
    print(json.dumps([int(code), said.getvalue()]))
"""


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """How pytest ends over a project of each task and what it says, in one process: it loads the libraries once."""
    folders = {task: tmp_path_factory.mktemp(task) / "shop" for task in TASKS}
    for task, folder in folders.items():
        new_project(folder, "shop-2", task)
    command = [sys.executable, "-c", TESTED, *map(str, folders.values())]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(zip(folders, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("task", TASKS)
def test_its_own_tests_pass(task: str, tested: dict[str, tuple[int, str]]) -> None:
    code, said = tested[task]

    assert code == 0, said
    assert "2 passed" in said


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

"""The commands that need no server: begin a project, check it, print the contract's schema."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.cli.conftest import Program


def test_a_new_project_passes_its_check_and_leaves_reports(alone: Program, tmp_path: Path) -> None:
    begun = alone("models", "new", "shop", "--task", "ranking")
    assert begun.code == 0, begun.err
    assert "wellkept models train shop" in begun.out

    reports = ["--junit", "out/check.xml", "--markdown", "out/check.md"]
    done = alone("models", "check", "shop", "--json", *reports)

    assert done.code == 0, done.out + done.err
    found = json.loads(done.out)
    assert (found["ok"], found["model"], found["task"]) == (True, "shop", "ranking")
    suite = ET.parse(tmp_path / "out" / "check.xml").find("testsuite")
    assert suite is not None
    assert suite.attrib["failures"] == "0"
    assert "check passed" in (tmp_path / "out" / "check.md").read_text("utf-8")


def test_a_project_that_fails_ends_with_1_and_says_why(alone: Program, tmp_path: Path) -> None:
    tmp_path.joinpath("model.yaml").write_text("name: shop\ntask: juggling\n", encoding="utf-8")
    tmp_path.joinpath("model.py").touch()

    done = alone("models", "check", str(tmp_path), "--junit", str(tmp_path / "check.xml"))

    assert done.code == 1
    assert "task: input should be" in " ".join(done.out.split())
    suite = ET.parse(tmp_path / "check.xml").find("testsuite")
    assert suite is not None
    assert int(suite.attrib["failures"]) >= 3


def test_a_folder_that_is_not_empty_is_left_alone(alone: Program, tmp_path: Path) -> None:
    tmp_path.joinpath("notes.txt").touch()

    done = alone("models", "new", "shop", "--task", "regression", "--folder", str(tmp_path))

    assert done.code == 5
    assert "must be new or empty" in done.err


def test_the_schema_is_one_document(alone: Program) -> None:
    assert alone("models", "schema").document["title"] == "Wellkept model contract"

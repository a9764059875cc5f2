"""The commands that need no server: begin a project, check it, print the contract's schema."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.app.running import wellkept


def test_a_new_project_passes_its_check_and_leaves_reports(tmp_path: Path) -> None:
    begun = wellkept("models", "new", "shop", "--task", "ranking", cwd=tmp_path)
    assert begun.returncode == 0, begun.stderr
    assert "wellkept models train shop" in begun.stdout

    reports = ["--junit", "out/check.xml", "--markdown", "out/check.md"]
    done = wellkept("models", "check", "shop", "--json", *reports, cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["ok"], found["model"], found["task"]) == (True, "shop", "ranking")
    suite = ET.parse(tmp_path / "out" / "check.xml").find("testsuite")
    assert suite is not None
    assert suite.attrib["failures"] == "0"
    assert "check passed" in (tmp_path / "out" / "check.md").read_text("utf-8")


def test_a_project_that_fails_ends_with_1_and_says_why(tmp_path: Path) -> None:
    tmp_path.joinpath("model.yaml").write_text("name: shop\ntask: juggling\n", encoding="utf-8")
    tmp_path.joinpath("model.py").touch()

    done = wellkept("models", "check", str(tmp_path), "--junit", str(tmp_path / "check.xml"))

    assert done.returncode == 1
    assert "task: input should be" in " ".join(done.stdout.split())
    suite = ET.parse(tmp_path / "check.xml").find("testsuite")
    assert suite is not None
    assert int(suite.attrib["failures"]) >= 3


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    tmp_path.joinpath("notes.txt").touch()

    done = wellkept("models", "new", "shop", "--task", "regression", "--folder", str(tmp_path))

    assert done.returncode == 5
    assert "must be new or empty" in done.stderr


def test_the_schema_is_one_document() -> None:
    done = wellkept("models", "schema")

    assert json.loads(done.stdout)["title"] == "Wellkept model contract"

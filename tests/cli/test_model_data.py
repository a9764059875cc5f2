"""``wellkept models data``: what a project would be trained on, without a server."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Program
from tests.ml.data.test_snapshot import project

SPAN = ("--start", "2026-02-19T12:00:00", "--end", "2026-03-01T12:00:00")


def test_the_data_of_a_project_are_shown_with_what_breaks_its_contract(alone: Program, tmp_path: Path) -> None:
    project(tmp_path / "good")
    good = alone("models", "data", "good", *SPAN)

    assert good.code == 0, good.out + good.err
    said = " ".join(good.out.split())
    assert "risk: known for 2 of 3 rows" in said
    assert "fraud: 2 rows" in said
    assert "snapshot sha256:" in said

    project(tmp_path / "bad", amounts=(-1.0, 2.0, 3.0))
    bad = alone("models", "data", "bad", *SPAN, "--json")

    assert bad.code == 1, bad.err
    found = json.loads(bad.out)
    assert [one["sentence"] for one in found["report"]["checks"] if not one["passed"]] == [
        "min 0: 1 of 2 rows break it, such as -1.0"
    ]

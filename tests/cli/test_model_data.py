"""``wellkept models data``: what a project would be trained on, without a server."""

from __future__ import annotations

import json
from pathlib import Path

from tests.app.running import wellkept
from tests.ml.data.test_snapshot import project

SPAN = ("--start", "2026-02-19T12:00:00", "--end", "2026-03-01T12:00:00")


def test_the_data_of_a_project_are_shown_with_what_breaks_its_contract(tmp_path: Path) -> None:
    project(tmp_path / "good")
    good = wellkept("models", "data", "good", *SPAN, cwd=tmp_path)

    assert good.returncode == 0, good.stdout + good.stderr
    said = " ".join(good.stdout.split())
    assert "risk: known for 2 of 3 rows" in said
    assert "fraud: 2 rows" in said
    assert "snapshot sha256:" in said

    project(tmp_path / "bad", amounts=(-1.0, 2.0, 3.0))
    bad = wellkept("models", "data", "bad", *SPAN, "--json", cwd=tmp_path)

    assert bad.returncode == 1, bad.stderr
    found = json.loads(bad.stdout)
    assert [one["sentence"] for one in found["report"]["checks"] if not one["passed"]] == [
        "min 0: 1 of 2 rows break it, such as -1.0"
    ]

"""The examples of the page about rules are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wellkept.ops.detect.rules.incidents import load_incidents
from wellkept.ops.detect.rules.loading import load_text

PAGE = Path(__file__).parents[4] / "docs" / "rules.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", [text for text in EXAMPLES if text.startswith(("rules:", "slos:"))])
def test_examples_are_right(text: str) -> None:
    loaded = load_text(text, "the page")
    assert loaded.rules + len(loaded.slos) >= 3


def test_the_example_of_incidents_is_right(tmp_path: Path) -> None:
    (text,) = [text for text in EXAMPLES if text.startswith("incidents:")]
    file = tmp_path / "incidents.yaml"
    file.write_text(text, "utf-8")
    assert [incident.title for incident in load_incidents(file)] == ["the database was full"]

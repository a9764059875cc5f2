"""Grouping rules in files: every mistake named with its line, read again when a file changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from tests.ops.correlate.noise.scenes import NOON, matchers

from wellkept.kernel.errors import DocumentError, NotFoundError
from wellkept.kernel.grouping import GroupRule, Require
from wellkept.ops.correlate.rules.document import RuleFiles, RuleText, load_rules, read_rules, text_of

RULE = GroupRule("shop", matchers('team="shop"'), ("cluster",), 900, Require(findings=3, share=0.6), comment="why")


def test_what_is_written_is_read_again() -> None:
    text = yaml.safe_dump({"groupings": [text_of(RULE)]})
    assert load_rules(text, "x") == (RULE,)
    assert RuleText.model_validate(text_of(RULE)).rule() == RULE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("groupings:\n  - name: a b\n    match: [x=y]", "line 2: groupings.0.name"),
        ("groupings:\n  - name: a\n    match: ['x=~\"(\"']", "must have a regular expression of RE2"),
        ("groupings:\n  - name: a\n    match: ['x!=\"y\"']", "nearly everything would be meant"),
        (
            "groupings:\n  - name: a\n    match: [x=y]\n    windows: 5",
            "line 4: groupings.0.windows: is not a known field",
        ),
        ("groupings:\n  - name: a\n    match: [x=y]\n    window_s: 0", "line 4: groupings.0.window_s"),
        ("groupings:\n  - name: a\n    match: [x=y]\n    require: {share: 2}", "line 4: groupings.0.require.share"),
        ("groupings:\n  - {name: a, match: [x=y]}\n  - {name: a, match: [x=y]}", "must have names that are unique"),
        (
            "groupings:\n  - {name: a, match: [x=y], against: [x=z], require: {findings: 2}}",
            "must be empty where against says what is kept apart",
        ),
    ],
)
def test_each_mistake_is_named(text: str, said: str) -> None:
    with pytest.raises(DocumentError) as raised:
        load_rules(text, "rules.yaml")
    assert said in str(raised.value)


def test_several_mistakes_are_named_at_once() -> None:
    with pytest.raises(DocumentError) as raised:
        load_rules("groupings:\n  - {name: '', match: []}\n  - {name: b, match: [x]}", "rules.yaml")
    assert len(raised.value.problems) == 3


def test_files_are_read_again_when_they_change(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    files = RuleFiles([tmp_path])
    assert not files.refresh()
    file.write_text("groupings: [{name: a, match: [x=y]}]")
    assert files.refresh()
    assert [(one.rule.name, one.source) for one in files.stored(NOON)] == [("a", str(file))]
    assert not files.refresh()
    file.write_text("groupings: [{name: a}]")
    os.utime(file, (1, 1))
    assert files.refresh()
    assert "groupings.0.match: is required" in files.mistakes[str(file)]
    assert [one.rule.name for one in files.stored(NOON)] == ["a"], "what it held before still counts"
    file.unlink()
    assert files.refresh()
    assert (files.stored(NOON), files.mistakes) == ([], {})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_rules(tmp_path / "none.yaml")
    files = RuleFiles([tmp_path / "none.yaml"])
    assert files.refresh()
    assert "is not there" in files.mistakes[str(tmp_path / "none.yaml")]

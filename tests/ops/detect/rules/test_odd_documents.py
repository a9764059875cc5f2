"""Documents as people really have them are taken, and those that would do harm are refused as any other mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.kernel.errors import DocumentError
from wellkept.ops.detect.rules.functions import FUNCTIONS, formatted, shown
from wellkept.ops.detect.rules.loading import files_of, load_text

RULE = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up == 0\n"


@pytest.mark.parametrize(
    "text",
    [
        f"# Made by a program.\n---\n{RULE}",
        f"\ufeff{RULE}",
        RULE.replace("\n", "\r\n"),
        f"{RULE}    for:\n    labels:\n    annotations:\n",
        RULE.replace("groups", '"groups"'),
        '{"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "up == 0"}]}]}',
        '# One line.\n---\n{\n  "groups": [{"name": "g",\n"rules": [{"alert": "A", "expr": "up == 0"}]}]}',
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, labels: {a: b}}\nspec:\n"
        + RULE.replace("groups", "  groups").replace("\n", "\n  ").rstrip()
        + "\n",
        (
            '{"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule",'
            ' "spec": {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "up == 0"}]}]}}'
        ),
        "{rules: [{name: A, expr: up == 0}]}",
    ],
)
def test_what_programs_and_editors_add_does_no_harm(text: str) -> None:
    loaded = load_text(text, "file")
    assert [rule.name for group in loaded.groups for rule in group.rules] == ["A"]


def resource(group: str, expr: str = "up == 0") -> str:
    rule = f"- alert: A{group}\n      expr: {expr}\n"
    head = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n"
    return f"{head}  groups:\n  - name: {group}\n    rules:\n    {rule}"


def test_resources_of_one_file_are_read_together_and_mistakes_stand_where_they_are() -> None:
    loaded = load_text(f"{resource('a')}---\n{resource('b')}", "file")
    assert [(g.name, r.name, r.line) for g in loaded.groups for r in g.rules] == [("a", "Aa", 7), ("b", "Ab", 16)]
    with pytest.raises(DocumentError, match="must have groups of different names in one file; a is there already"):
        load_text(f"{resource('a')}---\n{resource('a')}", "file")
    with pytest.raises(DocumentError, match=r"line 17: spec\.groups\.0\.rules\.0\.expr: must be PromQL"):
        load_text(f"{resource('a')}---\n{resource('b', 'up ==')}", "file")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{groups: [", "is not YAML"),
        ('{"some": "thing"}', "must have groups"),
        (resource("a").replace("coreos", "other"), "must be monitoring.coreos.com/v1"),
    ],
)
def test_what_is_wrong_with_a_flow_mapping_or_a_resource_is_told(text: str, said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        load_text(text, "file")


@pytest.mark.parametrize("text", ["groups:\n", "groups:\n- name: g\n  rules:\n"])
def test_a_file_may_hold_no_rule(text: str) -> None:
    assert load_text(text, "file").rules == 0


@pytest.mark.parametrize(
    "text",
    [
        f"{RULE}    annotations:\n      a: '{'{{if 1}}' * 900}'\n",
        f"{RULE}    annotations:\n      a: '{{{{if 1}}}}{'{{else if 1}}' * 500}{{{{end}}}}'\n",
        f"{RULE}    for: {'9' * 400}y\n",
        RULE.replace("  rules", "  labels: {a: '{{ x'}\n  rules"),
        "slos:\n- {name: x, service: s, objective: 99%, window: 100y, sli: {availability: true}}\n",
        "slos:\n- {name: x, service: s, objective: 100%, sli: {availability: true}}\n",
    ],
)
def test_what_would_do_harm_is_a_mistake(text: str) -> None:
    with pytest.raises(DocumentError):
        load_text(text, "file")


def test_a_label_of_an_objective_is_no_template() -> None:
    text = "slos:\n- {name: x, service: s, objective: 99%, labels: {a: '{{'}, sli: {availability: true}}\n"
    (slo,) = load_text(text, "file").slos
    assert dict(slo.labels) == {"a": "{{"}


def test_hidden_copies_are_no_rule_files(tmp_path: Path) -> None:
    for name in ("..2026_01_01/a.yaml", "deep/b.yml", ".a.yaml", "a.yaml", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(RULE, "utf-8")
    found = [file.relative_to(tmp_path).as_posix() for file in files_of([tmp_path])]
    assert found == ["a.yaml", "deep/b.yml"]


VALUES = st.one_of(st.floats(), st.text(max_size=8), st.dictionaries(st.text(max_size=3), st.text(max_size=3)))


@settings(deadline=None)
@given(name=st.sampled_from(sorted(FUNCTIONS)), values=st.lists(VALUES, min_size=3, max_size=3))
def test_a_function_of_a_template_never_fails(name: str, values: list[object]) -> None:
    function, least, most = FUNCTIONS[name]
    for count in range(max(least, 1), min(most, 3) + 1):
        shown(function(*values[:count]))


def test_a_number_is_not_written_wider_than_anybody_reads() -> None:
    assert len(formatted("%999999999d", 1.0)) < 100
    assert formatted("%d", float("nan")) == "%!d(NaN)"

"""Unit tests of rules, in promtool's format, on an empty store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wellkept.app.rules import unit_tests
from wellkept.kernel.errors import DocumentError
from wellkept.ops.detect.rules.unit.notation import labels_in, series_of, values_of

RULES = """
groups:
  - name: a
    rules:
      - {record: "job:up:sum", expr: sum by (job) (up)}
      - alert: InstanceDown
        expr: up == 0
        for: 5m
        keep_firing_for: 3m
        labels: {severity: page}
        annotations: {summary: "Instance {{ $labels.instance }} down"}
      - {alert: FewUp, expr: 'job:up:sum < 2 and rate(reqs_total[5m]) > 0'}
"""
ASKING = """
groups:
  - name: a
    rules:
      - {record: twice, expr: up * 2}
      - alert: Down
        expr: up == 0
        annotations: {summary: '{{ range query "twice > 0" }}{{ .Labels.instance }} is {{ .Value }}{{ end }}'}
"""
ASKED = """
rule_files: [rules.yaml]
tests:
  - input_series: [{series: 'up{instance="a"}', values: 0x5}, {series: 'up{instance="b"}', values: 1+1x5}]
    alert_rule_test:
      - eval_time: 3m
        alertname: Down
        exp_alerts: [{exp_labels: {instance: a}, exp_annotations: {summary: b is 8}}]
"""
TESTS = """
rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - name: down
    interval: 1m
    input_series:
      - {series: 'up{job="p", instance="a"}', values: '0x10 1 1 1 1 1 1'}
      - {series: 'up{job="n", instance="b"}', values: '1+0x6 0x10'}
      - {series: 'reqs_total{job="p"}', values: '0+10x20'}
    alert_rule_test:
      - {eval_time: 4m, alertname: InstanceDown}
      - eval_time: 12m
        alertname: InstanceDown
        exp_alerts:
          - exp_labels: {severity: page, instance: a, job: p}
            exp_annotations: {summary: Instance a down}
          - exp_labels: {severity: page, instance: b, job: n}
            exp_annotations: {summary: Instance b down}
      - {eval_time: 8m, alertname: FewUp, exp_alerts: [{exp_labels: {job: p}}]}
    promql_expr_test:
      - expr: job:up:sum
        eval_time: 8m
        exp_samples: [{labels: 'job:up:sum{job="p"}', value: 0}, {labels: 'job:up:sum{job="n"}', value: 0}]
      - expr: ALERTS{alertstate="pending"}
        eval_time: 3m
        exp_samples:
          - labels: 'ALERTS{alertname="InstanceDown", alertstate="pending", instance="a", job="p", severity="page"}'
            value: 1
      - {expr: time(), eval_time: 3m, exp_samples: [{value: 180}]}
      - {expr: 'rate(reqs_total[5m])', eval_time: 10m, exp_samples: [{labels: '{job="p"}', value: 0.16666666666666666}]}
"""


def write(folder: Path, tests: str = TESTS, rules: str = RULES) -> Path:
    (folder / "rules.yaml").write_text(rules, "utf-8")
    file = folder / "tests.yaml"
    file.write_text(tests, "utf-8")
    return file


def test_what_promtool_passes_passes(tmp_path: Path) -> None:
    outcomes = unit_tests(write(tmp_path))
    assert [(one.what, one.problem) for one in outcomes if one.problem] == []
    assert len(outcomes) == 7


def test_annotations_ask_for_other_series_of_the_test(tmp_path: Path) -> None:
    assert [one.problem for one in unit_tests(write(tmp_path, ASKED, ASKING))] == [""]


def test_what_fails_says_what_was_expected_and_what_came(tmp_path: Path) -> None:
    wrong = TESTS.replace("{eval_time: 4m, alertname: InstanceDown}", "{eval_time: 6m, alertname: InstanceDown}")
    wrong = wrong.replace("value: 180", "value: 181")
    problems = {one.line: one.problem for one in unit_tests(write(tmp_path, wrong)) if one.problem}
    assert problems == {
        12: 'expected no alert; got {instance="a", job="p", severity="page"} with summary: \'Instance a down\'',
        30: "expected {} 181; got {} 180",
    }


def test_a_rule_that_cannot_be_evaluated_fails_its_world(tmp_path: Path) -> None:
    clash = RULES + "      - {alert: Clash, expr: up + on () group_left () up}\n"
    (outcome,) = unit_tests(write(tmp_path, rules=clash))
    assert outcome.what == "down"
    assert "many" in outcome.problem or "match" in outcome.problem


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("values: '0+10x20'", "values: '0+10y20'", "line 10: tests.0.input_series.2.values: must be made of items"),
        ("values: '0+10x20'", "values: '{{schema:1}}'", "native histograms are not supported"),
        ("values: '0+10x20'", "values: '0x999999999'", "must have at most 100000 values"),
        ("series: 'reqs_total{", 'series: \'reqs_total{a=~"b", ', "must name each label by = alone"),
        ("expr: time()", "expr: tame()", "must be PromQL"),
        ("eval_time: 4m", "eval_tame: 4m", "is not a known field"),
        ("evaluation_interval: 1m", "evaluation_interval: 0s", "must be more than 0s"),
    ],
)
def test_mistakes_in_tests_are_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in TESTS
    with pytest.raises(DocumentError, match=words.replace("(", r"\(")):
        unit_tests(write(tmp_path, TESTS.replace(old, new)))


def test_values_are_written_short() -> None:
    values, present, ended = values_of("1 2+3x2 5-1x1 4x2 _ _x2 stale NaN -Inf 1e3")
    assert np.array_equal(values[present], [1, 2, 5, 8, 5, 4, 4, 4, 4, np.nan, -np.inf, 1000], equal_nan=True)
    assert (~present & ~ended).sum() == 3
    assert ended.sum() == 1


def test_series_are_written_as_promql_writes_them() -> None:
    assert series_of("up{job=\"a\", instance='b'}") == (("__name__", "up"), ("instance", "b"), ("job", "a"))
    assert labels_in("{}") == ()
    assert labels_in('{job="a"}') == (("job", "a"),)

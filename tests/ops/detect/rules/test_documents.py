"""Documents: what is right is read, and every mistake is named with its line. One fixture a mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wellkept.kernel.errors import DocumentError
from wellkept.kernel.finding import Severity
from wellkept.ops.detect.rules.base import Expression, Threshold
from wellkept.ops.detect.rules.durations import seconds_of
from wellkept.ops.detect.rules.loading import RuleFiles, load_file, load_text

MISTAKES = Path(__file__).parent / "mistakes"
OWN = """
rules:
  - {name: Slow, metric: span.duration.p95, above: 0.5, where: {service: checkout}, for: 5m, severity: error}
  - name: Low
    expr: up < 1
    every: 15s
    labels: {code: 7, yes: true}
"""
GROUPS = """
groups:
  - name: shop
    interval: 30s
    limit: 5
    query_offset: 1m
    labels: {team: shop, tier: a}
    rules:
      - {record: "job:up:sum", expr: sum by (job) (up), labels: {tier: b}}
      - alert: Down
        expr: up == 0
        for: 1h30m
        keep_firing_for: 5m
        labels: {severity: page}
        annotations: {summary: "{{ $labels.instance }} is down"}
"""


@pytest.mark.parametrize("file", sorted(MISTAKES.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_mistake_is_named_with_its_line(file: Path) -> None:
    expected = re.findall(r"^# expect: (.*)$", file.read_text("utf-8"), re.MULTILINE)
    with pytest.raises(DocumentError) as caught:
        load_file(file)
    assert [str(problem) for problem in caught.value.problems] == expected


def test_every_kind_of_document_has_mistakes_here() -> None:
    assert {file.stem.split("_")[0] for file in MISTAKES.glob("*.yaml")} == {
        "prometheus",
        "own",
        "slo",
        "openslo",
        "any",
    }


def test_rules_of_ours_are_grouped_by_their_rhythm() -> None:
    loaded = load_text(OWN, "own.yaml")
    minute, quarter = loaded.groups
    assert (minute.every_s, quarter.every_s) == (60.0, 15.0)
    (slow,) = minute.rules
    assert slow.question == Threshold("span.duration.p95", 0.5, is_above=True, where={"service": "checkout"})
    assert (slow.for_s, slow.severity, slow.line) == (300.0, Severity.ERROR, 3)
    (low,) = quarter.rules
    assert {name: template.text for name, template in low.labels.items()} == {"code": "7", "yes": "true"}


def test_a_rule_file_of_prometheus_is_read_as_it_is() -> None:
    (group,) = load_text(GROUPS, "shop.yaml").groups
    assert (group.name, group.every_s, group.limit, group.offset_s) == ("shop", 30.0, 5, 60.0)
    record, alert = group.rules
    assert (record.record, record.is_alert, record.line) == ("job:up:sum", False, 9)
    assert {name: template.text for name, template in record.labels.items()} == {"team": "shop", "tier": "b"}
    assert alert.question == Expression("up == 0")
    assert (alert.for_s, alert.keep_s, alert.line) == (5400.0, 300.0, 10)
    assert {name: template.text for name, template in alert.labels.items()} == {
        "team": "shop", "tier": "a", "severity": "page",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1d", 86_400.0),
        ("1w2d", 777_600.0),
        ("250ms", 0.25),
        ("0", 0.0),
        (0, 0.0),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "5m30", "1.5h", True, None, -1, "s5"])
def test_no_durations(text: object) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        seconds_of(text)


def test_files_are_read_again_and_the_last_good_one_counts(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    file = folder / "shop.yaml"
    file.write_text(GROUPS, "utf-8")
    files = RuleFiles([folder])
    assert files.refresh()
    assert not files.refresh(), "nothing changed"
    assert files.loaded.rules == 2

    file.write_text("groups: [{name: shop, rules: [{alert: X, expr: 'up =='}]}]", "utf-8")
    assert files.refresh()
    assert files.loaded.rules == 2, "the last good one"
    assert "must be PromQL" in files.mistakes[str(file)]

    file.write_text("groups: [{name: shop, rules: [{alert: X, expr: 'up == 0'}]}]", "utf-8")
    assert files.refresh()
    assert (files.loaded.rules, files.mistakes) == (1, {})

    file.unlink()
    assert files.refresh()
    assert files.loaded.rules == 0


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    files = RuleFiles([tmp_path / "nowhere.yaml"])
    assert files.refresh()
    assert "cannot be read" in files.mistakes[str(tmp_path / "nowhere.yaml")]


def test_objectives_have_names_of_their_own_across_files(tmp_path: Path) -> None:
    slo = "slos: [{name: a, service: s, objective: 0.99, sli: {availability: true}}]"
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text(slo, "utf-8")
    files = RuleFiles([tmp_path])
    files.refresh()
    assert len(files.loaded.slos) == 1
    assert "must have another name" in files.mistakes[str(tmp_path / "two.yaml")]


def test_labels_are_what_is_written() -> None:
    text = "rules: [{name: a, metric: b, above: 1e3, labels: {version: 1.10, hex: 0x5, on: yes, day: 2026-01-01}}]"
    ((rule,),) = (group.rules for group in load_text(text, "x").groups)
    assert {name: template.text for name, template in rule.labels.items()} == {
        "version": "1.10", "hex": "0x5", "on": "yes", "day": "2026-01-01",
    }  # fmt: skip
    assert rule.question == Threshold("b", 1000.0, is_above=True)

"""``wellkept rules`` and ``wellkept replay --rules``: offline, and against a server without rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.app import outage
from tests.cli.conftest import Program

from wellkept.cli.main import cli
from wellkept.kernel.errors import DocumentError, InputError

RULES = """
rules:
  - {name: Low, metric: disk, above: 0.9, for: 5m}
slos:
  - {name: a, service: shop, objective: 99%, sli: {availability: true}}
"""
TESTS = """
rule_files: [prometheus.yaml]
tests:
  - input_series: [{series: up, values: 0x5}]
    alert_rule_test: [{eval_time: 3m, alertname: Down, exp_alerts: [{}]}]
"""
PROMETHEUS = "groups: [{name: a, rules: [{alert: Down, expr: up == 0, for: 2m}, {record: b, expr: sum(up)}]}]"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments])


def test_a_right_file_is_said_to_be_right(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES, "utf-8")
    assert run("rules", "check", str(file)).output == f"{file} is right: 1 alerting rule, 1 objective\n"
    assert json.loads(run("rules", "check", str(file), "--json").output) == {"ok": True, "problems": []}
    file.write_text(PROMETHEUS, "utf-8")
    assert "1 alerting rule, 1 recording rule" in run("rules", "check", str(file)).output


def test_what_stays_as_it_is_written_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.replace("5m}", "5m, annotations: {summary: '{{ $x := 1 }}'}}"), "utf-8")
    said = run("rules", "check", str(file)).output
    warning = (
        "Low: annotations.summary: stays as it is written: it sets a variable, which is not supported here: $x := 1"
    )
    assert said == f"line 3: {warning}\n{file} is right: 1 alerting rule, 1 objective\n"
    document = json.loads(run("rules", "check", str(file), "--json").output)
    assert (document["ok"], document["warnings"][0]["line"]) == (True, 3)


def test_every_mistake_of_a_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.replace("above", "abov"), "utf-8")
    done = run("rules", "check", str(file))
    assert isinstance(done.exception, DocumentError)
    assert "line 3: rules.0.abov: is not a known field" in str(done.exception)
    problems = json.loads(run("rules", "check", str(file), "--json").output)["problems"]
    assert problems[0]["line"] == 3


def test_several_files_and_folders_are_checked_at_once(tmp_path: Path) -> None:
    right, wrong, other = (tmp_path / name for name in ("a.yaml", "b.yaml", "c.yaml"))
    right.write_text(RULES, "utf-8")
    wrong.write_text(RULES.replace("above", "abov"), "utf-8")
    other.write_text(RULES.replace("99%", "99.9"), "utf-8")
    (tmp_path / "notes.txt").write_text("no rules", "utf-8")
    done = run("rules", "check", str(tmp_path))
    assert f"{right} is right" in done.output
    assert f"{wrong} has 2 mistakes" in done.output
    assert f"{other} has 1 mistake" in str(done.exception)
    done = run("rules", "check", str(other), str(right), "--json")
    (problem,) = json.loads(done.output)["problems"]
    assert (done.exit_code, problem["file"], problem["line"]) == (2, str(other), 5)


def test_unit_tests_pass_or_fail_with_what_came(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yaml").write_text(PROMETHEUS, "utf-8")
    file = tmp_path / "tests.yaml"
    file.write_text(TESTS, "utf-8")
    done = run("rules", "test", str(file))
    assert (done.exit_code, done.output) == (0, "1 of 1 tests passed\n")
    file.write_text(TESTS.replace("3m", "1m"), "utf-8")
    done = run("rules", "test", str(file))
    assert done.output == f"{file}, line 5: test 1: Down at 60 s\n  expected {{}}; got no alert\n0 of 1 tests passed\n"
    document = json.loads(run("rules", "test", str(file), "--json").output)
    assert (document["ok"], document["tests"][0]["problem"]) == (False, "expected {}; got no alert")


def test_rules_are_tried_over_a_recording(tmp_path: Path) -> None:
    recorded = outage.record(tmp_path / "outage")
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules: [{name: Any, metric: span.rate, above: 0, severity: error}]", "utf-8")
    incidents = tmp_path / "incidents.yaml"
    incidents.write_text(
        "incidents: [{title: the outage, start: 2000-01-01 00:00:00, entities: [service:other]}]", "utf-8"
    )
    done = run("replay", str(recorded), "--rules", str(rules), "--incidents", str(incidents), "--json")
    assert done.exit_code == 0, done.exception
    found = json.loads(done.output)
    assert found["now"] is None
    assert {page["rule"] for page in found["new"]["pages"]} == {"Any"}
    assert found["new"]["missed"] == 1
    said = run("replay", str(recorded), "--rules", str(rules), "--incidents", str(incidents)).output
    assert "0 of 1 known incidents found, 1 missed" in said
    assert "the outage" in said


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    assert isinstance(run("replay").exception, InputError)
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES, "utf-8")
    done = run("replay", str(tmp_path), "--rules", str(rules), "--since", "1h")
    assert "is for the server's stored history" in str(done.exception)


def test_a_server_without_rules_says_where_they_would_be_named(program: Program) -> None:
    assert "ops.rules in wellkept.yaml" in program("rules", "list").out
    assert "No objective" in program("rules", "slo").out
    assert program("rules", "list", "--json").document == {"rules": [], "mistakes": {}}


def test_rules_are_tried_over_what_a_server_has_stored(program: Program, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules: [{name: Ever, expr: vector(1), severity: error}]", "utf-8")
    said = program("replay", "--rules", str(rules), "--since", "1h").out
    assert "1 page (" in said
    assert "still fires" in said
    rules.write_text("rules: [{name: Ever, expr: vactor(1)}]", "utf-8")
    assert "must be PromQL" in program("replay", "--rules", str(rules)).err


@pytest.mark.parametrize(
    "lead", [(3700.0, "1.0 h before it began"), (-130.0, "2 min after it began"), (0.2, "as it began")]
)
def test_how_early_is_said_in_words(lead: tuple[float, str]) -> None:
    from wellkept.cli.backtest import early

    assert early(lead[0]) == lead[1]

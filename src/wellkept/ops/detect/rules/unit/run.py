"""Runs the unit tests of a file, and says of each that fails what was expected and what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wellkept.kernel.errors import WellkeptError
from wellkept.ops.detect.rules.answers import Answers
from wellkept.ops.detect.rules.base import ALERT_NAME, Group
from wellkept.ops.detect.rules.fields import Lines
from wellkept.ops.detect.rules.functions import number
from wellkept.ops.detect.rules.loading import files_of, load_file
from wellkept.ops.detect.rules.unit.document import AlertTest, ExpressionTest, GivenWorld, UnitTests
from wellkept.ops.detect.rules.unit.world import Found, World
from wellkept.spine.documents import load_document
from wellkept.store.telemetry.promql.values import NAME, Labels


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test: what it is about, where it stands, and what went wrong (empty: nothing)."""

    line: int
    what: str
    problem: str = ""


def run_tests(file: Path, answers: Answers) -> list[Outcome]:
    """Run every test of a file.

    Raises:
        NotFoundError: a rule file that it names is not there.
        DocumentError: the file, or a rule file, has mistakes.
    """
    text = file.read_text(encoding="utf-8")
    document = load_document(UnitTests, text, str(file), as_text=True)
    lines = Lines(text)
    groups = [group for found in _rule_files(file, document.rule_files) for group in load_file(found).groups]
    outcomes: list[Outcome] = []
    for index, given in enumerate(document.tests):
        outcomes += _run(given, index, lines, _Setting(answers, groups, document))
    return outcomes


@dataclass(frozen=True, slots=True)
class _Setting:
    answers: Answers
    groups: Sequence[Group]
    document: UnitTests


def _rule_files(file: Path, names: Sequence[str]) -> list[Path]:
    """The rule files, which are named from where the tests are; a name may be a pattern."""
    found: list[Path] = []
    for name in names:
        path = file.parent / name
        matches = sorted(file.parent.glob(name)) if any(sign in name for sign in "*?[") else [path]
        found += files_of(matches)
    return found


def _run(given: GivenWorld, index: int, lines: Lines, setting: _Setting) -> list[Outcome]:
    name = given.name or f"test {index + 1}"
    try:
        world = World(setting.answers, given, setting.groups, setting.document.evaluation_interval)
    except WellkeptError as error:
        return [Outcome(lines.of("tests", index), name, str(error))]
    outcomes = []
    for place, alert in enumerate(given.alert_rule_test):
        line = lines.of("tests", index, "alert_rule_test", place)
        what = f"{name}: {alert.alertname} at {alert.eval_time:g} s"
        outcomes.append(Outcome(line, what, _of_alerts(world, alert)))
    for place, test in enumerate(given.promql_expr_test):
        line = lines.of("tests", index, "promql_expr_test", place)
        what = f"{name}: {test.expr} at {test.eval_time:g} s"
        outcomes.append(Outcome(line, what, _of_samples(world, test, fuzzy=setting.document.fuzzy_compare)))
    return outcomes


def _of_alerts(world: World, test: AlertTest) -> str:
    expected, found = world.alerts(test)
    return "" if expected == found else f"expected {_alerts(expected)}; got {_alerts(found)}"


def _of_samples(world: World, test: ExpressionTest, *, fuzzy: bool) -> str:
    try:
        expected, found, same = world.samples(test, fuzzy=fuzzy)
    except WellkeptError as error:
        return str(error)
    return "" if same else f"expected {_samples(expected)}; got {_samples(found)}"


def _alerts(found: Found) -> str:
    told = [
        named(tuple(pair for pair in labels if pair[0] != ALERT_NAME))
        + (f" with {', '.join(f'{n}: {t!r}' for n, t in sorted(said.items()))}" if said else "")
        for labels, said in sorted(found.items())
    ]
    return " and ".join(told) or "no alert"


def _samples(found: Mapping[Labels, float]) -> str:
    return " and ".join(f"{named(labels)} {number(value)}" for labels, value in sorted(found.items())) or "no sample"


def named(labels: Labels) -> str:
    """A series as PromQL writes it."""
    inside = ", ".join(f'{name}="{value}"' for name, value in labels if name != NAME)
    return f"{dict(labels).get(NAME, '')}{{{inside}}}"

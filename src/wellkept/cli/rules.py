"""``wellkept rules``: what is on and how it stands, whether a file is right, and whether its unit tests pass."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import Problem

if TYPE_CHECKING:
    from wellkept.app.rules import Checked

_COLOURS = {"firing": "red", "pending": "yellow"}
_CELLS = 20


@click.group(name="rules")
def command() -> None:
    """Rules and objectives: thresholds, Prometheus rule files, SLOs. `wellkept replay --rules` tries them out."""


@command.command(name="list")
@click.option("--firing", is_flag=True, help="Only what is firing or pending.")
@data_option
@json_option
def list_rules(firing: bool, data: Path | None, as_json: bool) -> None:
    """What is on: each rule's state, when it was evaluated last, how long that took, and what went wrong."""
    answer = client(data).get("/api/v1/rules")
    rules = [rule for rule in answer["rules"] if not firing or rule["state"] in _COLOURS]
    if as_json:
        return say_json({**answer, "rules": rules})
    rows = [
        (
            rule["name"],
            rule["state"] or "records",
            rule["group"],
            _when(rule["evaluated_ms"]),
            f"{rule['took_s'] * 1000:.0f} ms",
            "; ".join(filter(None, (rule["error"], *rule["warnings"]))),
        )
        for rule in rules
    ]
    empty = (
        "No rule is on. ops.rules in wellkept.yaml names files and folders." if not answer["rules"] else "None fires."
    )
    say_table("Rules", ("rule", "state", "group", "evaluated", "took", "what is wrong"), rows, empty)
    for alert in (alert for rule in rules for alert in rule["alerts"]):
        click.secho(f"{alert['state']:8}", fg=_COLOURS.get(alert["state"]), nl=False)
        labels = ", ".join(f'{name}="{text}"' for name, text in sorted(alert["labels"].items()))
        value = "" if alert["value"] is None else f", value {_number(alert['value'])}"
        click.echo(f"{{{labels}}} since {_when(alert['since_ms'])}{value}")
    for mistakes in answer["mistakes"].values():
        click.secho(mistakes, fg="red", err=True)
    return None


@command.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@json_option
@click.pass_context
def check(context: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Name every mistake in FILES (ours, of Prometheus, of OpenSLO), with line, field, rule and value.

    Of a folder every file is checked that `ops.rules` would read of it. It needs no server.
    """
    from wellkept.app.rules import rules_checked

    checked = rules_checked(files)
    wrong = [found.error for found in checked if found.error is not None]
    if as_json:
        say_json(_all_told(checked))
        context.exit(wrong[0].exit_code if wrong else 0)
    for found in checked:
        if found.error is None:
            _say_right(found, f"{found.file}, " if len(checked) > 1 else "")
    for error in wrong[:-1]:
        click.secho(f"error: {error}", fg="red", err=True)
    if wrong:
        raise wrong[-1]


def _all_told(checked: Sequence[Checked]) -> dict[str, Any]:
    """What is wrong, and what is only worth a warning, each with its file."""
    problems: list[dict[str, Any]] = []
    warnings: list[dict[str, Any]] = []
    for found in checked:
        problems += [_of(found.file, problem) for problem in (found.error.problems if found.error else ())]
        warnings += [_of(found.file, problem) for problem in found.warnings]
    return {"ok": not problems, "problems": problems} | ({"warnings": warnings} if warnings else {})


def _of(file: Path, problem: Problem) -> dict[str, Any]:
    return {"file": str(file), **encode(problem)}


def _say_right(found: Checked, where: str) -> None:
    for warning in found.warnings:
        click.secho(f"{where}{warning}", fg="yellow", err=True)
    told = [(found.alerting, "alerting rule"), (found.recording, "recording rule"), (found.objectives, "objective")]
    counts = [f"{count} {kind}{'s' * (count != 1)}" for count, kind in told if count]
    click.secho(f"{found.file} is right: {', '.join(counts) or 'nothing in it'}", fg="green")


@command.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@click.pass_context
def test(context: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Run the unit tests of FILES (the format of promtool test rules). It needs no server."""
    from wellkept.app.rules import unit_tests

    found = {str(file): unit_tests(file) for file in files}
    failed = sum(bool(outcome.problem) for outcomes in found.values() for outcome in outcomes)
    if as_json:
        rows = [
            {"file": file, "line": one.line, "test": one.what, "ok": not one.problem, "problem": one.problem}
            for file, outcomes in found.items()
            for one in outcomes
        ]
        say_json({"ok": not failed, "tests": rows})
    else:
        for file, outcomes in found.items():
            for one in (one for one in outcomes if one.problem):
                click.secho(f"{file}, line {one.line}: {one.what}", fg="red")
                click.echo(f"  {one.problem}")
        count = sum(len(outcomes) for outcomes in found.values())
        click.secho(f"{count - failed} of {count} tests passed", fg="red" if failed else "green")
    if failed:
        context.exit(1)


@command.command()
@data_option
@json_option
def slo(data: Path | None, as_json: bool) -> None:
    """Objectives: what was promised, what is left of the error budget, and how fast it burns."""
    answer = client(data).get("/api/v1/slos")
    if as_json:
        return say_json(answer)
    rows = [
        (
            one["title"],
            f"{one['objective']:.6g} {one['window']}",
            _share(one.get("good_share")),
            _budget(one.get("remaining")),
            _rate(one.get("burn_rate")),
            one["state"],
            one["error"] or one.get("sentence", ""),
        )
        for one in answer["slos"]
    ]
    columns = ("objective", "promised", "kept", "budget left", "burns", "state", "in words")
    return say_table(
        "Objectives", columns, rows, "No objective. Files of ops.rules may hold slos, or OpenSLO documents."
    )


def _budget(left: float | None) -> str:
    """A bar and a share."""
    if left is None:
        return "?"
    full = round(max(0.0, min(1.0, left)) * _CELLS)
    return f"{'█' * full}{'░' * (_CELLS - full)} {left:.1%}"


def _rate(rate: float | None) -> str:
    return "?" if rate is None else f"{rate:.3g}x"


def _share(share: float | None) -> str:
    return "no data" if share is None else f"{share:.4%}"


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else str(value)


def _when(millis: int) -> str:
    return datetime.fromtimestamp(millis / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S") if millis else "never"

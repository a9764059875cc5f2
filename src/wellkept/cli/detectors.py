"""``wellkept detectors``: which detectors there are, what they do, and why they say what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.sdk.paths import path_of


@click.group(name="detectors")
def command() -> None:
    """Detectors: what they find, their parameters, their budget, and what feedback did to it."""


@command.command(name="list")
@data_option
@json_option
def list_detectors(data: Path | None, as_json: bool) -> None:
    """Every detector: whether it is on, what it finds, how much it said in the last day, and what a look costs."""
    answer = client(data).get("/api/v1/detectors")
    if as_json:
        return say_json(answer)
    rows = [_row(one) for one in answer["detectors"]]
    columns = ("detector", "on", "24 h", "open", "a look", "budget", "finds")
    say_table("Detectors", columns, rows, "The ops loop is switched off (ops.enabled), so nothing is detected.")
    return None


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    if not one["enabled"]:
        return (one["name"], "off", "", "", "", "", one["finds"])
    budget = one["budget_per_series_week"]
    return (
        one["name"],
        "failing" if one["failures"] and one["failures"] == one["looks"] else "on",
        str(one["findings_24h"]),
        str(one["open"]),
        f"{one['last_s'] * 1000:.0f} ms",
        "" if budget is None else f"{budget:g} a week",
        one["finds"],
    )


@command.command()
@click.argument("name")
@click.option("--series", default="", help="Thresholds of these series: a metric's name, an entity, or both.")
@data_option
@json_option
def explain(name: str, series: str, data: Path | None, as_json: bool) -> None:
    """What a detector does, with its parameters, what it is blind to, its last findings, and what feedback moved."""
    answer = client(data).get(path_of("/api/v1/detectors/{}", name), series=series)
    if as_json:
        return say_json(answer)
    one = answer["detector"]
    click.secho(f"{one['name']} {one['version']}", bold=True, nl=False)
    click.echo("" if one["enabled"] else "  switched off")
    for text in one["does"]:
        click.echo(f"\n{text}")
    if not one["enabled"]:
        return None
    if one["source"]:
        click.echo(f"\nSource: {one['source']}")
    click.echo("\nBlind spots")
    for text in one["blind_spots"]:
        click.echo(f"  {text}")
    click.echo()
    _parameters(one)
    _thresholds(one, series)
    _said(one)
    return None


def _parameters(one: dict[str, Any]) -> None:
    rows = [
        (p["set_at"], str(p["value"]), "" if p["value"] == p["usual"] else str(p["usual"]), p["meaning"])
        for p in one["parameters"]
    ]
    say_table(
        "Parameters", ("set at", "is", "usually", "meaning"), rows, "It has no parameters, and follows no settings."
    )


def _thresholds(one: dict[str, Any], series: str) -> None:
    budget = one["budget_per_series_week"]
    if budget is None:
        if series:
            click.echo("It has no thresholds a series; what was noise keeps its fingerprint back until it is stronger.")
        return
    click.echo(f"\nBudget: {budget:g} false findings a series and week; {one['findings_7d']} findings in the last week")
    rows = [
        (
            t["name"],
            t["entity"],
            f"{t['before_feedback']:.2f}",
            f"{t['after_feedback']:.2f}",
            f"{t['score']:.2f}" if t["known"] else "not known yet",
            "; ".join(f"{said['opinion']} by {said['by']} {when(said['at'])}" for said in t["feedback"]),
        )
        for t in one["thresholds"]
    ]
    columns = ("series", "of", "threshold before", "after feedback", "score now", "said")
    without = "No feedback moved a threshold. --series shows those of a series."
    if series:
        without = f"No series that is looked at matches {series!r}: a metric's name, an entity, or both."
    say_table("Thresholds", columns, rows, without)


def _said(one: dict[str, Any]) -> None:
    rows = [(f["id"], when(f["starts_at"]), when(f["ends_at"]) or "open", f["sentence"]) for f in one["findings"]]
    say_table("Last findings", ("id", "since", "until", "why"), rows, "It has found nothing in the last week.")
    told = [(said["opinion"], said["by"], when(said["at"]), said["signal"], said["entity"]) for said in one["feedback"]]
    if told:
        say_table("Feedback", ("opinion", "by", "at", "signal", "entity"), told, "")

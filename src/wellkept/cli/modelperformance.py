"""``wellkept models performance``: how good a live model is, by when its predictions were made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.sdk.paths import path_of

SHOWN = 40


@click.command()
@click.argument("model")
@data_option
@json_option
def performance(model: str, data: Path | None, as_json: bool) -> None:
    """Realised and estimated performance of MODEL, with what share of the labels has come.

    A cohort is the predictions of one stretch of time. What is estimated is told as it was estimated then.
    """
    told = client(data).get(path_of("/api/v1/models/{}/performance", model))["performance"]
    if as_json:
        return say_json(told)
    rows = [
        (
            when(one["start"]),
            f"{one['predictions']:,}",
            f"{one['share']:.0%}",
            "" if one["expected"] is None else f"{one['expected']:.0%}",
            _value(one),
            _value(one["estimate"]),
            one["estimate"]["reason"] or ("valid" if one["estimate"]["is_valid"] else ""),
        )
        for one in told["cohorts"][-SHOWN:]
        if one["predictions"]
    ]
    columns = ("from", "predictions", "labelled", "come by now", "realised", "estimated then", "the estimate was")
    title = f"{told['metric'].replace('_', ' ')} of {model}, version {told['version']}, as of {when(told['at'])}"
    say_table(title, columns, rows, "No predictions yet. Ask the model server, or send them to POST /v1/predictions.")
    if told["promised_coverage"] is not None:
        covered = [_covered(one) for one in told["intervals"][-SHOWN:]]
        title = f"truths inside the {told['promised_coverage']:.0%} intervals, by when they were answered"
        say_table(title, ("from", "labels", "inside", "width", "pinball loss"), covered, "No labelled intervals yet.")
    for line in _lines(told):
        click.echo(line)
    return None


def _lines(told: dict[str, Any]) -> list[str]:
    """What is promised, what is estimated now, how good estimates were, and where it is going."""
    lines = []
    if told["promised"] is not None:
        lines.append(f"promised {told['promised']:.3f}, floor {told['floor']:.3f}")
    now, record, trend = told["now"], told["record"], told["trend"]
    if now["value"] is not None:
        words = "valid" if now["is_valid"] else f"not to be believed: {now['reason']}"
        lines.append(f"newest {told['rows']:,} predictions: estimated {_value(now)}; {words}")
    elif now["reason"]:
        lines.append(f"newest {told['rows']:,} predictions: not estimated; {now['reason']}")
    if record["count"]:
        lines.append(f"{record['count']} estimates were checked: off by {record['mean_error']:.3f} on average")
    if trend is not None and trend["is_falling"] and trend["days"]:
        lines.append(f"at this pace ({trend['slope']:+.4f} a day) it meets its floor in {trend['days']:.1f} days")
    if told["sampled"] > 1:
        lines.append(f"one prediction of {told['sampled']} was looked at")
    return lines


def _covered(one: dict[str, Any]) -> tuple[str, ...]:
    inside = f"{one['coverage']:.0%} ({one['low']:.0%} to {one['high']:.0%})"
    return when(one["start"]), f"{one['labels']:,}", inside, f"{one['width']:.4g}", f"{one['pinball']:.4g}"


def _value(one: dict[str, Any]) -> str:
    if one["value"] is None:
        return ""
    return f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"

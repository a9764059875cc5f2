"""``wellkept models skew``: whether a live model is asked with what its training would have given it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.kernel.errors import TrainingError
from wellkept.sdk.paths import path_of

LOOK_EVERY_S = 0.3
COLORS = {"ok": "green", "skewed": "red", "unknown": "yellow"}


@click.command()
@click.argument("model")
@data_option
@json_option
@click.pass_context
def skew(context: click.Context, model: str, data: Path | None, as_json: bool) -> None:
    """Recompute a sample of what MODEL was asked, as it was known at the time, and compare.

    Exit code 0 when served and recomputed features are alike, 1 when they are not, or when nothing could be compared.
    """
    api = client(data)
    job = api.post(path_of("/api/v1/models/{}/skew", model), {})["job"]
    while job["state"] == "running":
        time.sleep(LOOK_EVERY_S)
        job = api.get(path_of("/api/v1/jobs/{}", job["id"]))["job"]
    if job["state"] != "done":
        raise TrainingError(f"skew check of {model} {job['state']}: {job['details'].get('error', '')}")
    report = job["details"]["report"]
    if as_json:
        say_json(report)
    else:
        _say(report)
    if report["verdict"] != "ok":
        context.exit(1)


def _say(report: dict[str, Any]) -> None:
    rows = [
        (
            one["feature"],
            one["source"],
            f"{one['differ']:,} of {one['rows']:,}",
            f"{one['share']:.2%}",
            "SKEWED" if one["share"] > report["limit"] else "ok",
            _worst(one["worst"]),
        )
        for one in report["features"]
    ]
    columns = ("feature", "source", "differ", "share", "result", "such as")
    title = f"{report['model']}: served beside recomputed, {when(report['start'])} to {when(report['end'])}"
    say_table(title, columns, rows, "Nothing could be compared: no answer of this version in the time told its key.")
    if report["without_key"]:
        click.echo(f"{report['without_key']:,} answers told no entity_key, and were left out.")
    words = {
        "ok": f"no more than {report['limit']:.2%} of {report['rows']:,} rows differ in any feature",
        "skewed": "the model is asked with other values than its training would give it",
        "unknown": "unknown: callers must send the entity_key with their requests",
    }
    click.secho(words[report["verdict"]], fg=COLORS[report["verdict"]])


def _worst(rows: list[dict[str, Any]]) -> str:
    shown = [f"{row['entity_key']}: {_number(row['served'])} served, {_number(row['recomputed'])}" for row in rows[:2]]
    return "; ".join(shown)


def _number(value: float | str | None) -> str:
    if isinstance(value, str):
        return value
    return "none" if value is None else f"{value:.6g}"

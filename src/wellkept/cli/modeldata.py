"""``wellkept models data``: what a project is trained on, looked at before anything is trained."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import json_option, say_json, say_table

MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])


@click.command(name="data")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--start", type=MOMENT, help="From when on (default: retrain.window_s before the end). UTC without a zone."
)
@click.option("--end", type=MOMENT, help="Until when (default: now).")
@click.option("--timeout", type=click.FloatRange(min=1), default=600.0, help="Seconds that loading may take.")
@json_option
@click.pass_context
def data(
    context: click.Context, folder: Path, start: datetime | None, end: datetime | None, timeout: float, as_json: bool
) -> None:
    """The data of the project in FOLDER: what was read and joined, each column, and what its contract says of them.

    Exit code 0 when the contract holds, 1 when it does not. Nothing is kept, and no server is needed.
    """
    from wellkept.app.modelprojects import look_at_project_data

    found = look_at_project_data(folder, timeout, _utc(start), _utc(end))
    if as_json:
        say_json(found)
    else:
        _say(found)
    if not found["ok"]:
        context.exit(1)


def _say(found: dict[str, Any]) -> None:
    sources = found.get("manifest", {}).get("sources", {})
    if sources:
        rows = [(name, told["connector"], f"{told['rows']:,}", _span(told)) for name, told in sources.items()]
        say_table("Sources", ("source", "connector", "rows", "of"), rows, "No source.")
    joined = found.get("manifest", {}).get("joined", {}).get("features", {})
    for name, told in joined.items():
        click.echo(f"  {name}: known for {told['matched']:,} of {told['rows']:,} rows")
    columns = ("column", "type", "without value", "distinct", "least", "greatest", "mean", "mask")
    keys = ("column", "type", "null_share", "distinct", "min", "max", "mean", "mask")
    cells = [tuple(_cell(key, one[key]) for key in keys) for one in found["profile"]]
    say_table(f"{found['model']}: {found['rows']:,} rows", columns, cells, "No column.")
    rules = found["report"]["checks"]
    marks = [(one["column"] or "rows", "ok" if one["passed"] else "BROKEN", one["sentence"]) for one in rules]
    say_table("Data contract", ("column", "result", "what was found"), marks, "No rules yet (data.checks).")
    for warning in found["report"]["warnings"]:
        click.secho(f"warning: {warning}", fg="yellow")
    if "digest" in found:
        click.echo(f"snapshot {found['digest']}")
    else:
        click.secho("the rows break their contract; nothing would be trained on them", fg="red")


def _span(told: dict[str, Any]) -> str:
    return f"{told['from'][:19]} to {told['to'][:19]}" if told.get("from") else ""


def _cell(key: str, value: Any) -> str:
    if value is None:
        return ""
    if key == "null_share":
        return f"{value:.1%}" if value else ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:26]


def _utc(moment: datetime | None) -> datetime | None:
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)

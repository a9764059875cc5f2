"""``wellkept logs``: search what was logged."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from wellkept.cli.export import Moment
from wellkept.cli.render import client, data_option, json_option, say_json, when

SEVERITIES = {"trace": 1, "debug": 5, "info": 9, "warning": 13, "error": 17, "fatal": 21}
_COLOURS = {"warning": "yellow", "error": "red", "fatal": "red"}


@click.command(name="logs")
@click.argument("text", required=False, default="")
@click.option("--since", type=Moment(), default="1h", show_default=True, help="From when on: 2h, or 2026-01-31T12:00.")
@click.option("--until", type=Moment(), default=None, help="Until when (default: now).")
@click.option("--entity", default="", help="Of this entity alone, such as service:shop/checkout.")
@click.option("--severity", type=click.Choice(list(SEVERITIES)), default=None, help="This severe, or more.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many records.")
@data_option
@json_option
def command(
    text: str, since: datetime, until: datetime | None, data: Path | None, as_json: bool, **chosen: Any
) -> None:
    """Find log records that hold every word of TEXT, in any case; the newest are at the end.

    Words in double quotes have to stand together.
    """
    answer = client(data).get(
        "/api/v1/telemetry/logs",
        text=text,
        start=since.isoformat(),
        end=until.isoformat() if until else None,
        entity=chosen["entity"],
        severity=SEVERITIES.get(chosen["severity"] or "", 0),
        limit=chosen["limit"],
    )
    if as_json:
        return say_json(answer)
    for record in reversed(answer["logs"]):
        _say(record)
    if not answer["logs"]:
        click.echo("Nothing was logged like that. --since 1d looks further back.")
    elif answer["next"]:
        click.echo(f"The newest {len(answer['logs'])}; --limit gives more, --until goes further back.", err=True)
    return None


def _say(record: dict[str, Any]) -> None:
    number = record["severity_number"]
    severity = max(
        (name for name, least in SEVERITIES.items() if least <= number), key=SEVERITIES.__getitem__, default=""
    )
    click.echo(f"{when(record['time'])}  {record['entity']}  ", nl=False)
    click.secho(f"{severity:7}  ", fg=_COLOURS.get(severity), nl=False)
    click.echo(record["body"])

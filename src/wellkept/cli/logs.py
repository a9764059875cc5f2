"""``wellkept logs``: search what was logged, and see which patterns it has."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from wellkept.cli.export import Moment
from wellkept.cli.render import client, data_option, json_option, say_json, when

SEVERITIES = {"trace": 1, "debug": 5, "info": 9, "warning": 13, "error": 17, "fatal": 21}
_COLOURS = {"warning": "yellow", "error": "red", "fatal": "red"}


class _Searching(click.Group):
    """A group whose first word is what is searched for, where it is none of its commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["search", *args]
        return super().parse_args(ctx, args)


@click.group(name="logs", cls=_Searching)
def command() -> None:
    """Search what was logged (`wellkept logs TEXT`), or list its patterns."""


@command.command(name="search")
@click.argument("text", required=False, default="")
@click.option("--since", type=Moment(), default="1h", show_default=True, help="From when on: 2h, or 2026-01-31T12:00.")
@click.option("--until", type=Moment(), default=None, help="Until when (default: now).")
@click.option("--entity", default="", help="Of this entity alone, such as service:shop/checkout.")
@click.option("--severity", type=click.Choice(list(SEVERITIES)), default=None, help="This severe, or more.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many records.")
@data_option
@json_option
def search(text: str, since: datetime, until: datetime | None, data: Path | None, as_json: bool, **chosen: Any) -> None:
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
    severity = _severity(record["severity_number"])
    click.echo(f"{when(record['time'])}  {record['entity']}  ", nl=False)
    click.secho(f"{severity:7}  ", fg=_COLOURS.get(severity), nl=False)
    click.echo(record["body"])


@command.command(name="patterns")
@click.option("--service", default="", help="Of this service alone.")
@click.option("--entity", default="", help="Of this entity alone, such as service:shop/checkout.")
@click.option("--since", type=Moment(), default="1h", show_default=True, help="From when on: 2h, or 2026-01-31T12:00.")
@click.option("--until", type=Moment(), default=None, help="Until when (default: now).")
@click.option("--severity", type=click.Choice(list(SEVERITIES)), default=None, help="With lines this severe, or more.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many patterns.")
@data_option
@json_option
def patterns(since: datetime, until: datetime | None, data: Path | None, as_json: bool, **chosen: Any) -> None:
    """The patterns of what was logged, the most frequent first, with names for what varies in them."""
    answer = client(data).get(
        "/api/v1/telemetry/patterns",
        start=since.isoformat(),
        end=until.isoformat() if until else None,
        service=chosen["service"],
        entity=chosen["entity"],
        severity=SEVERITIES.get(chosen["severity"] or "", 0),
        limit=chosen["limit"],
    )
    if as_json:
        return say_json(answer)
    for row in answer["patterns"]:
        click.echo(f"{row['lines']:>10}  ", nl=False)
        click.secho(f"{_severity(row['severity']):7}  ", fg=_COLOURS.get(_severity(row["severity"])), nl=False)
        click.echo(row["template"])
        where = ", ".join(row["services"] or row["entities"])
        click.echo(f"{'':21}{row['pattern']}  {where}  first {when(row['first_seen'])}, last {when(row['last_seen'])}")
    if not answer["patterns"]:
        click.echo("No patterns. Lines are counted some seconds after they came; --since 1d looks further back.")
    return None


def _severity(number: int) -> str:
    """The word for a severity number; empty where senders name none."""
    return max((name for name, least in SEVERITIES.items() if least <= number), key=SEVERITIES.__getitem__, default="")

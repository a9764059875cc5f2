"""``wellkept notify``: who is told of incidents, where one would go, and what became of each message."""

from __future__ import annotations

import getpass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.sdk.paths import path_of

API = "/api/v1/notifications"


@click.group(name="notify")
def command() -> None:
    """People who are told of incidents (`notify` of the configuration)."""


@command.command()
@data_option
@json_option
def receivers(data: Path | None, as_json: bool) -> None:
    """Every receiver, and how it is."""
    answer = client(data).get(f"{API}/receivers")
    if as_json:
        return say_json(answer)
    rows = [
        (
            one["name"],
            one["type"],
            one["state"],
            str(one["waiting"]),
            str(one["dead"]),
            when(one["last_success"]) or "never",
            one["problem"] or one["last_said"],
        )
        for one in answer["receivers"]
    ]
    columns = ("name", "channel", "state", "waiting", "given up", "last success", "trouble")
    say_table("Receivers", columns, rows, "Nobody is told of anything: notify.receivers of the configuration is empty.")
    return None


@command.command()
@click.option("--incident", default=None, help="Where this incident would go.")
@click.option("--about", multiple=True, metavar="NAME=VALUE", help="severity, entity, owner, tier, event, or a label.")
@click.option("--at", default=None, help="At this moment (RFC 3339), in place of now.")
@click.option("--explain", is_flag=True, help="Also every branch that was looked at, and why it took it or not.")
@data_option
@json_option
def routes(
    incident: str | None, about: tuple[str, ...], at: str | None, explain: bool, data: Path | None, as_json: bool
) -> None:
    """Which receivers an incident would reach, and why."""
    asked: dict[str, Any] = {"incident": incident, "about": dict(_pair(one) for one in about), "at": _moment(at)}
    answer = client(data).post(f"{API}/explain", asked)
    if as_json:
        return say_json(answer)
    if explain:
        steps = [(one["route"], "takes it" if one["taken"] else "passes it on", one["why"]) for one in answer["steps"]]
        say_table("Branches", ("route", "what it does", "why"), steps, "There are no branches: all goes to the top.")
    rows = [
        (one["receiver"], one["route"], one["escalation"], f"{one['group_wait_s']:g} s", f"{one['repeat_s']:g} s")
        for one in answer["receivers"]
    ]
    say_table("Receivers", ("receiver", "route", "escalation", "waits", "repeats"), rows, "Nobody would be told.")
    return None


@command.command()
@click.argument("name")
@data_option
def test(name: str, data: Path | None) -> None:
    """Send a test message to receiver NAME, and say how that went."""
    path = path_of("/api/v1/notifications/receivers/{}/test", name)
    told = client(data).post(path, {"by": getpass.getuser()})["delivery"]
    click.echo(f"{name}: {told['outcome']} ({told['said']})")
    if told["outcome"] != "delivered":
        click.get_current_context().exit(1)


@command.command()
@click.option("--receiver", default=None, help="To this one alone.")
@click.option("--incident", default=None, help="Of this incident alone.")
@click.option("--outcome", type=click.Choice(["delivered", "failed", "dead", "dropped"]), default=None)
@click.option("--limit", type=click.IntRange(1, 1000), default=50)
@data_option
@json_option
def deliveries(
    receiver: str | None, incident: str | None, outcome: str | None, limit: int, data: Path | None, as_json: bool
) -> None:
    """Attempts to deliver, newest first."""
    subject = f"incident:{incident}" if incident else None
    answer = client(data).get(f"{API}/deliveries", receiver=receiver, subject=subject, outcome=outcome, limit=limit)
    if as_json:
        return say_json(answer)
    rows = [
        (
            when(one["at"]),
            one["receiver"],
            one["subject"],
            one["what"],
            one["outcome"] + (" (again: its end was not known)" if one["is_repeated"] else ""),
            one["said"],
        )
        for one in answer["deliveries"]
    ]
    columns = ("when", "receiver", "about", "what", "outcome", "said")
    say_table("Deliveries", columns, rows, "Nobody was to be told of anything yet.")
    return None


@command.command()
@data_option
@json_option
def dead(data: Path | None, as_json: bool) -> None:
    """What was given up and is still true; `retry` tries it again."""
    answer = client(data).get(f"{API}/dead")
    if as_json:
        return say_json(answer)
    rows = [
        (one["id"], one["receiver"], one["wanted"]["title"], when(one["failing_since"]), one["said"])
        for one in answer["notifications"]
    ]
    say_table("Given up", ("id", "receiver", "about", "since", "why"), rows, "Nothing was given up.")
    return None


@command.command()
@click.argument("notification")
@data_option
def retry(notification: str, data: Path | None) -> None:
    """Try notification ID once more after it was given up."""
    path = path_of("/api/v1/notifications/{}/retry", notification)
    told = client(data).post(path, {"by": getpass.getuser()})["notification"]
    click.echo(f"{told['receiver']} is told of {told['subject']} again")


@command.command(name="retry-all")
@click.argument("receiver")
@data_option
def retry_all(receiver: str, data: Path | None) -> None:
    """Try all once more that RECEIVER was to be told of and that was given up."""
    path = path_of("/api/v1/notifications/receivers/{}/retry", receiver)
    count = client(data).post(path, {"by": getpass.getuser()})["notifications"]
    click.echo(f"{receiver} is told again of {count} thing{'' if count == 1 else 's'} that had been given up")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise click.BadParameter(f"must be NAME=VALUE, got {text!r}", param_hint="--about")
    return name, value


def _moment(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"must be a moment such as 2026-11-24T12:00:00Z, got {text!r}") from error
    return found.astimezone().isoformat()

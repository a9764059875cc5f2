"""``wellkept tickets``: the tickets of incidents, here and in others' systems."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.sdk.paths import path_of


@click.group(name="tickets")
def command() -> None:
    """Tickets of incidents, here and in other systems (`tickets.trackers` of the configuration)."""


@command.command(name="list")
@click.option("--tracker", help="Only those of this tracker; `wellkept` is for those here.")
@click.option("--state", help="Only waiting, open, closed_there, closed, left or dead ones.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@data_option
@json_option
def list_tickets(tracker: str | None, state: str | None, limit: int, data: Path | None, as_json: bool) -> None:
    """List tickets, newest first."""
    asked = {"tracker": tracker, "state": state}
    chosen = {name: value for name, value in asked.items() if value is not None}
    answer = client(data).get("/api/v1/tickets", limit=limit, **chosen)
    return say_json(answer) if as_json else _table(answer["tickets"])


@command.command()
@data_option
@json_option
def trackers(data: Path | None, as_json: bool) -> None:
    """List the systems, and how that goes."""
    answer = client(data).get("/api/v1/tickets/trackers")
    if as_json:
        return say_json(answer)
    rows = [
        (
            one["name"],
            one["kind"],
            one["url"],
            one["project"],
            ", ".join(f"{count} {state}" for state, count in sorted(one["tickets"].items())) or "none yet",
            when(one["resting_until"]) if one["resting_until"] else "",
        )
        for one in answer["trackers"]
    ]
    columns = ("name", "kind", "url", "project", "tickets", "left alone until")
    return say_table("Trackers", columns, rows, "None; tickets are kept here alone. See docs/tickets.md.")


@command.command()
@click.argument("name")
@data_option
@json_option
def show(name: str, data: Path | None, as_json: bool) -> None:
    """Show the tickets of an incident; NAME is its id, or the number of any of its tickets."""
    answer = client(data).get(path_of("/api/v1/tickets/{}", name))
    if as_json:
        return say_json(answer)
    _table(answer["tickets"])
    for one in answer["tickets"]:
        if one["url"]:
            click.echo(f"{one['number']}: {one['url']}")
    calls = [
        (when(call["at"]), one["tracker"], call["method"], call["path"], call["status"] or "none", call["said"])
        for one in answer["tickets"]
        for call in one["calls"]
    ]
    columns = ("at", "tracker", "method", "path", "answer", "said")
    return say_table("Requests", columns, calls, "No request was made.")


@command.command()
@click.argument("incident")
@click.argument("tracker")
@data_option
def retry(incident: str, tracker: str, data: Path | None) -> None:
    """Work on the ticket of INCIDENT in TRACKER again, also where it was given up."""
    path = path_of("/api/v1/tickets/{}/{}/retry", incident, tracker)
    told = client(data).post(path, {"by": getpass.getuser()})["ticket"]
    click.echo(f"the ticket of {told['incident']} in {told['tracker']} is looked at again")


@command.command(name="retry-all")
@click.argument("tracker")
@data_option
def retry_all(tracker: str, data: Path | None) -> None:
    """Work on every ticket of TRACKER again that was given up, or failed and waits: after an outage."""
    path = path_of("/api/v1/tickets/trackers/{}/retry", tracker)
    count = client(data).post(path, {"by": getpass.getuser()})["tickets"]
    click.echo(
        f"{count} ticket{'' if count == 1 else 's'} in {tracker} {'is' if count == 1 else 'are'} looked at again"
    )


@command.command()
@click.argument("incident")
@click.option("--why", required=True, help="Why it is over.")
@data_option
def close(incident: str, why: str, data: Path | None) -> None:
    """Say that INCIDENT is over though that is not proven; its tickets are closed."""
    client(data).post(path_of("/api/v1/tickets/{}/close", incident), {"by": getpass.getuser(), "why": why})
    click.echo(f"the tickets of {incident} will be closed")


@command.command()
@click.argument("tracker")
@data_option
def test(tracker: str, data: Path | None) -> None:
    """Ask TRACKER whether it can be reached with what is configured. Nothing is changed there."""
    path = path_of("/api/v1/tickets/trackers/{}/test", tracker)
    click.echo(client(data).post(path, {"by": getpass.getuser()})["said"])


def _table(tickets: list[dict[str, Any]]) -> None:
    rows = [
        (one["number"] or "not yet", one["tracker"], one["incident"], one["state"], one["person"], one["reason"])
        for one in tickets
    ]
    columns = ("number", "where", "incident", "state", "assigned to", "why")
    say_table("Tickets", columns, rows, "There is no ticket yet.")

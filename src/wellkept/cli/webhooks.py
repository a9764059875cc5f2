"""``wellkept webhooks``: who is told of events, what became of each delivery, and secrets for both sides."""

from __future__ import annotations

import getpass
import secrets
from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.kernel.webhooks import secret_of
from wellkept.sdk.paths import path_of

KEY_BYTES = 32


@click.group(name="webhooks")
def command() -> None:
    """Signed events to other systems (`webhooks.send` of the configuration)."""


@command.command(name="list")
@data_option
@json_option
def list_endpoints(data: Path | None, as_json: bool) -> None:
    """Every endpoint, what it is told of, and how that goes."""
    answer = client(data).get("/api/v1/webhooks")
    if as_json:
        return say_json(answer)
    rows = [
        (one["name"], one["url"], ", ".join(one["events"]), _counted(one["deliveries"]), one["problem"] or "can sign")
        for one in answer["endpoints"]
    ]
    empty = "Nobody is told of anything: webhooks.send of the configuration names nobody."
    say_table("Webhooks", ("name", "url", "events", "deliveries", "secret"), rows, empty)
    return None


@command.command()
@click.argument("name")
@data_option
def test(name: str, data: Path | None) -> None:
    """Send the event webhook.test to endpoint NAME."""
    told = client(data).post(path_of("/api/v1/webhooks/{}/test", name), {"by": getpass.getuser()})
    click.echo(f"event {told['event']} is on its way; `wellkept webhooks deliveries` shows what became of it")


@command.command()
@click.option("--endpoint", default=None, help="Of this one alone.")
@click.option("--state", type=click.Choice(["waiting", "delivered", "dead"]), default=None)
@click.option("--limit", type=click.IntRange(1, 1000), default=50)
@data_option
@json_option
def deliveries(endpoint: str | None, state: str | None, limit: int, data: Path | None, as_json: bool) -> None:
    """Deliveries, newest first, with how the last attempt went."""
    answer = client(data).get("/api/v1/webhooks/deliveries", endpoint=endpoint, state=state, limit=limit)
    if as_json:
        return say_json(answer)
    rows = [
        (
            str(one["number"]),
            one["endpoint"],
            one["type"],
            one["subject"],
            one["state"],
            str(one["attempts"]),
            one["reason"] or "not tried yet",
            when(one["next_at"]) if one["state"] == "waiting" else "",
        )
        for one in answer["deliveries"]
    ]
    columns = ("number", "endpoint", "event", "about", "state", "attempts", "last", "next")
    say_table("Deliveries", columns, rows, "Nothing was to be told yet.")
    return None


@command.command()
@click.argument("number", type=int)
@data_option
def resend(number: int, data: Path | None) -> None:
    """Send delivery NUMBER once more, whatever became of it."""
    path = path_of("/api/v1/webhooks/deliveries/{}/resend", number)
    told = client(data).post(path, {"by": getpass.getuser()})["delivery"]
    click.echo(f"event {told['event']} is on its way to {told['endpoint']} again")


@command.command()
def secret() -> None:
    """Print a new secret. Both sides keep it; the configuration names the file or variable that it stands in."""
    click.echo(secret_of(secrets.token_bytes(KEY_BYTES)))


def _counted(counts: dict[str, Any]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none yet"

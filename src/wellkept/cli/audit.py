"""``wellkept audit``: read the audit log, and prove that nobody changed it."""

from __future__ import annotations

from pathlib import Path

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when


@click.group(name="audit")
def command() -> None:
    """The audit log: who did what to what, when, and why."""


@command.command()
@data_option
@json_option
def verify(data: Path | None, as_json: bool) -> None:
    """Check the hash chain of the whole log."""
    answer = client(data).get("/api/v1/audit/verify")
    if as_json:
        return say_json(answer)
    click.secho(f"{answer['entries']} entries, the chain is intact", fg="green")
    return None


@command.command(name="show")
@click.option("--limit", default=50, show_default=True)
@data_option
@json_option
def show(limit: int, data: Path | None, as_json: bool) -> None:
    """The newest entries."""
    answer = client(data).get("/api/v1/audit", limit=limit)
    if as_json:
        return say_json(answer)
    rows = [(str(e["number"]), when(e["at"]), e["actor"], e["verb"], e["subject"]) for e in answer["entries"]]
    say_table("Audit", ("#", "at", "who", "did", "to"), rows, "Nothing was decided yet.")
    return None

"""``wellkept findings``: what detectors and monitors suspect."""

from __future__ import annotations

from pathlib import Path

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.kernel.finding import Severity


@click.command(name="findings")
@click.option("--all", "everything", is_flag=True, help="Ended ones too.")
@data_option
@json_option
def command(everything: bool, data: Path | None, as_json: bool) -> None:
    """List findings: what is suspicious, where, since when, how unusual."""
    answer = client(data).get("/api/v1/findings", open_only=not everything)
    if as_json:
        return say_json(answer)
    rows = [
        (
            when(f["starts_at"]),
            when(f["ends_at"]) or "open",
            Severity(f["severity"]).name.lower(),
            f["sentence"],
        )
        for f in answer["findings"]
    ]
    empty = "Nothing is suspicious. `wellkept findings --all` shows what was."
    say_table("Findings", ("since", "until", "severity", "what"), rows, empty)
    return None

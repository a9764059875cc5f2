"""``wellkept backup``: copy the data folder of a server while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table
from wellkept.cli.silences import by_option
from wellkept.kernel.sizes import size_of

PATIENCE_S = 3600.0


@click.command(name="backup")
@click.option("--list", "only_list", is_flag=True, help="List those that are there; make none.")
@by_option
@data_option
@json_option
def command(only_list: bool, by: str, data: Path | None, as_json: bool) -> None:
    """Copy the server's data folder, while it works, to where `backup.folder` of its configuration says."""
    api = client(data)
    if only_list:
        return _list(api.get("/api/v1/backups")["backups"], as_json)
    if not as_json:
        click.echo("copying; the server works on meanwhile", err=True)
    made = api.post("/api/v1/backups", {"by": by}, timeout_s=PATIENCE_S)
    if as_json:
        return say_json(made)
    click.secho(f"{made['path']}: {made['files']} files, {size_of(made['bytes'])}", fg="green")
    if made["linked_bytes"]:
        click.echo(f"  {size_of(made['linked_bytes'])} of it are shared with the data folder: copy it to another disk")
    if not made["has_state"]:
        click.echo("  the state is in a database elsewhere, and not in it: back that up, too")
    click.echo(f"  back: wellkept restore {made['path']} --data FOLDER")
    return None


def _list(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        return say_json(found)
    rows = [
        (
            f"{one['made_at'][:19].replace('T', ' ')} UTC",
            str(one["files"]),
            size_of(one["bytes"]),
            one["version"],
            one["path"],
        )
        for one in found
    ]
    say_table("Backups", ("made", "files", "size", "version", "where"), rows, "No backup; wellkept backup makes one.")
    return None

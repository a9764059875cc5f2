"""``wellkept restore``: make a data folder from a backup."""

from __future__ import annotations

from pathlib import Path

import click

from wellkept.cli.render import json_option, say_json


@click.command(name="restore")
@click.argument("backup", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder to make; it must not hold anything.",
)
@json_option
def command(backup: Path, data: Path, as_json: bool) -> None:
    """Look whether BACKUP is whole, and make a data folder from it, for `wellkept up --data FOLDER`."""
    from wellkept.app.backups import restore

    found = restore(backup, data)
    if as_json:
        return say_json({"data": str(data), "made_at": found.made_at.isoformat(), "files": found.files})
    click.secho(f"{data}: {found.files} files as of {found.made_at:%Y-%m-%d %H:%M:%S} UTC", fg="green")
    if not found.has_state:
        click.echo("  its state was in a database elsewhere: restore that, too, as of a moment a little before")
    click.echo(f"  start it with: wellkept up --data {data}")
    click.echo("  stop the server it is a copy of before: both would carry out, and tell, what waits")
    return None

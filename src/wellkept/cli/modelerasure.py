"""``wellkept models forget``: the predictions about an entity are deleted."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from wellkept.cli.render import client, data_option, json_option, say_json


@click.command()
@click.option("--entity", required=True, help="The entity_key that the predictions were asked for with.")
@click.option("--why", default="", help="The reason, for the audit log.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
@json_option
def forget(entity: str, why: str, yes: bool, data: Path | None, as_json: bool) -> None:
    """Delete the predictions about an entity, and their labels, of all models; there is no way back."""
    if not yes:
        click.confirm(f"Delete all predictions and labels of {entity!r}?", abort=True)
    request = {"entity": entity, "by": getpass.getuser(), "why": why}
    done = client(data).post("/api/v1/predictions/forget", request)
    if as_json:
        return say_json(done)
    click.echo(f"{done['predictions']} predictions and {done['labels']} labels were deleted")
    return None

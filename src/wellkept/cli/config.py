"""``wellkept config``: check a configuration before it is used."""

from __future__ import annotations

from pathlib import Path

import click

from wellkept.cli.render import json_option, say_json, telling_mistakes


@click.group(name="config")
def command() -> None:
    """The configuration, ``wellkept.yaml``."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
def check(file: Path, as_json: bool) -> None:
    """Name every mistake in FILE, with line, field, rule and value."""
    from wellkept.app.settings import load_settings

    with telling_mistakes(as_json):
        load_settings(file, {})
    if not as_json:
        click.secho(f"{file} is right", fg="green")


@command.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
def show(file: Path | None) -> None:
    """The whole tree as it would be used, defaults and environment included."""
    from wellkept.app.settings import load_settings

    say_json(load_settings(file).model_dump(mode="json"))

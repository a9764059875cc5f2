"""``wellkept runbooks``: what the platform knows to do, and whether a runbook of yours is right."""

from __future__ import annotations

from pathlib import Path

import click

from wellkept.cli.render import json_option, say_json, say_table, telling_mistakes


@click.group(name="runbooks")
def command() -> None:
    """Runbooks: when they fit, what they do, how their success is told."""


@command.command(name="list")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path, exists=True, file_okay=False))
@json_option
def list_runbooks(folders: tuple[Path, ...], as_json: bool) -> None:
    """The shipped runbooks, and those of FOLDERS."""
    from wellkept.app.runbooks import runbooks

    found = runbooks(folders)
    if as_json:
        return say_json([runbook.model_dump(mode="json") for runbook in found])
    rows = [
        (
            r.name,
            r.risk.value,
            r.match.entity.value,
            ", ".join(k.value for k in r.match.findings),
            r.description,
        )
        for r in found
    ]
    say_table("Runbooks", ("name", "risk", "on", "when", "does"), rows, "No runbook.")
    return None


@command.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
def check(file: Path, as_json: bool) -> None:
    """Name every mistake in FILE, with line, field, rule and value."""
    from wellkept.app.runbooks import check_runbook

    with telling_mistakes(as_json):
        runbook = check_runbook(file)
    if not as_json:
        click.secho(f"{file}: runbook {runbook.name} is right", fg="green")

"""``wellkept runbooks``: what the platform knows to do, and whether a runbook of yours is right."""

from __future__ import annotations

from pathlib import Path

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, telling_mistakes
from wellkept.cli.silences import by_option
from wellkept.kernel.durations import seconds_of


@click.group(name="runbooks")
def command() -> None:
    """Runbooks: when they fit, what they do, how their success is told; and a brake for all of them."""


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


@command.command()
@click.option("--why", required=True, help="Why, for those who wonder.")
@click.option("--for", "lasts", default=None, help="How long: 30m, 2h, 1d; without it until `resume`.")
@by_option
@data_option
@json_option
def pause(why: str, lasts: str | None, by: str, data: Path | None, as_json: bool) -> None:
    """Have no runbook run by itself: every remedy waits for a person. What is under way goes on."""
    body = {"by": by, "why": why, "for_s": seconds_of(lasts, "--for") if lasts is not None else None}
    answer = client(data).post("/api/v1/runbooks/pause", body)
    if as_json:
        return say_json(answer)
    click.secho(answer["pause"]["sentence"], fg="yellow")
    click.echo("`wellkept approve` lists what waits; `wellkept runbooks resume` lets them run by themselves again")
    return None


@command.command()
@by_option
@data_option
@json_option
def resume(by: str, data: Path | None, as_json: bool) -> None:
    """Let runbooks run by themselves again. What was proposed meanwhile still waits for a person."""
    answer = client(data).post("/api/v1/runbooks/resume", {"by": by})
    if as_json:
        return say_json(answer)
    click.secho("runbooks run by themselves again, where the policy lets them", fg="green")
    return None

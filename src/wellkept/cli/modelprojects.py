"""``wellkept models new``, ``check`` and ``schema``: model projects, without a server."""

from __future__ import annotations

from pathlib import Path

import click

from wellkept.cli.render import json_option, say_json, say_table

MARKS = {"passed": "ok", "failed": "FAILED", "skipped": "not reached"}


@click.command()
@click.argument("name")
@click.option(
    "--task", required=True, help="classification, regression, forecasting or ranking: what the model answers."
)
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="Where (default: NAME, here).")
@json_option
def new(name: str, task: str, folder: Path | None, as_json: bool) -> None:
    """Begin a model project: a folder that can be trained at once, made-up data included."""
    from wellkept.app.modelprojects import new_project

    where = folder or Path(name)
    files = new_project(where, name, task)
    if as_json:
        return say_json({"folder": str(where), "files": [str(file) for file in files]})
    for file in files:
        click.echo(f"  {file}")
    click.echo(f"`wellkept models check {where}` tries it out, `wellkept models train {where}` makes version 1 of it.")
    return None


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--rows", type=click.IntRange(min=0), default=20_000, help="Train on a sample of so many rows; 0: all.")
@click.option("--timeout", type=click.FloatRange(min=1), default=600.0, help="Seconds for loading, and for training.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), default=None, help="Write JUnit XML here.")
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), default=None, help="Write a summary here.")
@json_option
@click.pass_context
def check(
    context: click.Context,
    folder: Path,
    rows: int,
    timeout: float,
    junit: Path | None,
    markdown: Path | None,
    as_json: bool,
) -> None:
    """Try the project in FOLDER: its contract, its code, a training on a sample, its gates.

    Exit code 0 when all is well, 1 when something failed. It needs no server, and is made for pull requests.
    """
    from wellkept.app.modelprojects import check_project, report_files

    found = report_files(check_project(folder, rows, timeout), junit, markdown)
    if as_json:
        say_json(found)
    else:
        steps = [(step["name"], MARKS[step["result"]], step["sentence"]) for step in found["steps"]]
        say_table(f"{found['model']}: {folder}", ("check", "result", "what was found"), steps, "Nothing was checked.")
        failed = sum(step["result"] != "passed" for step in found["steps"])
        words = f"{failed} of {len(steps)} checks failed" if failed else f"all {len(steps)} checks passed"
        click.secho(words, fg="red" if failed else "green")
    if not found["ok"]:
        context.exit(1)


@click.command()
def schema() -> None:
    """Print the JSON schema of model.yaml, for editors and other tools."""
    from wellkept.app.modelprojects import contract_schema

    say_json(contract_schema())

"""``wellkept watch``: models that are served elsewhere, and only log what they answer."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.kernel.errors import InputError

_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group(name="watch")
def command() -> None:
    """Watch models that are served elsewhere: attach, list, detach."""


@command.command()
@click.argument("contract", type=_file)
@click.option("--reference", type=_file, help="Rows to measure against (Parquet or CSV): inputs, perhaps score, label.")
@click.option("--version", default="", help="The version that is served now, as its predictions name it.")
@click.option("--learn", default=0, help="Without --reference: so many first predictions are what it is measured by.")
@data_option
@json_option
def attach(contract: Path, reference: Path | None, version: str, learn: int, data: Path | None, as_json: bool) -> None:
    """Watch the model of a CONTRACT (its model.yaml) that is served elsewhere.

    Its predictions and labels come by POST /v1/predictions and /v1/labels, by OTLP, from KServe, or by the SDK.
    """
    rows = rows_of(reference) if reference is not None else None
    text = contract.read_text(encoding="utf-8") + "\n"
    answer = client(data).watch_attach(text, rows, version=version, learn=learn, by=getpass.getuser())
    if as_json:
        return say_json(answer)
    name = f"version {answer['version']}" if answer["version"] else "whichever version is heard of first"
    click.secho(f"{answer['model']} is watched: {name}, served elsewhere", bold=True)
    click.echo(answer["reference"])
    return None


@command.command(name="list")
@data_option
@json_option
def list_attached(data: Path | None, as_json: bool) -> None:
    """Every attached model: versions, traffic, and what each is measured against."""
    answer = client(data).get("/api/v1/watch")
    if as_json:
        return say_json(answer)
    rows = [_row(model, version) for model in answer["models"] for version in model["versions"]]
    columns = ("model", "version", "", "predictions", "last", "reference", "metrics")
    say_table("Served elsewhere", columns, rows, "None yet. `wellkept watch attach model.yaml` attaches one.")
    for model in answer["models"]:
        click.echo(f"{model['model']}: {model['reference']}")
        for name, count in model["unknown"].items():
            click.echo(f"  {count:,} predictions name version {name!r}, which is none yet")
    for name, count in answer["others"].items():
        click.echo(f"{name}: {count:,} predictions in a day, and nobody has attached it")
    return None


@command.command()
@click.argument("model")
@data_option
@json_option
def detach(model: str, data: Path | None, as_json: bool) -> None:
    """Watch MODEL no more. What it logged, its versions and its findings stay."""
    answer = client(data).watch_detach(model, getpass.getuser())
    if as_json:
        return say_json(answer)
    click.echo(f"{model} is not watched any more; {answer['findings_ended']} open findings ended")
    return None


def rows_of(file: Path) -> Any:
    """The rows of a Parquet or CSV file, as a table.

    Raises:
        InputError: it is neither.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    try:
        return csv.read_csv(file) if file.suffix.lower() == ".csv" else pq.read_table(file)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"reference {file}", f"must be Parquet or CSV: {str(error)[:200]}") from error


def _row(model: dict[str, Any], version: dict[str, Any]) -> tuple[str, ...]:
    metrics = ", ".join(f"{name} {value:.3f}" for name, value in version["metrics"].items())
    return (
        model["model"],
        version["version"] or "(not heard of yet)",
        "live" if version["is_live"] else "",
        f"{version['predictions']:,}",
        when(version["last"]),
        version["reference"],
        metrics,
    )

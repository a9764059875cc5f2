"""``wellkept models import`` and ``alias``: finished models from elsewhere, and the names of versions."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json
from wellkept.sdk.paths import path_of

PATIENCE_S = 600.0


@click.command(name="import")
@click.argument("source")
@click.option("--name", required=True, help="The model's name here.")
@click.option("--contract", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Its model.yaml.")
@click.option(
    "--rows",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Rows with their label (Parquet) that the model has not seen: it is judged on the newest quarter.",
)
@click.option("--trust", is_flag=True, help="Of a pickle: ask for the decision to open exactly these bytes.")
@data_option
@json_option
def take(
    source: str, name: str, contract: Path | None, rows: Path | None, trust: bool, data: Path | None, as_json: bool
) -> None:
    """Register the finished model SOURCE: a file (ONNX, LightGBM's text, XGBoost's JSON or UBJSON, skops), a folder
    that MLflow wrote, or mlflow:NAME/VERSION.

    A pickle is refused; with --trust a person decides whether it is opened, once and locked in, to be converted.
    """
    request = {
        "path": source if source.startswith("mlflow:") else str(Path(source).absolute()),
        "name": name,
        "contract": contract.read_text("utf-8") if contract else "",
        "data": str(rows.absolute()) if rows else "",
        "trust": trust,
        "by": getpass.getuser(),
    }
    answer = client(data).post("/api/v1/models/import", request, PATIENCE_S)
    if as_json:
        return say_json(answer)
    if "plan" in answer:
        click.echo(f"proposed: {answer['plan']['title']}")
        click.echo(f"`wellkept approve {answer['id']}` shows it and decides.")
        return None
    click.echo(answer["contract"].rstrip())
    if answer["note"]:
        click.echo(f"kept as {answer['format']}: it {answer['note']}")
    _say_registered(answer, name)
    return None


def _say_registered(answer: dict[str, Any], name: str) -> None:
    if "job" in answer:
        click.secho(
            f"training run {answer['job']['id']} judges it; `wellkept models show {name}` tells how.", bold=True
        )
        return
    version = answer["version"]
    click.secho(f"version {version['number']} of {name} ({answer['format']}): {version['state']}", bold=True)
    if version["state"] == "unjudged":
        click.echo(
            f"Nobody has judged it. `wellkept models import ... --rows ROWS.parquet` does; "
            f"`wellkept models promote {name} --unjudged` proposes it all the same, and says so in the plan."
        )


@click.command(name="alias")
@click.argument("model")
@click.argument("name")
@click.option("--version", default="", help="Number, digest or alias of the version; without it, NAME is taken away.")
@data_option
@json_option
def move(model: str, name: str, version: str, data: Path | None, as_json: bool) -> None:
    """Propose that alias NAME of MODEL (challenger, shadow, or one of yours) points to a version."""
    request = {"alias": name, "version": version, "by": getpass.getuser()}
    answer = client(data).post(path_of("/api/v1/models/{}/alias", model), request)
    if as_json:
        return say_json(answer)
    click.echo(f"proposed: {answer['plan']['title']}")
    click.echo(f"`wellkept approve {answer['id']}` shows it and decides.")
    return None

"""``wellkept models mlflow``: what became of the versions of an MLflow registry."""

from __future__ import annotations

from pathlib import Path

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table


@click.command(name="mlflow")
@data_option
@json_option
def followed(data: Path | None, as_json: bool) -> None:
    """List the versions in MLflow's registry, and what became of each here."""
    answer = client(data).get("/api/v1/mlflow")
    if as_json:
        return say_json(answer)
    rows = [
        (
            f"{one['name']}/{one['version']}",
            ", ".join(one["aliases"]),
            one["state"],
            f"version {one['number']} of {one['model']}" if "number" in one else one.get("sentence", ""),
        )
        for one in answer["versions"]
    ]
    say_table("MLflow's registry", ("in MLflow", "alias", "state", "here"), rows, "MLflow has no version yet.")
    return None

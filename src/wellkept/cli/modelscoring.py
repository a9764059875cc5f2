"""``wellkept models score``: a Parquet file of rows, scored by the champion."""

from __future__ import annotations

from pathlib import Path

import click

from wellkept.cli.render import client, data_option, json_option, say_json


@click.command()
@click.argument("model")
@click.argument("rows", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@data_option
@json_option
def score(model: str, rows: Path, out: Path, data: Path | None, as_json: bool) -> None:
    """Score the Parquet file ROWS by the champion of MODEL, and write it with a column of scores to OUT.

    The model runs here, not on the server; such scores are not logged as predictions.
    """
    from wellkept.app.scoring import score as score_rows

    done = score_rows(client(data), model, rows, out)
    if as_json:
        return say_json(done)
    click.echo(f"{done['rows']} rows scored by version {done['version']} of {model}: {out}")
    return None

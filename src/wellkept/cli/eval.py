"""``wellkept eval``: how good the platform's own judgement is, measured on labelled data."""

from __future__ import annotations

from pathlib import Path

import click

from wellkept.cli.render import json_option, say_json

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group(name="eval")
def command() -> None:
    """Measure detection on a folder of labelled data; nothing is tuned on it."""


@command.command(name="logs")
@click.option("--data", type=_FOLDER, required=True, help="Parquet files of labelled log lines, or of sessions.")
@click.option("--peers", type=_FOLDER, default=None, help="A folder with logs_drain3, to be run on the same lines.")
@click.option("--lines", type=click.IntRange(0), default=None, help="How long the timed stream is; 0: not timed.")
@click.option("--seed", type=int, default=None, help="Of the stream's values.")
@json_option
def logs(data: Path, peers: Path | None, lines: int | None, seed: int | None, as_json: bool) -> None:
    """How well log lines are put in templates, how fast, and how well abnormal sessions are told."""
    from wellkept.evaluation.logs import SEED, STREAM_LINES, evaluate

    chosen = STREAM_LINES if lines is None else lines
    found = evaluate(data, peers=peers, lines=chosen, seed=SEED if seed is None else seed)
    if as_json:
        return say_json(found)
    for name, scores in found.pop("systems", {}).items():
        click.echo(f"{name:16}" + "".join(f"  {k} {v:.3f}" for k, v in scores.items() if isinstance(v, float)))
    for name, value in found.items():
        click.echo(f"{name:16}  {value}")
    return None

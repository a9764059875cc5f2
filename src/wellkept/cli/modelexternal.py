"""``wellkept models train-external`` and ``report``: what a CI runs for a retrain that the platform asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import json_option, say_json
from wellkept.kernel.errors import InputError

event_option = click.option(
    "--event",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="The event retrain.requested, as the webhook (or GitHub, GitLab) brought it.",
)


@click.command(name="train-external")
@click.argument("project", type=click.Path(path_type=Path, exists=True, file_okay=False))
@event_option
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("model"), help="The model's files."
)
@click.option("--timeout", type=click.FloatRange(min=1), default=3600.0, help="Seconds that the training may take.")
@click.option("--report/--no-report", default=True, help="Send the model (or why there is none) to the platform.")
@json_option
def train_external(project: Path, event: Path | None, out: Path, timeout: float, report: bool, as_json: bool) -> None:
    """Train PROJECT on the rows of a run, and report back.

    The platform judges the model itself, on rows that it keeps.
    """
    from wellkept.app.externalclient import report_failure, report_model, train_outside
    from wellkept.kernel.errors import WellkeptError

    asked = _asked(event)
    try:
        told = train_outside(project, asked, out, timeout)
    except WellkeptError as error:
        if report:
            report_failure(asked, str(error), None)
        raise
    if report:
        told |= report_model(asked, out, project, {}, None)
    if as_json:
        return say_json(told)
    click.echo(f"run {told['run']}: trained on {told['rows']} rows, {told['format']} in {out}")
    if report:
        click.echo("The platform has it, and judges it now.")
    return None


@click.command()
@event_option
@click.option(
    "--run", default="", help="The run, where there is no file of its event (with WELLKEPT_URL, WELLKEPT_TOKEN)."
)
@click.option("--artifact", type=click.Path(path_type=Path, exists=True, file_okay=False), help="The model's files.")
@click.option(
    "--project", type=click.Path(path_type=Path, exists=True, file_okay=False), help="The project that was trained."
)
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME=VALUE", help="A number for the record; decides nothing."
)
@click.option("--junit", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A report to keep with it.")
@click.option("--failed", default="", metavar="WHY", help="The training failed.")
@json_option
def report(
    event: Path | None,
    run: str,
    artifact: Path | None,
    project: Path | None,
    metrics: tuple[str, ...],
    junit: Path | None,
    failed: str,
    as_json: bool,
) -> None:
    """Tell the platform how a run went: a model's files, or that it failed."""
    from wellkept.app.externalclient import report_failure, report_model

    if (artifact is None) == (not failed):
        raise click.UsageError("say either --artifact FOLDER or --failed WHY")
    asked = _asked(event, run)
    if artifact is None:
        told = report_failure(asked, failed, junit)
    else:
        told = report_model(asked, artifact, project, dict(map(_metric, metrics)), junit)
    if as_json:
        return say_json(told)
    click.echo(f"run {told['run']}: {told['state']}")
    return None


def _asked(event: Path | None, run: str = "") -> Any:
    from wellkept.app.externalclient import Asked, asked_by
    from wellkept.sdk.client import Client
    from wellkept.sdk.paths import path_of

    if event is not None:
        return asked_by(event)
    if not run:
        raise click.UsageError("say --event FILE (or --run ID, with WELLKEPT_URL and WELLKEPT_TOKEN)")
    known = Client.from_environment()
    return Asked(run, known.url + path_of("/api/v1/external/{}", run), known.token, {})


def _metric(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise InputError(f"--metric {name}", "must be NAME=VALUE with a number", value) from None

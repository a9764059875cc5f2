"""``wellkept models``: begin, check, train, show, promote and roll back models."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from wellkept.cli.modeldata import data as look
from wellkept.cli.modeldecisions import decisions
from wellkept.cli.modelerasure import forget
from wellkept.cli.modelexternal import report, train_external
from wellkept.cli.modelimport import move, take
from wellkept.cli.modeljobs import cancel, job_log, jobs, train
from wellkept.cli.modelmlflow import followed
from wellkept.cli.modelperformance import performance
from wellkept.cli.modelprojects import check, new, schema
from wellkept.cli.modelscoring import score
from wellkept.cli.modelskew import skew
from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.cli.rollouts import rollout, rollouts, stop
from wellkept.sdk.paths import path_of


@click.group(name="models")
def command() -> None:
    """Models: versions by digest, promoted only through the gate."""


for own in (new, check, schema, score, train, jobs, job_log, cancel, train_external, report, look, skew, performance):
    command.add_command(own)
for own in (take, move, followed, forget, decisions):
    command.add_command(own)
for own in (rollout, rollouts, stop):
    command.add_command(own)


@command.command(name="list")
@data_option
@json_option
def list_models(data: Path | None, as_json: bool) -> None:
    """Every model, with its champion."""
    answer = client(data).get("/api/v1/models")
    if as_json:
        return say_json(answer)
    rows = [
        (m["name"], str(m["champion"] or "none"), str(m["versions_count"]), _numbers(m["metrics"]))
        for m in answer["models"]
    ]
    empty = "No model yet. `wellkept models new NAME` begins one, `wellkept models train FOLDER` trains it."
    say_table("Models", ("name", "champion", "versions", "held-out metrics"), rows, empty)
    return None


@command.command()
@click.argument("model")
@data_option
@json_option
def show(model: str, data: Path | None, as_json: bool) -> None:
    """One model: its versions, what they scored, which is live."""
    answer = client(data).get(path_of("/api/v1/models/{}", model))
    if as_json:
        return say_json(answer)
    names: dict[str, list[str]] = {}
    for alias, digest in answer["aliases"].items():
        names.setdefault(digest, []).append(alias)
    rows = [
        (
            str(v["number"]),
            v["digest"][7:19],
            ", ".join(names.get(v["digest"], [])),
            v["state"],
            v["format"],
            _numbers(v["metrics"]),
            when(v["created_at"]),
        )
        for v in answer["versions"]
    ]
    columns = ("version", "digest", "alias", "state", "format", "held-out metrics", "trained")
    say_table(model, columns, rows, "No version yet.")
    moves = [
        (
            when(m["at"]),
            m["alias"],
            f"version {m['version']}" if m["version"] else "nothing",
            m["plan"],
            m["approved_by"],
        )
        for m in answer["history"]
    ]
    if moves:
        say_table("Aliases", ("moved at", "alias", "to", "plan", "approved by"), moves, "")
    rows2 = [(when(v["at"]), v["judgement"], v["sentence"]) for v in answer["verdicts"]]
    say_table("Verdicts", ("at", "verdict", "because"), rows2, "No verdict about this model in production yet.")
    return None


@command.command()
@click.argument("model")
@click.option("--version", default="", help="Number, digest or alias (default: the newest).")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Write HTML, Markdown and plots here.")
@data_option
def card(model: str, version: str, folder: Path | None, data: Path | None) -> None:
    """The model card of a version: print it as Markdown, or write it into a folder."""
    files = client(data).get(path_of("/api/v1/models/{}/card", model), version=version)["files"]
    if folder is None:
        click.echo(files["card.md"])
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / Path(name).name).write_text(text, encoding="utf-8")
    click.echo(f"{folder / 'card.html'}")


@command.command()
@click.argument("model")
@click.option("--version", default="", help="Number or digest (default: the newest).")
@click.option("--why", default="", help="The reason.")
@click.option("--unjudged", is_flag=True, help="Mean it also of a version that nobody has judged.")
@data_option
@json_option
def promote(model: str, version: str, why: str, unjudged: bool, data: Path | None, as_json: bool) -> None:
    """Propose that a version becomes the champion; a person approves it."""
    request = {"version": version, "by": getpass.getuser(), "why": why, "unjudged": unjudged}
    _say_proposed(client(data).post(path_of("/api/v1/models/{}/promote", model), request), as_json)


@command.command()
@click.argument("model")
@click.option("--why", default="", help="The reason.")
@data_option
@json_option
def rollback(model: str, why: str, data: Path | None, as_json: bool) -> None:
    """Propose that the previous champion comes back; a person approves it. A rollout is stopped at once."""
    request = {"by": getpass.getuser(), "why": why}
    answer = client(data).post(path_of("/api/v1/models/{}/rollback", model), request)
    if answer["stopped"] and not as_json:
        click.echo(f"stopped: {answer['stopped']}")
    if "plan" in answer or as_json:
        _say_proposed(answer, as_json)


def _say_proposed(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return say_json(answer)
    click.echo(f"proposed: {answer['plan']['title']}")
    click.echo(f"`wellkept approve {answer['id']}` shows it and decides.")
    return None


def _numbers(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())

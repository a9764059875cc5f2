"""``wellkept models train``, ``jobs``, ``log`` and ``cancel``: training runs, as they run."""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.kernel.errors import TrainingError
from wellkept.sdk.paths import path_of

LOOK_EVERY_S = 0.3


@click.command()
@click.argument("project", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--fresh", is_flag=True, help="Do every step anew, also where nothing that it depends on has changed.")
@data_option
@json_option
def train(project: Path, fresh: bool, data: Path | None, as_json: bool) -> None:
    """Train the project in folder PROJECT, judge it by its gates, and register it.

    What its processes print and how far they are is shown while they run. Ctrl-C stops looking on, not the training.
    It ends with 1 when the training failed, or when the version did not pass.
    """
    api = client(data)
    asked = {"project": str(project.resolve()), "by": getpass.getuser(), "fresh": fresh}
    job = api.post("/api/v1/models/train", asked)["job"]
    if not as_json:
        click.echo(f"-- run {job['id']}, which `wellkept models log {job['id']}` follows, too", err=True)
    job = _followed(api, job, quiet=as_json)
    if job["state"] != "done":
        raise TrainingError(f"training of {project} {job['state']}: {job['details'].get('error', '')}")
    details, has_passed = job["details"], job["details"]["judgement"] == "pass"
    if as_json:
        say_json(job)
    else:
        _say_version(details)
    if not has_passed:
        click.get_current_context().exit(1)


def _say_version(details: dict[str, Any]) -> None:
    say_table(
        f"version {details['version']} of {details['model']}: {details['judgement']}",
        ("check", "value", "limit", "passed"),
        [(c["name"], c["value"], c["limit"], "yes" if c["passed"] else "NO") for c in details["checks"]],
        "No checks.",
    )
    for warning in details.get("data", {}).get("warnings", ()):
        click.secho(f"warning: {warning}", fg="yellow")
    taken = details.get("taken", {})
    if taken:
        steps = ", ".join(taken)
        click.echo(f"Nothing that {steps} depend on has changed: taken from {', '.join(sorted(set(taken.values())))}.")
        click.echo("--fresh does every step anew.")
    if details["judgement"] == "pass":
        click.echo(f"`wellkept models promote {details['model']}` proposes to make it live.")


@click.command()
@click.argument("model", default="")
@data_option
@json_option
def jobs(model: str, data: Path | None, as_json: bool) -> None:
    """The training runs of MODEL, or of all models, newest first."""
    answer = client(data).get("/api/v1/jobs", model=model)
    if as_json:
        return say_json(answer)
    rows = [
        (job["id"], job["details"].get("model", job["subject"]), job["kind"], job["state"], _about(job), _began(job))
        for job in answer["jobs"]
    ]
    columns = ("job", "model", "kind", "state", "about", "started")
    say_table("Training runs", columns, rows, "No training run yet. `wellkept models train FOLDER` starts one.")
    return None


@click.command(name="log")
@click.argument("job")
@data_option
def job_log(job: str, data: Path | None) -> None:
    """What the processes of run JOB printed; follows it while it runs."""
    api = client(data)
    _followed(api, api.get(path_of("/api/v1/jobs/{}", job))["job"], quiet=False, to_stdout=True)


@click.command()
@click.argument("job")
@data_option
def cancel(job: str, data: Path | None) -> None:
    """Call run JOB off: its processes are ended. What is served stays as it is."""
    client(data).post(path_of("/api/v1/jobs/{}/cancel", job), {"by": getpass.getuser()})
    click.echo(f"{job} is called off; `wellkept models jobs` shows when it has ended.")


class _Screen(Protocol):
    """Shows lines of a log, and how far a run is."""

    def line(self, text: str) -> None: ...

    def at(self, words: str, done: float, total: float) -> None: ...


def _followed(api: Any, job: dict[str, Any], *, quiet: bool, to_stdout: bool = False) -> dict[str, Any]:
    """The job when it has ended; shows what it prints meanwhile."""
    after, rest = 0, ""
    with _screen(quiet=quiet, to_stdout=to_stdout) as screen:
        while True:
            told = api.get(path_of("/api/v1/jobs/{}/log", job["id"]), after=after)
            has_more, after = told["next"] > after, told["next"]
            *lines, rest = (rest + told["text"]).split("\n")
            for line in lines:
                screen.line(line)
            said = told["progress"]
            if said:
                values = "".join(f" {name} {value:.4g}" for name, value in said["values"].items())
                screen.at(f"{said['step']} {said['note']}{values}".strip(), said["done"], said["total"])
            if told["state"] != "running" and not has_more:
                break
            if not has_more:
                time.sleep(LOOK_EVERY_S)
        if rest:
            screen.line(rest)
    found: dict[str, Any] = api.get(path_of("/api/v1/jobs/{}", job["id"]))["job"]
    return found


class _Silent:
    def line(self, text: str) -> None:
        """Nothing is shown to who wants JSON."""

    def at(self, words: str, done: float, total: float) -> None:
        """Nothing either."""


class _Lines:
    """One line after the other: for a pipe, or a log of a CI job."""

    def __init__(self, *, to_stdout: bool) -> None:
        self._to_stderr, self._last = not to_stdout, ""

    def line(self, text: str) -> None:
        click.echo(text, err=self._to_stderr)

    def at(self, words: str, done: float, total: float) -> None:
        told = f"-- {words}: {done:g}{f' of {total:g}' if total else ''}"
        if told != self._last:
            self._last = told
            self.line(told)


class _Bar:
    """A bar below the lines, on a terminal."""

    def __init__(self, bar: Any) -> None:
        self._bar, self._task = bar, bar.add_task("training", total=None)

    def line(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False)

    def at(self, words: str, done: float, total: float) -> None:
        self._bar.update(self._task, description=words, completed=done, total=total or None)


@contextmanager
def _screen(*, quiet: bool, to_stdout: bool) -> Iterator[_Screen]:
    stream = sys.stdout if to_stdout else sys.stderr
    if quiet:
        yield _Silent()
    elif not stream.isatty():
        yield _Lines(to_stdout=to_stdout)
    else:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(file=stream), transient=True) as bar:
            yield _Bar(bar)


def _about(job: dict[str, Any]) -> str:
    details = job["details"]
    if job["state"] == "done":
        return f"version {details.get('version')}: {details.get('judgement')}"
    error = (details.get("error") or "").splitlines()
    return error[0] if error else str(details.get("phase", ""))


def _began(job: dict[str, Any]) -> str:
    return when(job["started_at"])

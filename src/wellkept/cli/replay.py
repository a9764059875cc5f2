"""``wellkept replay``: feed recorded telemetry through the platform and see what it would have said."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wellkept.cli import backtest
from wellkept.cli.export import Moment
from wellkept.cli.render import json_option, say_json, say_table
from wellkept.kernel.diagnosis import chance
from wellkept.kernel.finding import Severity

if TYPE_CHECKING:
    from wellkept.app.replay import Outcome, Progress

_EVERY_S = 1.0
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class Duration(click.ParamType[float]):
    """``30``, ``30s``, ``5m`` or ``1h`` as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number, unit = (value[:-1], value[-1]) if value[-1:] in _UNITS else (value, "s")
        try:
            seconds = float(number) * _UNITS[unit]
        except ValueError:
            seconds = 0.0
        if seconds <= 0:
            self.fail(f"{value!r} is not a duration such as 30s, 5m or 1h", param, ctx)
        return seconds


@click.command(name="replay")
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--rules", type=click.Path(path_type=Path, exists=True, dir_okay=False), default=None,
              help="Try the rules of this file instead: on FOLDER, or on the server's history.")  # fmt: skip
@click.option("--since", type=Moment(), default=None, help="Stored history from when on (default: 7d).")
@click.option("--until", type=Moment(), default=None, help="Stored history until when (default: now).")
@click.option("--incidents", type=click.Path(path_type=Path, exists=True, dir_okay=False), default=None,
              help="With FOLDER and --rules: known incidents (YAML: title, start, end, entities).")  # fmt: skip
@click.option("--layout", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help="What the tables mean (default: recording.yaml in FOLDER, where there is one).")  # fmt: skip
@click.option("--case", default="", help="Only this piece of the recording.")
@click.option("--cases", "list_cases", is_flag=True, help="List the pieces of the recording, and stop.")
@click.option(
    "--step", "step_s", type=Duration(), default=None, help="Between two looks of the detectors, such as 60s."
)
@click.option("--speed", type=click.FloatRange(0, min_open=True), default=None,
              help="60: an hour passes in a minute (default: as fast as possible).")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), default=None,
              help="Keep the store in this new folder, to look at it with `wellkept up`.")  # fmt: skip
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help="Configuration whose thresholds and runbooks are tried.")  # fmt: skip
@json_option
def command(folder: Path | None, list_cases: bool, config: Path | None, as_json: bool, **wanted: Any) -> None:
    """Feed the telemetry recorded in FOLDER through the platform, on its own timestamps, into a fresh store.

    Prints the findings, the incidents with their diagnoses, and what runbooks would have proposed. Nothing is
    executed. FOLDER holds OTLP files (*.jsonl, *.binpb), or Parquet or CSV tables with a recording.yaml.

    With --rules it prints what the rules of a file would have fired: how many pages, which, how early before known
    incidents, and which of those they would have missed. Without FOLDER it asks the server (--data: its data folder).
    """
    rules, incidents = wanted.pop("rules"), wanted.pop("incidents")
    since, until = wanted.pop("since"), wanted.pop("until")
    backtest.check_options(folder, rules, since)
    if folder is None:
        found = backtest.over_stored(rules, since or datetime.now(UTC) - timedelta(days=7), until, wanted["data"])
        return backtest.say(found, as_json=as_json)
    if rules is not None and not list_cases:
        found = backtest.over_recording(rules, incidents, config, {"folder": folder, **wanted})
        return backtest.say(found, as_json=as_json)
    from wellkept.app import replay
    from wellkept.app.settings import load_settings

    if list_cases:
        return _list(replay.cases(folder, wanted["layout"]), as_json)
    wish = replay.Wish(folder, **wanted)
    outcome = replay.replay(wish, load_settings(config).ops, _reporter(), lambda text: click.echo(text, err=True))
    if as_json:
        return say_json(outcome.document())
    show(outcome)
    if wish.data is not None:
        click.echo(f"The store is kept. To look at it: wellkept up --config {wish.data / replay.KEPT}")
    return None


def _list(names: list[str], as_json: bool) -> None:
    if as_json:
        return say_json({"cases": names})
    return say_table("Cases", ("id",), [(name,) for name in names], "The recording is one piece.")


def _reporter() -> Callable[[Progress], None]:
    """A line on stderr every second or so."""
    said = [time.monotonic()]

    def report(progress: Progress) -> None:
        if time.monotonic() - said[0] >= _EVERY_S:
            said[0] = time.monotonic()
            counts = f"{progress.findings} findings, {progress.incidents} incidents"
            click.echo(f"{progress.now:%Y-%m-%d %H:%M:%S} UTC  {progress.share:4.0%}  {counts}", err=True)

    return report


def show(outcome: Outcome) -> None:
    """The outcome for people."""
    counts = ", ".join(f"{count:,} {signal}" for signal, count in outcome.telemetry.items())
    span = f"{outcome.first:%Y-%m-%d %H:%M:%S} to {outcome.last:%Y-%m-%d %H:%M:%S} UTC"
    click.echo(f"{counts} from {span}, looked at every {outcome.step_s:g} s")
    say_table(
        "Findings",
        ("since (UTC)", "until", "severity", "what"),
        [(_when(f.starts_at), _when(f.ends_at) or "open", Severity(f.severity).name.lower(), f.sentence)
         for f in outcome.findings],
        "Nothing was suspicious.",
    )  # fmt: skip
    say_table(
        "Incidents",
        ("since (UTC)", "id", "state", "what"),
        [(_when(i.opened_at), i.id, i.state.value, i.title) for i in outcome.incidents],
        "No incident would have been opened.",
    )
    proposed = {plan.subject: plan.title for plan in outcome.proposed}
    for diagnosis in outcome.diagnoses:
        click.echo(f"\n{diagnosis.incident}: {diagnosis.sentence}")
        rows = [
            (cause.entity, chance(cause.belief), " ".join(reason.sentence for reason in cause.reasons))
            for cause in diagnosis.causes
        ]
        if rows:
            say_table("", ("suspect", "probability", "because"), rows, "")
        if diagnosis.incident in proposed:
            click.echo(f"Would have been proposed: {proposed[diagnosis.incident]}")


def _when(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""

"""``wellkept eval``: how good the platform's own judgement is, measured on labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import json_option, say_json, say_table

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


@command.command(name="detect")
@click.option("--data", type=_FOLDER, required=True, help="Parquet tables of labelled series.")
@click.option("--peers", type=_FOLDER, default=None, help="A folder with ts_anomaly, to be run on the same curves.")
@click.option("--split", type=click.Choice(("all", "tune", "report")), default="all", show_default=True,
              help="Which half of the series; parameters were chosen on the halves called tune.")  # fmt: skip
@click.option("--step", "step_s", type=click.FloatRange(0, min_open=True), default=60.0, show_default=True,
              help="Seconds between two rows of a table that has no timestamps.")  # fmt: skip
@json_option
def detect(data: Path, peers: Path | None, split: str, step_s: float, as_json: bool) -> None:
    """How well anomalies of metrics are told, how early, how fast, and with how many false alarms."""
    from wellkept.evaluation.detect import evaluate

    found = evaluate(data, split=split, peers=peers, step_s=step_s, tell=lambda text: click.echo(text, err=True))
    return say_json(found) if as_json else _show(found)


def _show(found: dict[str, Any]) -> None:
    """The figures for people: ours and the simple rules, then the cut that peers are scored on."""
    ours = {"wellkept": found} | {f"wellkept, {half} half": part for half, part in found.get("halves", {}).items()}
    rows = ours | found["references"]
    names = [name for name in found if any(isinstance(row.get(name), (int, float)) for row in rows.values())]
    names = [name for name in names if name not in ("points", "parameters")]
    say_table(
        f"{found['folder']}, split {found['split']}, parameters {found['parameters']}",
        ("", *rows),
        [(name, *(_figure(row.get(name)) for row in rows.values())) for name in names],
        "Nothing was scored.",
    )
    beside = found["peers_cut"] | found.get("peers", {})
    say_table(
        "On the cut that peers are scored on",
        ("", "series", "vus_pr", "event_f1"),
        [(name, *(_figure(row.get(key)) for key in ("series", "vus_pr", "event_f1"))) for name, row in beside.items()],
        "Nothing was scored.",
    )
    click.echo("Series are split by the hash of their names; parameters ship, and nothing was tuned on this folder.")
    for name, channel in found["channels"].items():
        click.echo(f"  {name}: {channel}")


def _figure(value: Any) -> str:
    return "" if value is None else f"{value:g}"


@command.command(name="simulated")
@click.option("--part", "parts", type=click.Choice(["leaks", "disks", "changes", "peaks"]), multiple=True)
@click.option("--seeds", type=click.IntRange(1, 50), default=50, help="How many of each half.")
@click.option("--seed", type=click.IntRange(0), default=0, help="The first seed; constants were chosen on 0 to 49.")
@json_option
def simulated(parts: tuple[str, ...], seeds: int, seed: int, as_json: bool) -> None:
    """Leaks, disks that fill, changes of every shape and weeks of peaks, with a known truth."""
    from wellkept.evaluation.simulated.run import PARTS, evaluate

    found = evaluate(parts or tuple(PARTS), seeds, seed)
    if as_json:
        return say_json(found)
    for half in ("chosen_on", "reported"):
        first, last = found["seeds"][half]
        click.echo(f"seeds {first} to {last} ({half.replace('_', ' ')})")
        for kind, scores in found[half].items():
            click.echo(f"  {kind:22}" + "".join(f"  {name} {value}" for name, value in scores.items()))
    return None


@command.command(name="correlate")
@click.option(
    "--data", type=_FOLDER, required=True, help="Alerts or recorded cases of known faults, or folders of such."
)
@click.option("--layouts", type=_FOLDER, default=None, help="Of recordings that bring none; else the shipped ones.")
@click.option("--cases", type=click.IntRange(0), default=None, help="Of a recording, so many cases; 0: all.")
@json_option
def correlate(data: Path, layouts: Path | None, cases: int | None, as_json: bool) -> None:
    """How well alerts and findings of known faults become one incident each, and how fast."""
    from wellkept.evaluation.correlate import CASES, evaluate
    from wellkept.evaluation.diagnose import LAYOUTS

    found = evaluate(
        data,
        layouts=layouts or LAYOUTS,
        cases=CASES if cases is None else cases,
        tell=lambda text: click.echo(text, err=True),
    )
    return say_json(found) if as_json else _show_groups(found)


def _show_groups(found: dict[str, Any]) -> None:
    rows = {"wellkept": found, **found["baselines"], **found.get("ceiling", {}), **found.get("folders", {})}
    names = ("compression", "pairwise_precision", "pairwise_recall", "pairwise_f1", "over_merge_rate",
             "incidents_per_fault", "homogeneity", "completeness", "alerts_per_s")  # fmt: skip
    say_table(
        f"{found['folder']}",
        ("", *names),
        [(name, *(_figure(row.get(key)) for key in names)) for name, row in rows.items()],
        "Nothing was grouped.",
    )


@command.command(name="diagnose")
@click.option("--data", type=_FOLDER, required=True, help="Recorded faults of known cause, or folders of such.")
@click.option("--peers", type=_FOLDER, default=None, help="A folder with rca, to be run on the same cases.")
@click.option("--split", type=click.Choice(("all", "tune", "report")), default="all", show_default=True,
              help="Which half of the cases; constants were chosen on the halves called tune.")  # fmt: skip
@click.option("--cases", type=click.IntRange(0), default=0, help="At most so many; 0: all.")
@click.option("--healthy", type=click.IntRange(0), default=None, help="Moments at which nothing was wrong; 0: none.")
@json_option
def diagnose(data: Path, peers: Path | None, split: str, cases: int, healthy: int | None, as_json: bool) -> None:
    """How often the true cause of recorded faults is named, with which kind of fault, and how fast."""
    from wellkept.evaluation.diagnose import HEALTHY, evaluate

    found = evaluate(
        data,
        split=split,
        cases=cases,
        healthy=HEALTHY if healthy is None else healthy,
        peers=peers,
        tell=lambda text: click.echo(text, err=True),
    )
    if as_json:
        return say_json(found)
    folders = found.get("folders", {found.get("folder"): found})
    for one in folders.values():
        _show_causes(one)
    if len(folders) > 1:
        _show_beside_peers(folders)
    return None


def _show_beside_peers(folders: dict[str, dict[str, Any]]) -> None:
    """One table of all folders: ours, and each peer."""
    names = ("cases", "done", "ac1", "ac3", "avg5", "ac1_kind", "ac1_plus60", "ac1_minus60", "ac1_first_minute",
             "specificity", "lift", "seconds_per_case")  # fmt: skip
    rows = [
        (folder, who, *(_figure(row.get(key)) for key in names))
        for folder, found in folders.items()
        for who, row in {"wellkept": found, **found["peers"]}.items()
    ]
    say_table("Beside the peers", ("", "", *names), rows, "Nothing was measured.")


def _show_causes(found: dict[str, Any]) -> None:
    rows = {"wellkept": found, **found["groups"], **found["peers"]}
    names = ("cases", "done", "ac1", "ac3", "avg5", "ac1_kind", "ac1_plus60", "ac1_minus60", "ac1_first_minute",
             "specificity", "abstained", "right", "innocent_blamed", "lift", "seconds_per_case")  # fmt: skip
    click.echo(f"{found['folder']}, split {found['split']}, diagnosis {found['version']}")
    for name, row in rows.items():
        said = "  ".join(f"{key} {_figure(row[key])}" for key in names if row.get(key) is not None)
        click.echo(f"  {name:34}  {said}")
    for one in found.get("peers_better", ()):
        click.echo(f"  {one['peer']} is better on {one['group']}: {one['ac1']:.2f}, ours {one['ours']:.2f}")
    if "peers_failed" in found:
        click.echo(f"  peers were not measured: {found['peers_failed']}")


@command.command(name="retrain")
@click.option("--data", type=_FOLDER, default=None, help="A recorded stream, or folders of such; else generated ones.")
@click.option("--seeds", type=click.IntRange(1, 100), default=20, show_default=True, help="Of the generators.")
@click.option("--seed", type=click.IntRange(0), default=100, show_default=True,
              help="The first one; constants were chosen on seeds below 100.")  # fmt: skip
@json_option
def retrain(data: Path | None, seeds: int, seed: int, as_json: bool) -> None:
    """What each policy of retraining reaches, and with how many retrainings."""
    from wellkept.evaluation.retrain import evaluate

    found = evaluate(data, seeds=seeds, first=seed, tell=lambda text: click.echo(text, err=True))
    if as_json:
        return say_json(found)
    for name, one in {**found.get("folders", {}), **found.get("kinds", {}), "all": found}.items():
        rows = one.get("policies", one)
        columns = ("policy", "performance", "retrainings", "back-tests")
        told = [(policy, *(_figure(row[key]) for key in ("performance", "retrainings", "backtests")))
                for policy, row in rows.items()]  # fmt: skip
        say_table(f"{name} {one.get('metric', '')}".strip(), columns, told, "Nothing was replayed.")
    return None


@command.command(name="estimate")
@click.option(
    "--data", type=_FOLDER, default=None, help="Labelled payments, streams or customers; else generated ones."
)
@click.option(
    "--peers", type=_FOLDER, default=None, help="A folder with drift, whose NannyML estimates the same windows."
)
@click.option("--seeds", type=click.IntRange(1, 100), default=None, help="Generated streams of each kind.")
@click.option("--seed", type=click.IntRange(0), default=None, help="The first seed; constants were chosen below 100.")
@json_option
def estimate(data: Path | None, peers: Path | None, seeds: int | None, seed: int | None, as_json: bool) -> None:
    """How near estimated performance is to the realised one, and how often it is rightly disowned."""
    from wellkept.evaluation.estimate import SEEDS, evaluate
    from wellkept.evaluation.streams_known import REPORTED

    found = evaluate(
        data,
        seeds=SEEDS if seeds is None else seeds,
        first=REPORTED if seed is None else seed,
        peers=peers,
        tell=lambda text: click.echo(text, err=True),
    )
    if as_json:
        return say_json(found)
    names = ("windows", "auc_error", "within", "covered", "flagged_invalid", "misleading", "unseen", "flagged_broken",
             "false_flags")  # fmt: skip
    for title, one in found.get("folders", {found.get("folder", "generated streams"): found}).items():
        rows = {"all": one, **one["kinds"]}
        rows |= {f"{who}: {kind}": part for who, kinds in one["peers"].items() for kind, part in kinds.items()}
        table = [(name, *(_figure(row.get(key)) for key in names)) for name, row in rows.items()]
        say_table(title, ("", *names), table, "Nothing was estimated.")
    for name, part in found.get("slow_loss", {}).items():
        if isinstance(part, dict):
            click.echo(f"slow loss, {name.replace('_', ' ')}: " + ", ".join(f"{k} {v:g}" for k, v in part.items()))
    return None


@command.command(name="drift")
@click.option("--data", type=_FOLDER, default=None, help="A table of a stream, marked series, or folders of such.")
@click.option("--peers", type=_FOLDER, default=None, help="A folder with drift, to be run on the same frames.")
@click.option("--seeds", type=click.IntRange(1, 100), default=20, show_default=True, help="Of each generated kind.")
@click.option("--seed", type=click.IntRange(0), default=100, show_default=True,
              help="The first one; constants were chosen on seeds below 100.")  # fmt: skip
@click.option("--rows", type=click.IntRange(0), default=10_000_000, show_default=True,
              help="Predictions of 50 features that are watched on the clock; 0: none.")  # fmt: skip
@json_option
def drift(data: Path | None, peers: Path | None, seeds: int, seed: int, rows: int, as_json: bool) -> None:
    """How often drift is told where there is none, how much of it is found, and how soon."""
    from wellkept.evaluation.drift import evaluate

    tell = None if as_json else lambda text: click.echo(text, err=True)
    found = evaluate(data, seeds=seeds, first=seed, peers=peers, speed_rows=rows, tell=tell)
    if as_json:
        return say_json(found)
    names = ("false_alarms_per_month", "detected", "detected_soon", "delay_windows", "harmless_told", "harmless_paged",
             "f1_margin5", "covering", "months")  # fmt: skip
    rows_of = found.get("kinds") or found["folders"]
    say_table(
        f"{found['source']}, budget {found['budget_per_month']:g} false alarms a month",
        ("", *names),
        [(name, *(_figure(one.get(key)) for key in names)) for name, one in rows_of.items()],
        "Nothing was played.",
    )
    for peer, figures in found.get("peers", {}).items():
        click.echo(f"{peer}: {figures}")
    if "speed" in found:
        click.echo(f"{found['speed']['rows']:,} predictions were watched in {found['speed']['seconds']:g} s")
    return None

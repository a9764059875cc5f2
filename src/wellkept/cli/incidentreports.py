"""Reports of ``wellkept incidents``: why an incident is what it is, how incidents went, a draft of a post-mortem."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.sdk.paths import path_of

MOMENTS = ("detect", "acknowledge", "mitigate", "resolve")


@click.command(name="explain")
@click.argument("incident")
@data_option
@json_option
def explain(incident: str, data: Path | None, as_json: bool) -> None:
    """Why each finding is in an incident, its severity, and what was merged, split and moved."""
    answer = client(data).get(path_of("/api/v1/incidents/{}/explain", incident))
    if as_json:
        return say_json(answer)
    told = answer["explanation"]
    click.secho(f"{told['incident']}  {told['title']}", bold=True)
    click.echo(f"severity: {told['severity_why']}")
    if told["held"]:
        click.echo(f"nobody is told: {told['held']}")
    if told["heard_late"]:
        click.echo(f"heard late: {told['heard_late']}; its time to detect says nothing of this platform")
    if told["owner"]:
        click.echo(f"owner {told['owner']}: {told['owner_why']}")
    for word in ("reopens", "split_from", "merged_into"):
        if told[word]:
            click.echo(f"{word.replace('_', ' ')} {told[word]}")
    rows = [
        (
            m["finding"],
            m["entity"],
            m["tie"] + (f" (came with {m['via']})" if m["via"] else ""),
            m["why"] + (f"; kept quiet: {m['held']}" if m["held"] else ""),
            ", ".join(f"{key}={value}" for key, value in m["values"].items()),
        )
        for m in told["members"]
    ]
    say_table("Findings", ("finding", "entity", "tie", "why", "values"), rows, "It has no findings.")
    gone = [(finding, to) for finding, to in told["gave_away"].items()]
    if gone:
        say_table("Taken out", ("finding", "to"), gone, "")
    hands = [
        (when(d["at"]), d["by"], d["kind"], d["left"]["incident"], d["right"]["incident"], d["why"])
        for d in told["decisions"]
    ]
    say_table("By hand", ("at", "who", "what", "one", "other", "why"), hands, "Nobody merged or split it.")
    return None


@click.command(name="summary")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 400), help="Of the last so many days.")
@data_option
@json_option
def summary(days: int, data: Path | None, as_json: bool) -> None:
    """How incidents went, per service and per model: how many, how bad, how quickly, how often again."""
    answer = client(data).get("/api/v1/incidents/summary", days=days)
    if as_json:
        return say_json(answer)
    rows = [
        (
            f"{r['kind']} {r['name']}".strip(),
            str(r["incidents"]),
            " ".join(f"{name} {count}" for name, count in r["by_severity"].items() if count),
            *(_took(r["times"][moment]) for moment in MOMENTS),
            f"{r['repeat_rate']:.0%}",
            f"{r['noise_share']:.0%}",
        )
        for r in answer["summary"]["rows"]
        if r["incidents"]
    ]
    columns = ("of", "incidents", "severities", "detect", "ack", "mitigate", "resolve", "again", "noise")
    span = f"last {days} days" if days > 1 else "last day"
    say_table(f"The {span} (times: median / p90)", columns, rows, f"No incident began in the {span}.")
    if late := answer["summary"]["rows"][0]["heard_late"]:
        click.echo(f"{late} told of late by who saw them first: not in the times to detect")
    return None


@click.command(name="postmortem")
@click.argument("incident")
@click.option("--zone", default="UTC", help="The time zone that is told beside UTC, such as Europe/Berlin.")
@data_option
def postmortem(incident: str, zone: str, data: Path | None) -> None:
    """Print a draft of a post-mortem in Markdown, made of the record alone."""
    draft = client(data).raw(path_of("/api/v1/incidents/{}/postmortem", incident), zone=zone)
    click.echo(draft.decode(), nl=False)


COMMANDS = (explain, summary, postmortem)


def _took(spread: dict[str, Any]) -> str:
    if not spread["count"]:
        return "–"
    return f"{lasted(spread['median_s'])} / {lasted(spread['p90_s'])}"


def lasted(seconds: float) -> str:
    """A length of time in a table."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

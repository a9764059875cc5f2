"""``wellkept silences``: hold what matches, for a time; and what is held now, for whatever reason."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import also_as_list, client, data_option, json_option, say_json, say_table, when
from wellkept.kernel.durations import seconds_of
from wellkept.kernel.noise import HoldReason
from wellkept.sdk.paths import path_of

by_option = click.option("--by", default=getpass.getuser, help="Who does it (default: you).")


@click.group(name="silences", invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Those that ended within five days too.")
@data_option
@json_option
@click.pass_context
def command(context: click.Context, everything: bool, data: Path | None, as_json: bool) -> None:
    """Hold findings that match, for a time: list, add, end; `held` lists what is held, and why."""
    if context.invoked_subcommand is not None:
        return None
    answer = client(data).get("/api/v1/silences", over=everything)
    if as_json:
        return say_json(answer)
    rows = [
        (one["id"], one["state"], ", ".join(one["matchers"]), when(one["ends_at"]), one["by"], one["comment"])
        for one in answer["silences"]
    ]
    empty = "Nothing is silenced. `wellkept silences add 'team=\"shop\"' --for 2h --comment WHY` silences something."
    return say_table("Silences", ("id", "state", "what", "until", "by", "why"), rows, empty)


also_as_list(command)


@command.command()
@click.argument("matchers", nargs=-1, required=True, metavar="MATCHER...")
@click.option("--for", "lasts", default="2h", show_default=True, help="How long: 30m, 2h, 1d.")
@click.option("--starts", default=None, help="When it begins (RFC 3339); without it now.")
@click.option("--comment", required=True, help="Why, for those who wonder.")
@by_option
@click.option("--dry-run", is_flag=True, help="Only show what it would hold now.")
@data_option
@json_option
def add(
    matchers: tuple[str, ...],
    lasts: str,
    starts: str | None,
    comment: str,
    by: str,
    dry_run: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Silence what all MATCHERs match: 'team="shop"', 'severity=~"warning|info"', 'env!="prod"'."""
    api, match = client(data), list(matchers)
    body = {"match": match, "lasts_s": seconds_of(lasts, "--for"), "comment": comment, "by": by}
    body |= {"starts_at": starts} if starts else {}
    preview = api.post("/api/v1/silences/preview", body)
    if dry_run:
        return say_json(preview) if as_json else show_preview(preview)
    made = api.post("/api/v1/silences", body)["silence"]
    if as_json:
        return say_json({"silence": made, "count": preview["count"]})
    click.secho(f"silence {made['id']} until {when(made['ends_at'])}", fg="green")
    click.echo(f"it matches {preview['count']} of the open findings; wellkept silences end {made['id']}")
    return None


@command.command()
@click.argument("silence")
@by_option
@data_option
@json_option
def end(silence: str, by: str, data: Path | None, as_json: bool) -> None:
    """End a silence now. What it held and is still there is told."""
    ended = client(data).post(path_of("/api/v1/silences/{}/end", silence), {"by": by})
    if as_json:
        return say_json(ended)
    click.echo(f"silence {silence} is over")
    return None


@command.command()
@click.option(
    "--reason",
    type=click.Choice([reason.value for reason in HoldReason]),
    default=None,
    help="Held for this reason alone.",
)
@click.option("--lately", is_flag=True, help="Also what was held within a day.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@data_option
@json_option
def held(reason: str | None, lately: bool, limit: int, data: Path | None, as_json: bool) -> None:
    """List what is held, findings and whole incidents, each with its reason."""
    over_s = 86_400 if lately else 0
    answer = client(data).get("/api/v1/held", reason=reason, over_s=over_s, limit=limit)
    if as_json:
        return say_json(answer)
    rows = [
        (
            one["finding"] or one["incident"],
            one["held"]["reason"],
            when(one["since"]),
            when(one["ended_at"] or one["held"]["until"]) or "its reason ends",
            one["entity"],
            one["held"]["sentence"],
        )
        for one in answer["held"]
    ]
    say_table("Held", ("what", "reason", "since", "until", "about", "why"), rows, "Nothing is held: all is told.")
    total = sum(answer["counts"].values())
    if total:
        counts = ", ".join(f"{count} {name}" for name, count in sorted(answer["counts"].items()))
        click.echo(f"{total} held now: {counts}")
    return None


def say_unknown(preview: dict[str, Any]) -> None:
    """Names that may be misspelled."""
    if preview["unknown"]:
        click.secho(f"nothing is known of {', '.join(preview['unknown'])} so far: check how it is spelled", fg="yellow")


def show_preview(preview: dict[str, Any]) -> None:
    """What would be held now."""
    if preview["entities"]:
        click.echo(f"covers {', '.join(preview['entities'])}")
    say_unknown(preview)
    rows = [(f["id"], when(f["starts_at"]), f["entity"], f["sentence"]) for f in preview["findings"]]
    say_table("Would be held now", ("finding", "since", "about", "what"), rows, "Nothing that is open matches now.")
    if preview["count"] > len(rows):
        click.echo(f"the first {len(rows)} of {preview['count']}")

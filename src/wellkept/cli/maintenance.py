"""``wellkept maintenance``: windows in which work is done, once or again and again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import also_as_list, client, data_option, json_option, say_json, say_table, when
from wellkept.cli.silences import by_option, say_unknown, show_preview
from wellkept.kernel.durations import seconds_of
from wellkept.kernel.errors import InputError
from wellkept.sdk.paths import path_of


@click.group(name="maintenance", invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Those that ended within five days too.")
@data_option
@json_option
@click.pass_context
def command(context: click.Context, everything: bool, data: Path | None, as_json: bool) -> None:
    """Windows in which work is done: what they cover, and what depends on it, is held."""
    if context.invoked_subcommand is not None:
        return None
    answer = client(data).get("/api/v1/maintenance", over=everything)
    if as_json:
        return say_json(answer)
    rows = [
        (
            one["id"],
            one["name"],
            ", ".join([*one["entities"], *one["matchers"]]),
            one["when"],
            f"open until {when(one['open_until'])}" if one["open_until"] else when(one["opens_at"]) or "over",
            one["by"],
        )
        for one in answer["maintenance"]
    ]
    empty = "No window. `wellkept maintenance add NAME --entity host:NAME --for 2h` opens one now."
    return say_table("Maintenance", ("id", "name", "covers", "when", "next", "by"), rows, empty)


also_as_list(command)


@command.command()
@click.argument("name")
@click.option(
    "--entity", "entities", multiple=True, help="What is worked on (service:shop/checkout, host:web-1); several."
)
@click.option("--alone", is_flag=True, help="Not what depends on it.")
@click.option("--match", "match", multiple=True, help="Of that only what matches, by labels; several.")
@click.option("--for", "lasts", default=None, help="How long, from its start on: 30m, 2h. Not with --from.")
@click.option("--starts", default=None, help="When it begins (RFC 3339); without it now.")
@click.option("--from", "begins", default=None, help="Again and again: from this time of day (22:30) ...")
@click.option("--to", "ends", default=None, help="... to this one.")
@click.option("--zone", default="UTC", show_default=True, help="The time zone of --from and --to.")
@click.option("--weekday", "weekdays", multiple=True, help="On these days (mon, tue, ...); several.")
@click.option("--monthday", "monthdays", type=int, multiple=True, help="On these days of the month (-1: the last).")
@click.option("--comment", default="", help="Why.")
@by_option
@click.option("--dry-run", is_flag=True, help="Only show what it would hold now.")
@data_option
@json_option
def add(name: str, data: Path | None, as_json: bool, dry_run: bool, **asked: Any) -> None:
    """Add a window called NAME: once (--for), or again and again (--from, --to)."""
    api, body = client(data), _body(name, **asked)
    preview = api.post("/api/v1/maintenance/preview", body)
    if dry_run:
        return say_json(preview) if as_json else show_preview(preview)
    made = api.post("/api/v1/maintenance", body)["maintenance"]
    if as_json:
        return say_json({"maintenance": made, "count": preview["count"]})
    following = f"opens {when(made['opens_at'])}" if made["opens_at"] else "is over"
    state = f"is open until {when(made['open_until'])}" if made["open_until"] else following
    click.secho(f"maintenance {made['id']} {state}", fg="green")
    click.echo(f"it covers {preview['count']} of the open findings; wellkept maintenance end {made['id']}")
    say_unknown(preview)
    return None


@command.command()
@click.argument("window")
@click.option("--this-time", is_flag=True, help="Of a recurring one only what is open now; it opens again next time.")
@by_option
@data_option
@json_option
def end(window: str, this_time: bool, by: str, data: Path | None, as_json: bool) -> None:
    """End a window now, a recurring one for good. What it held and is still there is told."""
    body = {"by": by, "this_time": this_time}
    ended = client(data).post(path_of("/api/v1/maintenance/{}/end", window), body)
    if as_json:
        return say_json(ended)
    opens_at = ended["maintenance"]["opens_at"]
    click.echo(f"maintenance {window} is over" + (f" until {when(opens_at)}, when it opens again" if opens_at else ""))
    return None


def _body(name: str, **asked: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": name,
        "entities": list(asked["entities"]),
        "dependents": not asked["alone"],
        "match": list(asked["match"]),
        "comment": asked["comment"],
        "by": asked["by"],
    }
    if asked["starts"]:
        body["starts_at"] = asked["starts"]
    if (asked["lasts"] is None) == (asked["begins"] is None):
        raise InputError("--for", "must be given, or --from and --to in its place")
    if asked["lasts"] is not None:
        return {**body, "lasts_s": seconds_of(asked["lasts"], "--for")}
    if asked["ends"] is None:
        raise InputError("--to", "must be given with --from")
    schedule = {name: asked[name] for name in ("begins", "ends", "zone")}
    days = {name: list(asked[name]) for name in ("weekdays", "monthdays")}
    return {**body, "schedule": {**schedule, **days}}

"""``wellkept grouping``: rules of your own for what is one incident, suggested from what you did, and tried before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import (
    also_as_list,
    client,
    data_option,
    json_option,
    say_json,
    say_table,
    telling_mistakes,
    when,
)
from wellkept.cli.silences import by_option
from wellkept.kernel.errors import InputError
from wellkept.sdk.client import Client
from wellkept.sdk.paths import path_of

REPLAY_S = 300.0
file_argument = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
days_option = click.option("--days", type=click.FloatRange(0, 366, min_open=True), default=30, show_default=True)


@click.group(name="grouping", invoke_without_command=True)
@data_option
@json_option
@click.pass_context
def command(context: click.Context, data: Path | None, as_json: bool) -> None:
    """Rules of your own for what is one incident: check, try, save; `suggest` learns from what people did."""
    if context.invoked_subcommand is not None:
        return None
    answer = client(data).get("/api/v1/grouping/rules")
    if as_json:
        return say_json(answer)
    rows = [
        (one["name"], ", ".join(one["match"]), ", ".join(one.get("by", [])) or "all", _asks(one), _from(one))
        for one in answer["rules"]
    ]
    empty = "No rule. `wellkept grouping save FILE` keeps those of a file; docs/noise.md says how one looks."
    return say_table("Grouping rules", ("name", "what", "by", "asks for", "from"), rows, empty)


also_as_list(command)


@command.command()
@file_argument
@json_option
def check(file: Path, as_json: bool) -> None:
    """Name every mistake in a FILE of grouping rules. It needs no server."""
    from wellkept.app.grouping import check_grouping

    with telling_mistakes(as_json):
        rules = check_grouping(file)
    if not as_json:
        click.secho(f"{file} is right: {len(rules)} grouping rule{'s' * (len(rules) != 1)}", fg="green")


@command.command()
@file_argument
@click.option("--rule", "only", default=None, help="Only this one of the file.")
@days_option
@data_option
@json_option
def replay(file: Path, only: str | None, days: float, data: Path | None, as_json: bool) -> None:
    """Show what the rules of FILE, each by itself, would have done over the last days. Nothing is saved."""
    api = client(data)
    found = [{"rule": rule["name"], **_tried(api, rule, days)} for rule in _rules(file, only)]
    if as_json:
        return say_json({"replays": found})
    for one in found:
        click.secho(one["rule"], bold=True)
        show_replay(one)
    return None


@command.command()
@file_argument
@click.option("--rule", "only", default=None, help="Only this one of the file.")
@by_option
@data_option
@json_option
def save(file: Path, only: str | None, by: str, data: Path | None, as_json: bool) -> None:
    """Save the rules of FILE on the server, each as a new version of its name, whether anything matches yet or not."""
    api = client(data)
    saved = [api.post("/api/v1/grouping/rules", {"rule": rule, "by": by})["rule"] for rule in _rules(file, only)]
    if as_json:
        return say_json({"rules": saved})
    for one in saved:
        click.secho(f"{one['name']}: version {one['version']}", fg="green")
    return None


@command.command()
@click.argument("name")
@by_option
@data_option
@json_option
def remove(name: str, by: str, data: Path | None, as_json: bool) -> None:
    """Take a rule out of force. Its versions are kept."""
    answer = client(data).post(path_of("/api/v1/grouping/rules/{}/remove", name), {"by": by})
    if as_json:
        return say_json(answer)
    click.echo(f"{name} is no longer in force; wellkept grouping versions {name}")
    return None


@command.command()
@click.argument("name")
@data_option
@json_option
def versions(name: str, data: Path | None, as_json: bool) -> None:
    """List the versions of a rule, newest first."""
    answer = client(data).get(path_of("/api/v1/grouping/rules/{}/versions", name))
    if as_json:
        return say_json(answer)
    rows = [
        (
            str(one["version"]),
            when(one["saved_at"]),
            one["saved_by"],
            "removed" if one["removed"] else ", ".join(one["match"]),
            _asks(one),
        )
        for one in answer["versions"]
    ]
    return say_table(name, ("version", "at", "by", "what", "asks for"), rows, "No version.")


@command.command()
@click.option("--save", "wanted", default=None, metavar="NAME", help="Save the suggestion of this name as a rule.")
@click.option("--dismiss", "unwanted", default=None, metavar="NAME", help="Never suggest this one again.")
@by_option
@days_option
@data_option
@json_option
def suggest(wanted: str | None, unwanted: str | None, by: str, days: float, data: Path | None, as_json: bool) -> None:
    """List the rules that follow from merges and splits by hand, after the second like one, and what each would do."""
    api = client(data)
    if unwanted is not None:
        gone = api.post(path_of("/api/v1/grouping/suggestions/{}/dismiss", unwanted), {"by": by})
        return say_json(gone) if as_json else click.echo(f"{unwanted} is not suggested again")
    answer = api.get("/api/v1/grouping/suggestions", days=days)
    if wanted is not None:
        rule = next((one["rule"] for one in answer["suggestions"] if one["rule"]["name"] == wanted), None)
        if rule is None:
            raise InputError(
                "--save", "must be the name of a suggestion; `wellkept grouping suggest` lists them", wanted
            )
        saved = api.post("/api/v1/grouping/rules", {"rule": rule, "by": by})
        return say_json(saved) if as_json else click.secho(f"{wanted} is in force", fg="green")
    if as_json:
        return say_json(answer)
    for one in answer["suggestions"]:
        click.secho(one["rule"]["name"], bold=True)
        click.echo(one["sentence"])
        against = f", apart from {', '.join(one['rule']['against'])}" if one["rule"].get("against") else ""
        click.echo(f"{', '.join(one['rule']['match'])} by {', '.join(one['rule']['by'])}{against}")
        show_replay(one["replay"])
    if not answer["suggestions"]:
        why = "what people did is covered by rules in force, or was dismissed"
        never = "nobody merged or split the same sorts of alerts twice"
        click.echo(f"Nothing to suggest: {why if answer['settled'] else never}.")
    return None


def show_replay(one: dict[str, Any]) -> None:
    """The outcome of a replay in a few lines."""
    click.echo(f"  {one['matched']} of {one['findings']} findings match")
    click.echo(f"  incidents    {one['incidents']} -> {one['incidents_after']}")
    click.echo(f"  compression  {_share(one['compression'])} -> {_share(one['compression_after'])}")
    click.echo(
        f"  against the present incidents: pairs kept {_share(one['recall'])}, pairs known {_share(one['precision'])}"
    )
    for incidents in one["merged"]:
        click.echo(f"  would be one: {', '.join(incidents)}")
    for name, words in (("split", "would be several"), ("not_opened", "would not be opened")):
        if one[name]:
            click.echo(f"  {words}: {', '.join(one[name])}")


def _tried(api: Client, rule: dict[str, Any], days: float) -> dict[str, Any]:
    answer: dict[str, Any] = api.post("/api/v1/grouping/replay", {"rule": rule, "days": days}, timeout_s=REPLAY_S)
    return answer


def _rules(file: Path, only: str | None) -> list[dict[str, Any]]:
    from wellkept.app.grouping import rule_texts

    rules = rule_texts(file)
    chosen = [rule for rule in rules if only in (None, rule["name"])]
    if not chosen:
        raise InputError("--rule" if only else str(file), "must name a rule of the file", only)
    return chosen


def _asks(rule: dict[str, Any]) -> str:
    require = rule.get("require", {})
    told = [f"{value:.0%} of all" if name == "share" else f"{value} {name}" for name, value in require.items()]
    if rule.get("against"):
        return f"apart from {', '.join(rule['against'])}"
    return ", ".join(told) or "nothing"


def _from(rule: dict[str, Any]) -> str:
    return rule["source"] or f"version {rule['version']} by {rule['saved_by']}"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"

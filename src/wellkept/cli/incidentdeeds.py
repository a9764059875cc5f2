"""Deeds of ``wellkept incidents``: take one on, say how it stands, hand it over, write, merge, split, move."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from wellkept.cli.render import client, data_option, json_option, say_json
from wellkept.sdk.paths import path_of

F = TypeVar("F", bound=Callable[..., Any])
_STATES = {
    "acknowledge": "Say that you look at it; where nobody is assigned, you are.",
    "mitigate": "Say that the harm is contained.",
    "resolve": "Say that it is over.",
    "close": "Say that nothing is left to do.",
    "reopen": "Open a new incident that points back to one that is over.",
}


def _named(function: F) -> F:
    """The options of every deed."""
    who = click.option("--by", default=getpass.getuser, help="Who does it (default: you).")
    return who(data_option(json_option(function)))


def _do(incident: str, deed: str, body: dict[str, Any], data: Path | None, as_json: bool) -> None:
    answer = client(data).post(path_of("/api/v1/incidents/{}/{}", incident, deed), body)
    if as_json:
        return say_json(answer)
    found = answer["incident"]
    people = f", owner {found['owner'] or 'none'}, {found['assignee'] or 'nobody'} works on it"
    click.echo(f"{found['id']} is {found['state']}, {found['severity_name']}{people}: {found['title']}")
    return None


def _state(name: str, purpose: str) -> click.Command:
    @click.command(name=name, help=purpose)
    @click.argument("incident")
    @click.option("--why", required=name != "acknowledge", help="The reason, for the record.")
    @_named
    def deed(incident: str, why: str | None, by: str, data: Path | None, as_json: bool) -> None:
        _do(incident, name, {"by": by, "why": why or ""}, data, as_json)

    return deed


@click.command(name="assign")
@click.argument("incident")
@click.argument("to")
@click.option("--why", default="", help="The reason, for the record.")
@_named
def assign(incident: str, to: str, why: str, by: str, data: Path | None, as_json: bool) -> None:
    """Say who works on it; an empty name takes it off whoever did."""
    _do(incident, "assign", {"to": to, "by": by, "why": why}, data, as_json)


@click.command(name="own")
@click.argument("incident")
@click.argument("owner")
@click.option("--why", default="", help="The reason, for the record.")
@_named
def own(incident: str, owner: str, why: str, by: str, data: Path | None, as_json: bool) -> None:
    """Say whose it is; an empty name leaves it to the catalogue."""
    _do(incident, "own", {"owner": owner, "by": by, "why": why}, data, as_json)


@click.command(name="rate")
@click.argument("incident")
@click.argument("severity")
@click.option("--why", required=True, help="The reason, for the record.")
@_named
def rate(incident: str, severity: str, why: str, by: str, data: Path | None, as_json: bool) -> None:
    """Say how bad it is: info, warning, error, critical; an empty word leaves it to its findings."""
    _do(incident, "rate", {"severity": severity, "by": by, "why": why}, data, as_json)


@click.command(name="note")
@click.argument("incident")
@click.argument("text")
@_named
def note(incident: str, text: str, by: str, data: Path | None, as_json: bool) -> None:
    """Write something into its story."""
    _do(incident, "note", {"text": text, "by": by}, data, as_json)


@click.command(name="relate")
@click.argument("incident")
@click.argument("other")
@click.option("--off", is_flag=True, help="They have nothing to do with each other after all.")
@click.option("--why", default="", help="The reason, for the record.")
@_named
def relate(incident: str, other: str, off: bool, why: str, by: str, data: Path | None, as_json: bool) -> None:
    """Say that two incidents have to do with each other without being one problem."""
    _do(incident, "relate", {"other": other, "related": not off, "by": by, "why": why}, data, as_json)


@click.command(name="merge")
@click.argument("incident")
@click.argument("other")
@click.option("--why", required=True, help="The reason, for the record.")
@_named
def merge(incident: str, other: str, why: str, by: str, data: Path | None, as_json: bool) -> None:
    """Take OTHER into INCIDENT: they are one problem."""
    _do(incident, "merge", {"other": other, "by": by, "why": why}, data, as_json)


@click.command(name="split")
@click.argument("incident")
@click.argument("findings", nargs=-1, required=True)
@click.option("--why", required=True, help="The reason, for the record.")
@_named
def split(incident: str, findings: tuple[str, ...], why: str, by: str, data: Path | None, as_json: bool) -> None:
    """Split FINDINGS off INCIDENT into one of their own: they are another problem."""
    _do(incident, "split", {"findings": list(findings), "by": by, "why": why}, data, as_json)


@click.command(name="move")
@click.argument("incident")
@click.argument("finding")
@click.argument("to")
@click.option("--why", required=True, help="The reason, for the record.")
@_named
def move(incident: str, finding: str, to: str, why: str, by: str, data: Path | None, as_json: bool) -> None:
    """Move one FINDING of INCIDENT to the incident TO."""
    _do(incident, "move", {"finding": finding, "to": to, "by": by, "why": why}, data, as_json)


COMMANDS = (*(_state(*one) for one in _STATES.items()), assign, own, rate, note, relate, merge, split, move)

"""``wellkept diagnose``: confirm the causes of incidents, and learn from what was confirmed."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.sdk.paths import path_of


@click.group(name="diagnose")
def command() -> None:
    """Confirm or correct the causes of incidents, and have the diagnosis learn from that."""


@command.command(name="confirm")
@click.argument("incident")
@click.argument("entity")
@click.option("--fault", default="", help="What was wrong with it: cpu, memory, disk, network, latency, errors, ...")
@click.option("--why", default="", help="How you know, for the record.")
@click.option("--by", default=getpass.getuser, help="Who says it (default: you).")
@data_option
@json_option
def confirm(incident: str, entity: str, fault: str, why: str, by: str, data: Path | None, as_json: bool) -> None:
    """Say what was the cause: an entity such as service:cart, or none. The latest word counts."""
    body = {"entity": entity, "fault": fault, "why": why, "by": by}
    answer = client(data).post(path_of("/api/v1/incidents/{}/cause", incident), body)
    if as_json:
        return say_json(answer)
    said = answer["confirmation"]
    named = said["named"] or "nobody"
    click.echo(f"cause of {incident}: {said['entity'] or 'none of the suspects'}; the diagnosis had named {named}")
    return None


@command.command(name="confirmed")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@data_option
@json_option
def confirmed(limit: int, data: Path | None, as_json: bool) -> None:
    """List what was confirmed, newest first."""
    answer = client(data).get("/api/v1/diagnosis/confirmations", limit=limit)
    if as_json:
        return say_json(answer)
    rows = [
        (when(one["at"]), one["incident"], one["entity"] or "none", one["fault"], one["named"] or "nobody", one["by"])
        for one in answer["confirmations"]
    ]
    say_table(
        "Confirmed causes", ("at", "incident", "cause", "fault", "had been named", "by"), rows, "Nothing was confirmed."
    )
    return None


@command.command(name="learn")
@click.option("--by", default=getpass.getuser, help="Who asks for it (default: you).")
@data_option
@json_option
def learn(by: str, data: Path | None, as_json: bool) -> None:
    """Make a new version of the weights. One that passes on causes that it was not learned from goes to the gate."""
    answer = client(data).post("/api/v1/diagnosis/learn", {"by": by})
    if as_json:
        return say_json(answer)
    made = answer["weights"]
    verdict = made["verdict"]
    click.echo(f"version {made['number']}: {verdict['judgement']}. {verdict['sentence']}")
    for check in verdict["checks"]:
        click.echo(f"  {'ok' if check['passed'] else 'no':3}{check['name']}: {check['value']} ({check['limit']})")
    if answer["plan"]:
        _say_plan(answer["plan"])
    return None


@command.command(name="weights")
@data_option
@json_option
def weights(data: Path | None, as_json: bool) -> None:
    """List the versions that were learned, newest first."""
    answer = client(data).get("/api/v1/diagnosis/weights")
    if as_json:
        return say_json(answer)
    rows = [
        (str(one["number"]), when(one["at"]), one["by"], str(one["cases"]), one["verdict"]["judgement"],
         "in use" if one["number"] == answer["in_use"] else "")
        for one in answer["weights"]
    ]  # fmt: skip
    say_table(
        "Learned weights",
        ("version", "at", "by", "cases", "judged", ""),
        rows,
        "None were learned: the shipped ones are used.",
    )
    return None


@command.command(name="use")
@click.argument("number", type=click.IntRange(0))
@click.option("--why", default="", help="For the record.")
@click.option("--by", default=getpass.getuser, help="Who asks for it (default: you).")
@data_option
def use(number: int, why: str, by: str, data: Path | None) -> None:
    """Use a version that passed; it goes through the gate. 0 is the shipped one."""
    _say_plan(client(data).post("/api/v1/diagnosis/use", {"number": number, "why": why, "by": by})["plan"])


@command.command(name="shipped")
@click.option("--why", default="", help="For the record.")
@click.option("--by", default=getpass.getuser, help="Who asks for it (default: you).")
@data_option
def shipped(why: str, by: str, data: Path | None) -> None:
    """Use the shipped weights again; the same as `use 0`."""
    _say_plan(client(data).post("/api/v1/diagnosis/use", {"number": 0, "why": why, "by": by})["plan"])


def _say_plan(plan: dict[str, Any]) -> None:
    click.echo(f"{plan['title']}: plan {plan['id']} is {plan['state']}. {plan['sentence']}")
    if plan["state"] == "waiting":
        click.echo(f"to let it: wellkept approve {plan['id']}")

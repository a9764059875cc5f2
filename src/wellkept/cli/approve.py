"""``wellkept approve``: see what waits for a person, and decide."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.kernel.errors import ConflictError
from wellkept.kernel.plan import PlanState
from wellkept.sdk.client import Client
from wellkept.sdk.paths import path_of

PATIENCE_S, LOOK_EVERY_S = 10.0, 0.2
"""For how long an approved plan is followed, and how often it is looked at."""


@click.command(name="approve")
@click.argument("plan", required=False)
@click.option("--reject", is_flag=True, help="Refuse the plan instead.")
@click.option("--why", default="", help="The reason, for the audit log.")
@click.option("--by", default=getpass.getuser, help="Who decides (default: you).")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
@json_option
def command(plan: str | None, reject: bool, why: str, by: str, yes: bool, data: Path | None, as_json: bool) -> None:
    """List the plans that wait for a person; with PLAN, read it and decide on exactly what was read."""
    api = client(data)
    if plan is None:
        waiting = api.get("/api/v1/plans", state="waiting")
        if as_json:
            return say_json(waiting)
        if (pause := api.get("/api/v1/runbooks/pause")["pause"]) is not None:
            click.secho(pause["sentence"], fg="yellow")
        return _list(waiting["plans"])
    read = api.get(path_of("/api/v1/plans/{}", plan))
    if not as_json:
        _show(read)
    if read["state"] != PlanState.WAITING:
        raise ConflictError(f"plan {plan}", "does not wait for a decision", read["state"])
    verb, done = ("reject", "rejected") if reject else ("approve", "approved")
    if not yes:
        click.confirm(f"{verb} exactly this plan?", abort=True, err=True)
    opinion = {"hash": read["hash"], "by": by, "why": why or f"{done} on the command line"}
    answer = api.post(path_of("/api/v1/plans/{}/{}", plan, verb), opinion)
    if as_json:
        return say_json(answer)
    click.secho(f"{done}: {read['plan']['title']}", fg="yellow" if reject else "green")
    if not reject:
        _follow(api, plan)
    return None


def _follow(api: Client, plan: str) -> None:
    """Say what comes of an approved plan, where that is known soon.

    Raises:
        ConflictError: it came to nothing.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        read = api.get(path_of("/api/v1/plans/{}", plan))
        state = PlanState(read["state"])
        if state.is_final or state is PlanState.WAITING or time.monotonic() > until:
            break
        time.sleep(LOOK_EVERY_S)
    words = "; ".join(result["sentence"] for result in read["results"])
    if state.is_final and state is not PlanState.SUCCEEDED:
        raise ConflictError(f"plan {plan}", f"was approved, but came to nothing: {words or 'nothing was said'}", state)
    if state is PlanState.WAITING:
        click.echo("it waits for another person's approval")
    elif state.is_final:
        click.echo(f"done: {words}")
    else:
        click.echo(f"it is {state}; `wellkept approve {plan}` says what came of it")


def _list(plans: list[dict[str, Any]]) -> None:
    rows = [
        (p["id"], p["plan"]["risk"], when(p["plan"]["proposed_at"]), p["plan"]["title"], p["sentence"]) for p in plans
    ]
    empty = "Nothing waits for a decision. Plans come here when an incident has a remedy or a model has a challenger."
    say_table("Waiting for a person", ("plan", "risk", "since", "what", "why it waits"), rows, empty)


def _show(read: dict[str, Any]) -> None:
    plan = read["plan"]
    click.secho(plan["title"], bold=True)
    click.echo(f"because {plan['reason']}")
    click.echo(f"risk {plan['risk']}; {plan['effect']}")
    for action, would in zip(plan["actions"], read["would"], strict=False):
        click.echo(f"  {action['name']} {action['target']}: {would}")
        if action["undo"]:
            click.echo(f"    to take it back: {action['undo']}")
    for result in read["results"]:
        click.echo(f"it is {read['state']}: {result['sentence']}")
    click.echo(f"hash {read['hash']}")

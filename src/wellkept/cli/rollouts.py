"""``wellkept models rollout``, ``rollouts`` and ``stop``: versions on their way to all the traffic."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.sdk.paths import path_of


@click.command()
@click.argument("model")
@click.option("--version", default="", help="Number or digest (default: the newest that passed its gates).")
@click.option("--strategy", type=click.Choice(["shadow", "canary", "ab", "blue_green"]), help="How it comes in.")
@click.option("--share", "shares", type=float, multiple=True, help="Its share of the traffic; again for each step.")
@click.option("--step-s", type=float, help="Seconds that a step takes at least.")
@click.option("--step-rows", type=int, help="Requests that it must have had in a step.")
@click.option("--watch-s", type=float, help="Seconds for which the version before stays at hand after the switch.")
@click.option("--without-labels", type=click.Choice(["hold", "agree"]), help="Whether like scores are enough.")
@click.option("--approval", type=click.Choice(["once", "again"]), help="Whether the promotion is approved again.")
@click.option("--why", default="", help="The reason.")
@data_option
@json_option
def rollout(model: str, version: str, why: str, data: Path | None, as_json: bool, **given: Any) -> None:
    """Propose that a version comes in step by step, judged on the way; a person approves it.

    What is not said here stands under `rollout` in the contract.
    """
    policy = {name: given[name] for name in ("strategy", "step_s", "step_rows", "watch_s", "approval")}
    policy |= {"shares": list(given["shares"]) or None}
    policy = {name: value for name, value in policy.items() if value is not None}
    if given["without_labels"]:
        policy["quality"] = {"without_labels": given["without_labels"]}
    request = {"version": version, "policy": policy, "by": getpass.getuser(), "why": why}
    answer = client(data).post(path_of("/api/v1/models/{}/rollout", model), request)
    if as_json:
        return say_json(answer)
    click.echo(f"proposed: {answer['plan']['title']}. {answer['plan']['effect']}")
    click.echo(f"`wellkept approve {answer['id']}` shows it and decides.")
    return None


@click.command()
@click.argument("model", default="")
@data_option
@json_option
def rollouts(model: str, data: Path | None, as_json: bool) -> None:
    """List rollouts, or show the newest of MODEL with what was judged."""
    api = client(data)
    if not model:
        answer = api.get("/api/v1/rollouts")
        return say_json(answer) if as_json else _say_all(answer["rollouts"])
    found = api.get(path_of("/api/v1/models/{}/rollout", model))["rollout"]
    return say_json(found) if as_json else _say_one(found)


@click.command()
@click.argument("model")
@click.option("--why", default="", help="The reason.")
@data_option
@json_option
def stop(model: str, why: str, data: Path | None, as_json: bool) -> None:
    """Stop the rollout of MODEL at once: the champion answers alone again."""
    request = {"by": getpass.getuser(), "why": why}
    found = client(data).post(path_of("/api/v1/models/{}/rollout/stop", model), request)["rollout"]
    if as_json:
        return say_json(found)
    click.echo(f"stopped: version {found['versions']['challenger']} of {model} gets no traffic any more")
    return None


def _say_all(found: list[dict[str, Any]]) -> None:
    rows = [
        (
            r["model"],
            f"{r['versions']['champion']} -> {r['versions']['challenger']}",
            f"{r['strategy']}, {r['state']}",
            f"{r['share']:.0%}",
            _because(r),
        )
        for r in found
    ]
    columns = ("model", "versions", "rollout", "share", "because")
    say_table(
        "Rollouts", columns, rows, "No rollout yet. `wellkept models rollout NAME --strategy canary` proposes one."
    )


def _say_one(found: dict[str, Any]) -> None:
    versions, verb = found["versions"], "got" if found["ended_at"] else "gets"
    share = f"{verb} {found['share']:.0%} of the traffic"
    click.echo(
        f"{found['strategy']} rollout of version {versions['challenger']} of {found['model']} against version "
        f"{versions['champion']}: {found['state']}, {share}, began {when(found['started_at'])}"
    )
    click.echo(_because(found))
    look = found["look"]
    rows = [
        (m["name"], m["state"], f"{m['champion']:.4g}", f"{m['challenger']:.4g}", m["sentence"])
        for m in (look["measures"] if look else ())
    ]
    title = f"at {when(look['at'])}: {look['verdict']}" if look else "not judged yet"
    say_table(title, ("measure", "state", "champion", "challenger", "in words"), rows, "Nothing is measured yet.")


def _because(found: dict[str, Any]) -> str:
    """Why it stands where it stands: of a live one, what was judged last."""
    look = found["look"]
    if found["ended_at"]:
        return f"{found['state']} by {found['by']}: {found['sentence']}"
    if look is None:
        return found["sentence"] or "not judged yet"
    return f"{look['verdict']}: {look['sentence']}"

"""``wellkept models decisions``: what was decided about retraining a model, with the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.kernel.plan import PlanState
from wellkept.sdk.paths import path_of


@click.command()
@click.argument("model")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="The newest so many.")
@data_option
@json_option
def decisions(model: str, limit: int, data: Path | None, as_json: bool) -> None:
    """What was decided about retraining MODEL (retrain, hold, refuse, none), why, and what would change it."""
    api = client(data)
    answer = api.get(path_of("/api/v1/models/{}/decisions", model), limit=str(limit))
    if as_json:
        return say_json(answer)
    rows = [
        (when(one["at"]), when(one["until"]), one["action"], one["policy"], _said(one)) for one in answer["decisions"]
    ]
    columns = ("at", "until", "decision", "policy", "because")
    empty = "Nothing was decided yet: a policy decides about every live version, some times in a window."
    say_table(model, columns, rows, empty)
    plans = api.get("/api/v1/plans", subject=f"model:{model}")["plans"]
    for plan in (one for one in plans if not PlanState(one["state"]).is_final):
        title = plan["plan"]["title"]
        click.echo(f"Nothing is decided until plan {plan['id']} has ended, which is {plan['state']}: {title}")
    newest = next(iter(answer["exclusions"]), None)
    if newest and newest["spans"]:
        spans = [(when(one["start"]), when(one["end"]), one["why"]) for one in newest["spans"]]
        say_table(f"Left out of training ({newest['digest'][7:19]})", ("from", "until", "because"), spans, "")
    return None


def _said(one: dict[str, Any]) -> str:
    return f"{one['sentence']} {one['evidence']}".strip()

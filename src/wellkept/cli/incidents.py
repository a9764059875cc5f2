"""``wellkept incidents``: list incidents, or show one with its story."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Severity

SHOWN, AT_MOST = 20, 100_000


@click.command(name="incidents")
@click.argument("incident", required=False)
@click.option("--all", "everything", is_flag=True, help="Closed ones too.")
@click.option("--predictions", is_flag=True, help="The predictions that were made on bad inputs meanwhile.")
@data_option
@json_option
def command(incident: str | None, everything: bool, predictions: bool, data: Path | None, as_json: bool) -> None:
    """List incidents, or show one: its story, its findings, its cause, its plans."""
    api = client(data)
    if predictions:
        if incident is None:
            raise InputError("--predictions", "needs the id of an incident; `wellkept incidents --all` lists them")
        answer = api.get(f"/api/v1/incidents/{incident}/predictions", limit=AT_MOST if as_json else SHOWN)
        return say_json(answer) if as_json else _predictions(answer)
    if incident is None:
        answer = api.get("/api/v1/incidents", **({} if everything else {"live": True}))
        return say_json(answer) if as_json else _list(answer["incidents"])
    answer = api.get(f"/api/v1/incidents/{incident}")
    return say_json(answer) if as_json else _show(answer)


def _predictions(answer: dict[str, Any]) -> None:
    for model in answer["models"]:
        span = f"{when(model['start'])} to {when(model['end'])}"
        click.echo(f"{model['model']}: {model['count']} predictions without {', '.join(model['features'])} ({span})")
    rows = [
        (when(p["time"]), p["model"], p["id"], p["entity_key"], f"{p['score']:.3f}", p["decision"], ", ".join(p["bad"]))
        for p in answer["predictions"]
    ]
    columns = ("at", "model", "prediction", "of", "score", "decision", "bad inputs")
    say_table("Made on bad inputs", columns, rows, "No prediction was made on bad inputs.")
    if sum(model["count"] for model in answer["models"]) > len(rows):
        click.echo(f"The newest {len(rows)}; --json gives up to {AT_MOST}.")


def _list(incidents: list[dict[str, Any]]) -> None:
    rows = [
        (
            i["id"],
            i["state"],
            Severity(i["severity"]).name.lower(),
            when(i["opened_at"]),
            i["title"],
            i["ticket"],
        )
        for i in incidents
    ]
    empty = "No incident is open. `wellkept incidents --all` shows the closed ones."
    say_table("Incidents", ("id", "state", "severity", "since", "what", "ticket"), rows, empty)


def _show(answer: dict[str, Any]) -> None:
    incident = answer["incident"]
    click.secho(f"{incident['id']}  {incident['title']}", bold=True)
    click.echo(f"{incident['state']}, ticket {incident['ticket'] or 'none'}")
    say_table(
        "Findings",
        ("since", "entity", "what"),
        [(when(f["starts_at"]), f["entity"], f["sentence"]) for f in answer["findings"]],
        "No findings.",
    )
    diagnosis = answer["diagnosis"]
    if diagnosis:
        click.echo(diagnosis["sentence"])
        causes = [
            (c["entity"], f"{c['confidence']:.0%}", "; ".join(r["sentence"] for r in c["reasons"]))
            for c in diagnosis["causes"]
        ]
        say_table("Causes", ("entity", "confidence", "because"), causes, "No cause was found.")
    plans = [(p["plan"]["id"], p["state"], p["plan"]["title"], p["sentence"]) for p in answer["plans"]]
    say_table("Plans", ("id", "state", "what", "how it stands"), plans, "No plan was proposed.")
    story = [(when(t["at"]), t["actor"], t["what"]) for t in incident["timeline"]]
    say_table("Story", ("at", "who", "what"), story, "Nothing happened yet.")

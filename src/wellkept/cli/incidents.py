"""``wellkept incidents``: list incidents, show one with its story, and everything that is done with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wellkept.cli import incidentdeeds, incidentreports
from wellkept.cli.incidentreports import MOMENTS, lasted
from wellkept.cli.render import also_as_list, client, data_option, json_option, say_json, say_table, when
from wellkept.kernel.diagnosis import chance
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Severity
from wellkept.sdk.paths import path_of

SHOWN, AT_MOST = 20, 100_000


class Incidents(click.Group):
    """A group in which the id of an incident, in the place of a command, shows that incident."""

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(context, args[0]) is None:
            return "show", show, args
        return super().resolve_command(context, args)


@click.group(name="incidents", cls=Incidents, invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Those that are over, too.")
@click.option("--severity", default="", help="At least: info, warning, error, critical.")
@click.option("--owner", default="", help="Of this team.")
@click.option("--service", default="", help="About this service, or any other entity.")
@click.option("--find", default="", help="Words of the title, or the number of any of its tickets.")
@click.option("--limit", default=50, show_default=True, help="At most so many.")
@data_option
@json_option
def command(everything: bool, limit: int, data: Path | None, as_json: bool, **asked: str) -> None:
    """List incidents; with an id, show one: its story, its findings, its cause, its plans."""
    if click.get_current_context().invoked_subcommand is not None:
        return None
    wanted = {"severity": asked["severity"], "owner": asked["owner"], "service": asked["service"], "q": asked["find"]}
    parameters = {name: value for name, value in wanted.items() if value}
    answer = client(data).get("/api/v1/incidents", **parameters, limit=limit, **({} if everything else {"live": True}))
    return say_json(answer) if as_json else _list(answer, bool(parameters) or everything)


@command.command(name="show", hidden=True)
@click.argument("incident")
@click.option("--predictions", is_flag=True, help="The predictions that were made on bad inputs meanwhile.")
@click.option("--kind", "kinds", multiple=True, help="Of the story only this: finding, change, note, state, ...")
@data_option
@json_option
def show(incident: str, predictions: bool, kinds: tuple[str, ...], data: Path | None, as_json: bool) -> None:
    """Show one incident."""
    if incident.startswith("-"):
        raise InputError("incident", "must be an id; `wellkept incidents --all` lists them", incident)
    api = client(data)
    if predictions:
        answer = api.get(path_of("/api/v1/incidents/{}/predictions", incident), limit=AT_MOST if as_json else SHOWN)
        return say_json(answer) if as_json else _predictions(answer)
    answer = api.get(path_of("/api/v1/incidents/{}", incident))
    wanted = {"kind": list(kinds)} if kinds else {}
    answer["story"] = api.get(path_of("/api/v1/incidents/{}/story", incident), **wanted)["story"]
    return say_json(answer) if as_json else _show(answer)


also_as_list(command)
for sub in (*incidentreports.COMMANDS, *incidentdeeds.COMMANDS):
    command.add_command(sub)


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


def _list(answer: dict[str, Any], is_chosen: bool) -> None:
    is_somebodys = any(i["assignee"] or i["owner"] for i in answer["incidents"])
    rows = [
        (
            i["id"],
            i["state"] + (" (quiet)" if i["held"] else " (merged)" if i["merged_into"] else ""),
            Severity(i["severity"]).name.lower(),
            when(i["opened_at"]),
            i["title"],
            i["ticket"],
            *([i["assignee"] or i["owner"]] if is_somebodys else []),
        )
        for i in answer["incidents"]
    ]
    columns = ("id", "state", "severity", "since", "what", "ticket", *(["whose"] if is_somebodys else []))
    empty = "No incident is like that." if is_chosen else "No incident is open."
    empty += " `wellkept incidents --all` shows the closed ones, too."
    say_table("Incidents", columns, rows, empty)
    if answer["total"] > len(rows):
        click.echo(f"{len(rows)} of {answer['total']}; --limit gives more.")


def _show_diagnosis(diagnosis: dict[str, Any]) -> None:
    """The paragraph, the causes, and what telemetry shows at the likeliest."""
    reworded = (diagnosis["reworded"] or {}).get("text")
    click.echo(reworded or diagnosis["story"] or diagnosis["sentence"])
    causes = [
        (c["entity"], chance(c["probability"] or c["confidence"]), "; ".join(r["sentence"] for r in c["reasons"]))
        for c in diagnosis["causes"]
    ]
    if causes:
        say_table("Causes", ("entity", "probability", "because"), causes, "")
    for shown in diagnosis["causes"][0]["exhibits"] if causes else ():
        click.echo(f"{shown['kind']}: {shown['sentence']}")
        for pointer in shown["pointers"]:
            if pointer["look"] == "trace":
                click.echo(f"  /traces/{pointer['name']}")
        if shown["sample"]:
            click.echo(f"  {shown['sample']}")


def _show(answer: dict[str, Any]) -> None:
    incident = answer["incident"]
    click.secho(f"{incident['id']}  {incident['title']}", bold=True)
    click.echo(f"{incident['state']}, ticket {incident['ticket'] or 'none'}")
    if incident["severity_why"]:
        click.echo(f"severity: {incident['severity_why']}")
    for name in ("held", "owner", "assignee"):
        if incident[name]:
            click.echo(f"{name}: {incident[name]}")
    took = [f"{word} {lasted(seconds)}" for word in MOMENTS if (seconds := incident["times"][f"{word}_s"]) is not None]
    if took:
        click.echo(f"time to {', to '.join(took)}")
    for link in answer["links"]:
        click.echo(f"{link['how']} {link['incident']} ({link['state']}): {link['title']}")
    say_table(
        "Findings",
        ("since", "entity", "what"),
        [(when(f["starts_at"]), f["entity"], f["sentence"]) for f in answer["findings"]],
        "No findings.",
    )
    diagnosis = answer["diagnosis"]
    if diagnosis:
        _show_diagnosis(diagnosis)
    plans = [(p["plan"]["id"], p["state"], p["plan"]["title"], p["sentence"]) for p in answer["plans"]]
    say_table("Plans", ("id", "state", "what", "how it stands"), plans, "No plan was proposed.")
    story = [(when(t["at"]), t["kind"], t["actor"], t["what"]) for t in answer["story"]]
    say_table("Story", ("at", "kind", "who", "what"), story, "Nothing happened yet.")

"""``wellkept systems``: services, hosts and what else is watched, with what is wrong with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from wellkept.cli.render import client, data_option, json_option, say_json, say_table, when
from wellkept.kernel.entity import MINOR, EntityKind, host_id
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.finding import Severity
from wellkept.kernel.hostnames import by_name, host_in
from wellkept.sdk.client import Client

USUAL = (EntityKind.SERVICE, EntityKind.HOST, EntityKind.DATABASE)
"""What is listed where no kind is asked for."""
MOST = 1000

Document = Mapping[str, Any]


@click.command(name="systems")
@click.argument("system", required=False, default="")
@click.option(
    "--kind", type=click.Choice([kind.value for kind in EntityKind]), default=None, help="Of this kind alone."
)
@data_option
@json_option
def command(system: str, kind: str | None, data: Path | None, as_json: bool) -> None:
    """List services and hosts, the unwell first; or show one SYSTEM, by its id or its name."""
    server = client(data)
    if system:
        return _show(server, system, as_json)
    entities = server.get("/api/v1/topology", kind=kind)["entities"]
    wanted = [one for one in entities if kind or one["kind"] in USUAL]
    listed = [_told(one, found) for one, found in _unwell(server, wanted)]
    if as_json:
        return say_json({"systems": listed})
    rows = [(one["name"], one["kind"], one["state"], one["owner"], one["why"]) for one in listed]
    empty = "Nothing has reported yet. README says how senders are pointed here."
    return say_table("Systems", ("name", "kind", "state", "owner", "what is wrong"), rows, empty)


def _unwell(server: Client, entities: Sequence[Document]) -> list[tuple[Document, list[Document]]]:
    """Entities with what is open of them (and of the disks and processes of a host), the unwell first."""
    told: defaultdict[str, list[Document]] = defaultdict(list)
    for finding in server.get("/api/v1/findings", open_only=True, limit=MOST)["findings"]:
        entity, host = finding["entity"], host_in(finding["entity"])
        for system in {entity, host_id(host)} if host else {entity}:
            told[system].append(finding)
    found = [(one, told[one["id"]]) for one in entities]
    return sorted(found, key=lambda pair: (-max((each["severity"] for each in pair[1]), default=0), pair[0]["name"]))


def _told(one: Document, findings: Sequence[Document]) -> dict[str, Any]:
    worst = max(findings, key=lambda each: (each["severity"], each["score"]), default=None)
    state = Severity(worst["severity"]).name.lower() if worst else "well"
    told = {name: one[name] for name in ("id", "name", "kind", "owner")}
    return {**told, "state": state, "findings": len(findings), "why": worst["sentence"] if worst else ""}


def _show(server: Client, system: str, as_json: bool) -> None:
    graph = server.get("/api/v1/topology")
    known = [one for one in graph["entities"] if system in (one["id"], one["name"])]
    if not known:
        raise NotFoundError(f"system {system}", "is not known; `wellkept systems` lists all")
    entity = next((one for one in known if one["kind"] in USUAL), known[0])
    ((_, findings),) = _unwell(server, [entity])
    names = {one["id"].partition(":")[2]: one["name"] for one in graph["entities"] if one["kind"] == EntityKind.HOST}
    below = sorted({edge["target"] for edge in graph["edges"] if edge["source"] == entity["id"]})
    above = sorted({edge["source"] for edge in graph["edges"] if edge["target"] == entity["id"]})
    if as_json:
        return say_json({"system": entity, "findings": findings, "depends_on": below, "depended_on_by": above})
    click.secho(f"{entity['kind']} {entity['name']}", bold=True)
    for words, others in (("depends on", below), ("depended on by", above)):
        shown = [by_name(other, names) for other in others if not other.startswith(MINOR)]
        minor = len(others) - len(shown)
        if others:
            click.echo(f"{words} {', '.join(shown + [f'{minor} processes or endpoints'] * bool(minor))}")
    rows = [(when(f["starts_at"]), Severity(f["severity"]).name.lower(), f["sentence"]) for f in findings]
    say_table("Findings", ("since", "severity", "what"), rows, "Nothing is wrong with it.")
    click.echo(f"{server.url}/system?entity={quote(entity['id'], safe=':/')}")
    return None

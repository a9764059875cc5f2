"""Incidents over HTTP: found and paged, read with their reasons, acted on once, and refused with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.spine.scene import NOON, Scene, finding, open_scene

from wellkept.api import errors, incidentdeeds, incidents
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState, Member, Tie
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.incidentbook import IncidentBook
from wellkept.spine.regrouping import RegroupingDesk
from wellkept.spine.story import Storyteller
from wellkept.spine.topology import Topology


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Two live incidents, of two findings and of one, and one that is closed."""
    made = open_scene(tmp_path)
    found = made.stream.publish([finding(name) for name in ("cpu", "disk", "memory", "old")], NOON)
    parts = (("inc-1", found[:2], IncidentState.OPEN), ("inc-2", found[2:3], IncidentState.OPEN))
    for name, own, state in (*parts, ("inc-3", found[3:], IncidentState.CLOSED)):
        members = tuple(Member(one.id, one.entity, NOON, "near", Tie.SAME_ENTITY) for one in own)
        made.stream.save_incident(Incident(name, f"{name} is sick", state, Severity.ERROR, NOON, NOON, members))
    yield made
    made.state.close()


@pytest.fixture
def app(scene: Scene) -> FastAPI:
    grouping = GroupingDesk(scene.state, scene.audit, scene.clock)
    teller = Storyteller(scene.stream, scene.gate, scene.audit, Topology(scene.state), scene.clock)
    book = IncidentBook(scene.state, scene.stream, scene.gate, grouping, teller, scene.clock)
    made = FastAPI()
    errors.install(made)
    made.include_router(incidents.router(scene.stream, scene.gate, book, scene.clock))
    made.include_router(incidentdeeds.router(RegroupingDesk(scene.stream, scene.audit, scene.clock, grouping)))
    return made


def ask(app: FastAPI, method: str, path: str, **arguments: Any) -> httpx.Response:
    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            return await http.request(method, f"/api/v1/incidents{path}", **arguments)

    return asyncio.run(answer())


def do(app: FastAPI, path: str, **body: Any) -> httpx.Response:
    return ask(app, "POST", path, json={"by": "ann", "why": "because", **body})


def test_incidents_are_filtered_and_paged(app: FastAPI) -> None:
    first = ask(app, "GET", "?live=true&limit=1").json()
    second = ask(app, "GET", "?live=true&limit=1&offset=1").json()

    assert (first["total"], first["limit"], second["offset"]) == (2, 1, 1)
    assert {first["incidents"][0]["id"], second["incidents"][0]["id"]} == {"inc-1", "inc-2"}
    assert [one["id"] for one in ask(app, "GET", "?state=closed&state=resolved").json()["incidents"]] == ["inc-3"]
    (one,) = ask(app, "GET", "?q=inc-1").json()["incidents"]
    assert (one["count"], len(one["members"]), one["severity_name"], one["times"]["detect_s"]) == (2, 2, "error", 0.0)
    assert "extent" not in one


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("?severity=awful", "severity: must be one of info, warning, error, critical, got 'awful'"),
        ("?stat=open", "query.stat: Extra inputs are not permitted"),
        ("?limit=0", "query.limit"),
        ("/inc-1/postmortem?zone=Nowhere", "zone: must be a time zone such as Europe/Berlin, got 'Nowhere'"),
        ("/inc-1/story?kind=gossip", "query.kind.0"),
        ("/summary?start=2026-01-02T00:00:00&end=2026-01-01T00:00:00", "start: must be before end"),
    ],
)
def test_what_is_not_right_is_named(app: FastAPI, path: str, words: str) -> None:
    answer = ask(app, "GET", path)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"].startswith(words)


def test_a_life_over_http(app: FastAPI, scene: Scene) -> None:
    do(app, "/inc-1/acknowledge")
    do(app, "/inc-1/assign", to="bo")
    ask(app, "POST", "/inc-1/note", json={"by": "bo", "text": "the disk is slow"})
    do(app, "/inc-1/relate", other="inc-3")
    do(app, "/inc-1/mitigate")
    assert do(app, "/inc-1/rate", severity="info").json()["incident"]["severity_name"] == "info"
    done = do(app, "/inc-1/close").json()["incident"]

    assert (done["state"], done["assignee"], done["related"]) == ("closed", "bo", ["inc-3"])
    told = ask(app, "GET", "/inc-1/story?kind=note").json()["story"]
    assert [(line["actor"], line["what"]) for line in told] == [("bo", "the disk is slow")]
    links = ask(app, "GET", "/inc-1").json()["links"]
    assert [(link["incident"], link["how"]) for link in links] == [("inc-3", "it has to do with")]
    again = do(app, "/inc-1/reopen").json()["incident"]
    assert (again["reopens"], again["state"]) == ("inc-1", "open")
    assert scene.audit.verify() > 0


def test_a_merge_a_split_and_a_move_over_http(app: FastAPI) -> None:
    merged = do(app, "/inc-1/merge", other="inc-2").json()["incident"]
    assert merged["count"] == 3
    told = ask(app, "GET", "/inc-1/explain").json()["explanation"]
    assert (told["took_in"], told["ties"]) == (["inc-2"], {"same_entity": 3})
    moving = merged["members"][0]["finding"]
    new = do(app, "/inc-1/split", findings=[merged["members"][2]["finding"]]).json()["incident"]
    there = do(app, "/inc-1/move", finding=moving, to=new["id"]).json()["incident"]
    assert (there["id"], [member["tie"] for member in there["members"]]) == (new["id"], ["same_entity", "hand"])


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/inc-3/acknowledge", {}, 409, "incident inc-3: cannot go from closed to acknowledged"),
        ("/inc-1/merge", {"other": "inc-3"}, 409, "incident inc-3: is over and cannot be merged"),
        ("/inc-1/merge", {"other": "inc-9"}, 404, "incident inc-9: is not known"),
        ("/inc-1/split", {"findings": ["fnd-0"]}, 422, "findings: must be findings of inc-1"),
        ("/inc-1/resolve", {"why": ""}, 422, "body.why"),
        ("/inc-1/resolve", {"why": " \n "}, 422, "body.why"),
        ("/inc-1/rate", {"severity": "hopeless"}, 422, "severity: must be one of info, warning, error, critical"),
        ("/inc-1/reopen", {}, 409, "incident inc-1: is not over; only what is over can be reopened, got 'open'"),
        ("/inc-1/resolve", {"because": "x"}, 422, "body.because"),
        ("/inc-1/resolve", {"by": ""}, 422, "body.by"),
        ("/inc-9/resolve", {}, 404, "incident inc-9: is not known"),
    ],
)
def test_what_cannot_be_done_is_told(app: FastAPI, path: str, body: dict[str, Any], status: int, words: str) -> None:
    answer = do(app, path, **body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"].startswith(words)


def test_the_paths_are_described(app: FastAPI) -> None:
    described = app.openapi()["paths"]
    for deed in ("acknowledge", "mitigate", "resolve", "close", "reopen", "assign", "own", "note", "relate", "merge"):
        assert f"/api/v1/incidents/{{incident_id}}/{deed}" in described
    asked = {one["name"] for one in described["/api/v1/incidents"]["get"]["parameters"]}
    assert {"live", "state", "severity", "owner", "service", "held", "q", "limit", "offset"} <= asked

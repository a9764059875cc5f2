"""Silences over Alertmanager's API, as amtool asks for them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.api.calls import Doors, recorded
from tests.ops.ingest.outside import NOON, Outside

from wellkept.api import alertmanager
from wellkept.api.alertmanager_silences import SilenceDoor

BASE = "/alertmanager/api/v2"
AMTOOL: dict[str, Any] = {
    "comment": "known",
    "createdBy": "ann",
    "endsAt": "2026-11-25T19:54:00.000Z",
    "matchers": [{"isEqual": True, "isRegex": False, "name": "alertname", "value": "HighLatency"}],
    "startsAt": "2026-11-25T17:54:00.000Z",
}
"""What amtool 0.25 sends for ``silence add alertname=HighLatency -c known -a ann -d 2h``."""


@pytest.fixture
def doors(world: Outside) -> Doors:
    silences = SilenceDoor(world.silences, world.clock)
    return Doors(alertmanager.routes(world.alerts, world.reader, world.clock, 1 << 20, silences))


def post(doors: Doors, **changes: Any) -> httpx.Response:
    return doors.post(f"{BASE}/silences", json.dumps({**AMTOOL, **changes}).encode(), content_type="application/json")


def test_a_silence_is_made_shown_and_ended(doors: Doors, world: Outside) -> None:
    made = post(doors).json()["silenceID"]
    shown = doors.call("GET", f"{BASE}/silence/{made}").json()
    assert shown.pop("updatedAt").endswith("Z")
    assert shown == {**AMTOOL, "id": made, "status": {"state": "active"}}
    assert [one["id"] for one in doors.call("GET", f"{BASE}/silences").json()] == [made]
    world.clock.advance(timedelta(minutes=1))
    assert doors.call("DELETE", f"{BASE}/silence/{made}").status_code == 200
    (ended,) = doors.call("GET", f"{BASE}/silences").json()
    assert ended["status"] == {"state": "expired"}
    assert doors.call("DELETE", f"{BASE}/silence/{made}").status_code == 400
    assert doors.call("DELETE", f"{BASE}/silence/unknown").status_code == 404
    assert doors.call("GET", f"{BASE}/silence/unknown").status_code == 404


def test_what_is_silenced_is_suppressed(doors: Doors) -> None:
    doors.post(f"{BASE}/alerts", recorded("prometheus_firing.json"))
    made = post(doors).json()["silenceID"]
    found = {one["labels"]["alertname"]: one["status"] for one in doors.call("GET", f"{BASE}/alerts").json()}
    assert found["HighLatency"] == {
        "inhibitedBy": [], "mutedBy": [], "silencedBy": [made], "state": "suppressed",
    }  # fmt: skip
    assert found["DiskAlmostFull"]["state"] == "active"
    (group,) = doors.call("GET", f"{BASE}/alerts/groups?silenced=false").json()
    assert [one["labels"]["alertname"] for one in group["alerts"]] == ["DiskAlmostFull"]
    assert (group["labels"], group["receiver"]) == ({}, {"name": "wellkept"})


def test_a_silence_is_changed_in_its_place_and_others_matchers_make_another(doors: Doors, world: Outside) -> None:
    made = post(doors).json()["silenceID"]
    world.clock.advance(timedelta(minutes=1))
    assert post(doors, id=made, endsAt="2026-11-25T20:54:00Z").json()["silenceID"] == made
    other = [{"isEqual": False, "isRegex": True, "name": "team", "value": "a|b"}, *AMTOOL["matchers"]]
    again = post(doors, id=made, matchers=other).json()["silenceID"]
    assert again != made
    states = {one["id"]: one["status"]["state"] for one in doors.call("GET", f"{BASE}/silences").json()}
    assert states == {made: "expired", again: "active"}
    assert doors.call("GET", f"{BASE}/silence/{again}").json()["matchers"][1] == other[0]


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 1), ("?filter=alertname%3DHighLatency", 1), ("?filter=alertname%3Dx", 0), ("?filter=x%3Dy", 0)],
)
def test_silences_are_filtered(query: str, count: int, doors: Doors) -> None:
    post(doors)
    assert len(doors.call("GET", f"{BASE}/silences{query}").json()) == count


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"matchers": []}, "silence.matchers: must be a list with at least one"),
        ({"matchers": [{"name": "a"}]}, "silence.matchers[0]: must have a name and a value"),
        ({"matchers": [{"name": "a", "value": "(", "isRegex": True}]}, "must have a regular expression of RE2"),
        ({"matchers": [{"name": "a", "value": ""}]}, "at least one must not match the empty value"),
        ({"endsAt": "2026-11-25T17:00:00Z"}, "silence.ends_at: must not be in the past"),
        ({"endsAt": "soon"}, "silence.endsAt: must be a moment"),
        ({"createdBy": ""}, "silence.createdBy: must be a text that is not empty"),
        ({"comment": 7}, "silence.comment: must be a text that is not empty"),
    ],
)
def test_what_is_no_silence_is_told(change: dict[str, Any], said: str, doors: Doors) -> None:
    answer = post(doors, **change)
    assert answer.status_code == 400
    assert said in answer.json()


def test_a_silence_of_a_later_time_is_pending(doors: Doors) -> None:
    made = post(doors, startsAt=(NOON + timedelta(hours=1)).isoformat()).json()["silenceID"]
    assert doors.call("GET", f"{BASE}/silence/{made}").json()["status"] == {"state": "pending"}
    assert post(doors, id="no-such", comment="x").status_code == 404

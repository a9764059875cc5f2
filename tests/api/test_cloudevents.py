"""The door for CloudEvents on a real store: modes by content type, each event once, and the statuses."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.api.calls import Doors
from tests.ops.ingest.outside import NOON, Outside

from wellkept.api import cloudevents
from wellkept.kernel.errors import StoreError
from wellkept.ops.ingest.base import IngestSettings
from wellkept.ops.ingest.events.intake import Events
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.telemetry import Telemetry

PATH = "/cloudevents"
EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/ci",
    "type": "com.example.said",
    "data": "hello",
    "time": NOON.isoformat(),
}
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
HEADERS = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/ci", "ce_type": "com.example.said"}


@pytest.fixture
def doors(world: Outside, telemetry: Telemetry) -> Iterator[Doors]:
    ingest = Ingest(telemetry, world.clock, IngestSettings(max_body_bytes=1 << 20, group_s=0, pace_s=0))
    yield Doors(cloudevents.routes(Events(world.stream, world.identity, world.clock), ingest))
    ingest.close()


def stored(telemetry: Telemetry) -> list[str]:
    rows = telemetry.logs.search("", NOON - timedelta(hours=1), NOON + timedelta(hours=1))
    return sorted(row["Body"] for row in rows.to_pylist())


def event(**fields: Any) -> bytes:
    return json.dumps({**EVENT, **fields}).encode()


def test_binary_structured_and_batched(doors: Doors, telemetry: Telemetry) -> None:
    headers = {**HEADERS, "ce_source": "Euro%20%E2%82%AC", "content_type": "text/plain"}
    assert doors.post(PATH, b"in the body", **headers).status_code == 204
    assert doors.post(PATH, event(), content_type=f"{STRUCTURED}; charset=UTF-8").status_code == 204
    both = json.dumps([{**EVENT, "id": n, "data": n} for n in ("2", "3")]).encode()
    answer = doors.post(PATH, gzip.compress(both), content_type=BATCH, content_encoding="gzip")
    assert (answer.status_code, answer.content) == (204, b"")

    assert stored(telemetry) == ["2", "3", "hello", "in the body"]


def test_an_event_that_is_sent_again_is_stored_once(doors: Doors, world: Outside, telemetry: Telemetry) -> None:
    for _ in range(3):
        assert doors.post(PATH, event(time=None), content_type=STRUCTURED).status_code == 204
        world.later(seconds=1)
    assert stored(telemetry) == ["hello"]


def test_a_deploy_is_a_change(doors: Doors, world: Outside) -> None:
    body = event(type="com.example.deployed", subject="checkout", data={"message": "v42"})
    assert doors.post(PATH, body, content_type=STRUCTURED).status_code == 204
    (change,) = world.changes.known
    assert (change.entity, change.summary) == ("service:checkout", "v42")


def test_what_was_not_stored_is_taken_when_it_comes_again(
    doors: Doors, world: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("broken")

    body = event(type="com.example.deployed", subject="checkout")
    monkeypatch.setattr(world.stream, "record", refuse)
    answer = doors.post(PATH, body, content_type=STRUCTURED)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    monkeypatch.undo()

    assert doors.post(PATH, body, content_type=STRUCTURED).status_code == 204
    assert len(world.changes.known) == 1


@pytest.mark.parametrize(
    ("body", "headers", "status", "told"),
    [
        (event(), {"content_type": "application/cloudevents+xml"}, 415, "Content-Type"),
        (event(), {"content_type": f"{STRUCTURED}; charset=latin-1"}, 415, "UTF-8"),
        (event(), {"content_type": "application/json"}, 400, "must have ce- headers"),
        (b"", {}, 400, "must have ce- headers"),
        (b"{", {"content_type": STRUCTURED}, 400, "must be JSON"),
        (b"\xff", {"content_type": STRUCTURED}, 400, "must be JSON"),
        (b"[]", {"content_type": STRUCTURED}, 400, "event: must be an object"),
        (event(), {"content_type": BATCH}, 400, "events: must be a list"),
        (event(specversion="0.3"), {"content_type": STRUCTURED}, 400, "specversion"),
        (b"", {**HEADERS, "ce_source": "%C0%A0"}, 400, "must be UTF-8"),
        (b"", {**HEADERS, "ce_source": "\xff"}, 400, "must be UTF-8"),
        (b"", {**HEADERS, "ce_datacontenttype": "text/plain"}, 400, "ce-datacontenttype"),
        (b" " * (2 << 20), {"content_type": STRUCTURED}, 413, "at most"),
    ],
)
def test_what_is_refused(body: bytes, headers: dict[str, str], status: int, told: str, doors: Doors) -> None:
    answer = doors.post(PATH, body, **headers)
    assert answer.status_code == status
    assert told in answer.json()["error"]["message"]


def test_an_empty_list_is_a_success(doors: Doors) -> None:
    assert doors.post(PATH, b"[]", content_type=BATCH).status_code == 204


def test_of_a_list_with_a_bad_event_none_is_stored(doors: Doors, telemetry: Telemetry) -> None:
    answer = doors.post(PATH, json.dumps([EVENT, {**EVENT, "id": ""}]).encode(), content_type=BATCH)
    assert answer.status_code == 400
    assert "events[1].id" in answer.json()["error"]["message"]
    assert stored(telemetry) == []


def test_strangers_are_told_nothing(doors: Doors) -> None:
    assert doors.post(PATH, event(), token=None, content_type=STRUCTURED).status_code == 401

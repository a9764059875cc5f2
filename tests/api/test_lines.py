"""The door for lines on a real store."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.api.calls import Doors
from tests.ops.ingest.outside import NOON, Outside

from wellkept.api import lines
from wellkept.ops.ingest.base import IngestSettings
from wellkept.ops.ingest.lines import LineDoor
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.telemetry import Telemetry

PATH = "/v1/lines"


@pytest.fixture
def doors(world: Outside, telemetry: Telemetry) -> Iterator[Doors]:
    ingest = Ingest(telemetry, world.clock, IngestSettings(max_body_bytes=1 << 20, group_s=0, pace_s=0))
    yield Doors(lines.routes(ingest, LineDoor(world.identity), world.clock))
    ingest.close()


def test_lines_are_stored_before_they_are_acknowledged(doors: Doors, telemetry: Telemetry) -> None:
    body = b'{"msg":"one","service":"checkout","level":"warn"}\ntwo\n'

    answer = doors.post(f"{PATH}?host=web-1", gzip.compress(body), content_encoding="gzip")

    assert (answer.status_code, answer.json()) == (200, {"accepted": 2})
    rows = telemetry.logs.search("", NOON - timedelta(hours=1), NOON + timedelta(hours=1)).to_pylist()
    assert {(row["Entity"], row["SeverityNumber"], row["Body"]) for row in rows} == {
        ("service:checkout", 13, "one"),
        ("host:4c4c-web-1", 0, "two"),
    }


def test_a_json_list_and_nothing_at_all(doors: Doors) -> None:
    assert doors.post(PATH, b'[{"log":"a"}]', content_type="application/json").json() == {"accepted": 1}
    assert doors.post(PATH, b"").json() == {"accepted": 0}


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        (f"{PATH}?color=blue", b"x", {}, 400),
        (PATH, b"x", {"content_encoding": "gzip"}, 400),
        (PATH, b"[", {"content_type": "application/json"}, 400),
        (PATH, b"x", {"content_encoding": "zstd"}, 415),
        (PATH, gzip.compress(b"x" * (2 << 20)), {"content_encoding": "gzip"}, 413),
    ],
)
def test_what_is_refused(path: str, body: bytes, headers: dict[str, str], status: int, doors: Doors) -> None:
    answer = doors.post(path, body, **headers)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_strangers_are_told_nothing(doors: Doors) -> None:
    assert doors.post(PATH, b"x", token=None).status_code == 401

"""Loki's doors on a real store: what is acknowledged is stored, and the answers that clients act on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.api.calls import Doors
from tests.ops.ingest.outside import NOON, Outside
from tests.ops.ingest.test_loki_push import entry, push

from wellkept.api import loki
from wellkept.kernel.clock import to_nanos
from wellkept.kernel.errors import OverloadError, StoreError, WellkeptError
from wellkept.ops.ingest.base import IngestSettings
from wellkept.ops.ingest.loki import PushReader
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.telemetry import Telemetry

PUSH = "/loki/api/v1/push"
AT = to_nanos(NOON)
BODY = json.dumps({"streams": [{"stream": {"app": "shop"}, "values": [[str(AT), "hello"]]}]}).encode()


class Full:
    """A store that cannot take anything, for a reason."""

    def __init__(self, error: WellkeptError) -> None:
        self.error = error

    @property
    def otlp(self) -> Full:
        return self

    @property
    def remote(self) -> Full:
        return self

    def insert(self, *_: Any, **__: Any) -> Sequence[Receipt]:
        raise self.error


def doors_of(store: Telemetry | Full, world: Outside) -> tuple[Doors, Ingest]:
    ingest = Ingest(store, world.clock, IngestSettings(max_body_bytes=1 << 20, group_s=0, pace_s=0))
    return Doors(loki.routes(ingest, PushReader(world.identity), world.clock)), ingest


@pytest.fixture
def doors(world: Outside, telemetry: Telemetry) -> Iterator[Doors]:
    made, ingest = doors_of(telemetry, world)
    yield made
    ingest.close()


def stored(telemetry: Telemetry) -> list[str]:
    rows = telemetry.logs.search("", NOON - timedelta(hours=1), NOON + timedelta(hours=1))
    return [f"{row['Entity']} {row['Body']}" for row in rows.to_pylist()]


def test_json_is_stored_before_it_is_acknowledged(doors: Doors, telemetry: Telemetry) -> None:
    answer = doors.post(PUSH, BODY, content_type="application/json; charset=utf-8")

    assert (answer.status_code, answer.content) == (204, b"")
    assert stored(telemetry) == ["service:shop hello"]


def test_gzip_and_snappy_are_unpacked(doors: Doors, telemetry: Telemetry) -> None:
    packed = gzip.compress(BODY)
    assert doors.post(PUSH, packed, content_type="application/json", content_encoding="gzip").status_code == 204
    body = push(b'{host="web-1"}', entry(b"from snappy", AT))
    for headers in ({"content_type": "application/x-protobuf"}, {"content_encoding": "snappy"}, {}):
        assert doors.post(PUSH, body, **headers).status_code == 204
    assert stored(telemetry) == ["host:4c4c-web-1 from snappy", "service:shop hello"]


def test_an_empty_push_is_a_success(doors: Doors) -> None:
    assert doors.post(PUSH, b'{"streams":[]}', content_type="application/json").status_code == 204


def test_the_good_entries_of_a_push_are_stored_and_the_bad_ones_told(doors: Doors, telemetry: Telemetry) -> None:
    body = json.dumps({"streams": [{"stream": {"app": "shop"}, "values": [[str(AT), "hello"], ["x", "y"]]}]}).encode()

    answer = doors.post(PUSH, body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert "streams[0].values[1][0]: must be nanoseconds since the epoch" in answer.text
    assert "(1 entries were stored, 1 were not)" in answer.text
    assert stored(telemetry) == ["service:shop hello"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {"content_type": "application/json"}, 400),
        (b"x", {"content_type": "application/json", "content_encoding": "gzip"}, 400),
        (BODY, {"content_type": "application/json", "content_encoding": "br"}, 415),
        (BODY, {"content_type": "text/plain"}, 415),
        (BODY, {"content_type": "application/x-protobuf"}, 400),
        (gzip.compress(BODY, mtime=0), {"content_type": "application/x-protobuf", "content_encoding": "gzip"}, 415),
        (b"\x80\x80\x80\x01\x00", {"content_type": "application/x-protobuf"}, 413),
        (
            gzip.compress(b" " * (4 << 20), mtime=0),
            {"content_type": "application/json", "content_encoding": "gzip"},
            413,
        ),
        (b" " * (2 << 20), {"content_type": "application/json"}, 413),
    ],
)
def test_what_is_at_fault_is_told_in_plain_text(
    body: bytes, headers: dict[str, str], status: int, doors: Doors
) -> None:
    answer = doors.post(PUSH, body, **headers)

    assert answer.status_code == status
    assert answer.text.endswith("\n")
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("error", [OverloadError("later", retry_after_s=4), StoreError("broken")])
def test_what_may_be_sent_again_is_503(error: WellkeptError, world: Outside) -> None:
    doors, ingest = doors_of(Full(error), world)

    answer = doors.post(PUSH, BODY, content_type="application/json")

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    ingest.close()


def test_the_door_for_otlp_under_lokis_name(doors: Doors, telemetry: Telemetry) -> None:
    record = {"timeUnixNano": str(AT), "body": {"stringValue": "by OTLP"}}
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()

    assert doors.post("/otlp/v1/logs", body, content_type="application/json").status_code == 200
    assert stored(telemetry) == [" by OTLP"]


def test_strangers_are_told_nothing(doors: Doors) -> None:
    for path in (PUSH, "/otlp/v1/logs"):
        assert doors.post(path, BODY, token=None).status_code == 401

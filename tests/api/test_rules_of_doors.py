"""The rules that all doors for senders share, door by door: what is taken, what is refused, what may come again."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.api.calls import TOKEN, Doors
from tests.api.serving import served
from tests.api.test_loki import Full
from tests.ops.ingest.outside import NOON, Outside
from tests.ops.ingest.test_loki_push import entry, push, sized

from wellkept.api import alertmanager, cloudevents, lines, loki, otlp, pagerduty
from wellkept.api.alertmanager_silences import SilenceDoor
from wellkept.kernel.clock import to_nanos
from wellkept.kernel.errors import OverloadError, StoreError, WellkeptError
from wellkept.ops.ingest.base import IngestSettings
from wellkept.ops.ingest.events.cloudevents import BATCH, STRUCTURED
from wellkept.ops.ingest.events.intake import Events
from wellkept.ops.ingest.lines import LineDoor
from wellkept.ops.ingest.loki import PushReader
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.telemetry import Telemetry

LIMIT = 256 << 10
AT = to_nanos(NOON)
PROTOBUF, JSON = "application/x-protobuf", "application/json"
GO_ZERO = "0001-01-01T00:00:00Z"

RECORD = {"timeUnixNano": str(AT), "body": {"stringValue": "hello"}}
ALERT = {"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2026-11-25T17:53:38Z", "endsAt": GO_ZERO}
EVENT = {"specversion": "1.0", "id": "1", "source": "/ci", "type": "com.example.said", "data": "hello"}
PAYLOAD = {"summary": "Disk is full", "source": "web-1", "severity": "error"}
PAGE = {"routing_key": TOKEN, "event_action": "trigger", "dedup_key": "k", "payload": PAYLOAD}


def otlp_json(**fields: Any) -> Any:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [{**RECORD, **fields}]}]}]}


def otlp_protobuf() -> bytes:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=AT).body.string_value = "hello"
    return request.SerializeToString()


def loki_json(**fields: Any) -> Any:
    return {"streams": [{"stream": {"app": "shop"}, "values": [[str(AT), "hello"]], **fields}]}


@dataclass(frozen=True)
class Door:
    """One way in: a request that it takes, and what its format makes of some others."""

    name: str
    path: str
    body: bytes
    success: int
    headers: dict[str, str] = field(default_factory=dict)
    empty: int = 400
    """The answer to a request without a body."""
    other_media: int = 415
    """The answer where the same body is said to be XML; to some formats it makes no difference what a sender says."""
    later: int = 503
    """The answer to what would be taken at another time."""
    is_packable: bool = True
    is_text: bool = False

    def post(
        self, doors: Doors, body: bytes | None = None, token: str | None = TOKEN, **headers: str
    ) -> httpx.Response:
        return doors.post(self.path, self.body if body is None else body, token, **{**self.headers, **headers})


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _typed(media: str) -> dict[str, str]:
    return {"content_type": media}


PUSHED = push(b'{app="shop"}', entry(b"hello", AT))
BINARY = {"ce_specversion": "1.0", "ce_id": "2", "ce_source": "/ci", "ce_type": "com.example.said"}
DOORS = (
    Door("otlp-protobuf", "/v1/logs", otlp_protobuf(), 200, _typed(PROTOBUF), empty=200),
    Door("otlp-json", "/v1/logs", _json(otlp_json()), 200, _typed(JSON), empty=200),
    Door("otlp-of-loki", "/otlp/v1/logs", otlp_protobuf(), 200, _typed(PROTOBUF), empty=200),
    Door("loki-json", loki.PUSH, _json(loki_json()), 204, _typed(JSON)),
    Door("loki-snappy", loki.PUSH, PUSHED, 204, _typed(PROTOBUF), is_packable=False),
    Door("cloudevents", "/cloudevents", _json(EVENT), 204, _typed(STRUCTURED), other_media=400),
    Door("cloudevents-batch", "/cloudevents", _json([EVENT]), 204, _typed(BATCH), other_media=400),
    Door(
        "cloudevents-binary", "/cloudevents", b"hello", 204, BINARY | _typed("text/plain"),
        empty=204, other_media=204, is_text=True,
    ),
    Door("webhook", "/alertmanager/webhook", _json({"version": "4", "alerts": [ALERT]}), 200, other_media=200),
    Door("alerts", "/alertmanager/api/v2/alerts", _json([ALERT]), 200, _typed(JSON), other_media=200),
    Door("pagerduty", "/v2/enqueue", _json(PAGE), 202, _typed(JSON), other_media=202, later=429),
    Door("lines", "/v1/lines", b"hello", 200, _typed("text/plain"), empty=200, other_media=200, is_text=True),
)  # fmt: skip
every_door = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
PACKING = [door for door in DOORS if door.is_packable]


def opened(world: Outside, store: Telemetry | Full) -> tuple[Doors, Ingest]:
    ingest = Ingest(store, world.clock, IngestSettings(max_body_bytes=LIMIT, group_s=0, pace_s=0))
    routes = [
        *otlp.routes(ingest),
        *loki.routes(ingest, PushReader(world.identity), world.clock),
        *cloudevents.routes(Events(world.stream, world.identity, world.clock), ingest),
        *alertmanager.routes(world.alerts, world.reader, world.clock, LIMIT, SilenceDoor(world.silences, world.clock)),
        *pagerduty.routes(world.alerts, world.events, world.clock, TOKEN),
        *lines.routes(ingest, LineDoor(world.identity), world.clock),
    ]
    return Doors(routes), ingest


@pytest.fixture
def doors(world: Outside, telemetry: Telemetry) -> Iterator[Doors]:
    made, ingest = opened(world, telemetry)
    yield made
    ingest.close()


def stored(world: Outside, telemetry: Telemetry) -> int:
    """Whatever any door has stored."""
    rows = telemetry.logs.search("", NOON - timedelta(days=1), NOON + timedelta(days=1), limit=1000)
    return int(rows.num_rows) + len(world.findings())


def refused(answer: httpx.Response, status: int, door: Door | None = None) -> None:
    """A refusal for good: it says why, and names no time to come again."""
    assert (door, answer.status_code) == (door, status), answer.text
    assert answer.content
    assert "retry-after" not in answer.headers


@every_door
def test_what_a_sender_sends_is_taken(door: Door, doors: Doors, world: Outside, telemetry: Telemetry) -> None:
    assert door.post(doors).status_code == door.success
    assert stored(world, telemetry) == 1


@pytest.mark.parametrize("door", PACKING, ids=lambda door: door.name)
def test_gzip_is_unpacked(door: Door, doors: Doors, world: Outside, telemetry: Telemetry) -> None:
    for coding in ("gzip", "GZIP"):
        assert door.post(doors, gzip.compress(door.body), content_encoding=coding).status_code == door.success
    assert stored(world, telemetry) >= 1


def test_a_content_encoding_that_says_nothing_is_none(doors: Doors) -> None:
    for door in DOORS:
        for coding in ("", "identity"):
            answer = door.post(doors, content_encoding=coding)
            assert (door, answer.status_code) == (door, door.success)


def test_a_coding_that_nobody_knows_is_415(doors: Doors, world: Outside, telemetry: Telemetry) -> None:
    for door in DOORS:
        for coding in ("zstd", "br", "gzip, gzip"):
            refused(door.post(doors, content_encoding=coding), 415, door)
    assert stored(world, telemetry) == 0


def test_a_bomb_is_413(doors: Doors, world: Outside, telemetry: Telemetry) -> None:
    for door in PACKING:
        bomb = gzip.compress(door.body + b" " * (64 * LIMIT), mtime=0)
        assert len(bomb) < LIMIT
        refused(door.post(doors, bomb, content_encoding="gzip"), 413, door)
    assert stored(world, telemetry) == 0


def test_a_bomb_of_snappy_is_413(doors: Doors) -> None:
    """Nothing is unpacked: the length is the first thing that a block says."""
    refused(doors.post(loki.PUSH, b"\x80\x80\x80\x80\x02" + b"\xfe" * 1000), 413)


def test_too_much_is_413(doors: Doors, world: Outside, telemetry: Telemetry) -> None:
    for door in DOORS:
        refused(door.post(doors, door.body + b" " * (1 << 20)), 413, door)
    assert stored(world, telemetry) == 0


def test_gzip_that_is_cut_off_is_400(doors: Doors, world: Outside, telemetry: Telemetry) -> None:
    for door in PACKING:
        for cut in (1, 9, 20):
            refused(door.post(doors, gzip.compress(door.body, mtime=0)[:-cut], content_encoding="gzip"), 400, door)
        refused(door.post(doors, door.body, content_encoding="gzip"), 400, door)
    assert stored(world, telemetry) == 0


def test_a_body_that_is_cut_off_is_400(doors: Doors, world: Outside, telemetry: Telemetry) -> None:
    for door in DOORS:
        if not door.is_text:
            for end in (1, len(door.body) // 2, len(door.body) - 1):
                refused(door.post(doors, door.body[:end]), 400, door)
    assert stored(world, telemetry) == 0


def test_a_sender_that_hangs_up_half_way_leaves_nothing(
    doors: Doors, world: Outside, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    with served(doors.app) as address:
        place = httpx.URL(address)
        for door in DOORS:
            names = {name.replace("_", "-"): value for name, value in door.headers.items()}
            head = "".join(f"{name}: {value}\r\n" for name, value in names.items())
            with socket.create_connection((place.host, place.port or 0)) as raw:
                raw.sendall(f"POST {door.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n".encode())
                raw.sendall(f"{head}Content-Length: {len(door.body) + 1}\r\n\r\n".encode() + door.body)
    assert caplog.text == ""
    assert stored(world, telemetry) == 0


def test_an_empty_request_is_what_the_format_says(doors: Doors) -> None:
    for door in DOORS:
        assert (door, door.post(doors, b"").status_code) == (door, door.empty)


def test_another_content_type_is_what_the_format_says(doors: Doors) -> None:
    for door in DOORS:
        answer = door.post(doors, content_type="application/xml")
        if door.other_media == door.success:
            assert (door, answer.status_code) == (door, door.success)
        else:
            refused(answer, door.other_media, door)


@every_door
@pytest.mark.parametrize(
    ("error", "wait"),
    [(OverloadError("later", retry_after_s=7), "7"), (StoreError("broken"), "1"), (ValueError(), "1")],
)
def test_what_may_be_sent_again_says_when_and_is_never_500(
    door: Door, error: Exception, wait: str, world: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise error

    for way in ("publish", "keep"):
        monkeypatch.setattr(world.stream, way, refuse)
    full = Full(error if isinstance(error, WellkeptError) else StoreError("ingest: ValueError"))
    doors, ingest = opened(world, full)
    answer = door.post(doors)
    ingest.close()

    assert answer.status_code == (door.later if isinstance(error, OverloadError) else 503)
    assert answer.headers["retry-after"] == wait


@every_door
def test_what_was_put_off_is_taken_when_it_comes_again(
    door: Door, world: Outside, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OverloadError("later")

    for way in ("publish", "keep"):
        monkeypatch.setattr(world.stream, way, refuse)
    doors, ingest = opened(world, Full(OverloadError("later")))
    assert door.post(doors).status_code == door.later
    ingest.close()
    monkeypatch.undo()

    doors, ingest = opened(world, telemetry)
    assert door.post(doors).status_code == door.success
    ingest.close()
    assert stored(world, telemetry) == 1


def test_strangers_are_told_how_to_prove_themselves(doors: Doors, world: Outside, telemetry: Telemetry) -> None:
    proofs: list[dict[str, str]] = [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic d3Jvbmc6d3Jvbmc="}]
    for door in DOORS:
        body = _json({**PAGE, "routing_key": "x" * 32}) if door.name == "pagerduty" else door.body
        for proof in proofs:
            refused(door.post(doors, body, token=None, **proof), 401, door)
    assert stored(world, telemetry) == 0


@pytest.mark.parametrize("media", [PROTOBUF, JSON])
@pytest.mark.parametrize("path", sorted(otlp.PATHS))
def test_to_strangers_otlp_says_it_as_a_status_in_their_encoding(path: str, media: str, doors: Doors) -> None:
    answer = doors.post(path, b"", token=None, content_type=media)
    assert answer.headers["content-type"] == media
    assert answer.headers["www-authenticate"] == "Bearer"
    found = Status.FromString(answer.content) if media == PROTOBUF else Status(**answer.json())
    assert found.code == 16
    assert "Authorization: Bearer <token>" in found.message


FUTURE = {"futureField": {"deep": [1, {"er": None}]}}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("otlp-json", {**otlp_json(**FUTURE), **FUTURE}),
        ("loki-json", {**loki_json(**FUTURE), **FUTURE}),
        ("webhook", {"version": "4", "alerts": [{**ALERT, **FUTURE}], **FUTURE}),
        ("alerts", [{**ALERT, **FUTURE}]),
        ("pagerduty", {**PAGE, "payload": {**PAYLOAD, **FUTURE}, **FUTURE}),
    ],
)
def test_fields_of_a_later_version_are_passed_over(
    name: str, body: Any, doors: Doors, world: Outside, telemetry: Telemetry
) -> None:
    door = next(door for door in DOORS if door.name == name)
    assert door.post(doors, _json(body)).status_code == door.success
    assert stored(world, telemetry) == 1


def test_fields_of_a_later_protobuf_are_passed_over(doors: Doors, world: Outside, telemetry: Telemetry) -> None:
    later = b"".join(
        [b"\xf8\x07\x05", b"\xfa\x07\x02hi", b"\xfd\x07abcd", b"\xf9\x07abcdefgh"]
    )  # number 127, each type
    record = b"\x09" + AT.to_bytes(8, "little") + b"\x2a\x07\x0a\x05hello" + later
    body = sized(1, sized(2, sized(2, record) + later) + later) + later
    assert doors.post("/v1/logs", body, content_type=PROTOBUF).status_code == 200
    assert stored(world, telemetry) == 1


def test_json_of_otlp_is_stored_as_its_protobuf_would_be(doors: Doors, telemetry: Telemetry) -> None:
    """Ids in hexadecimal of either case, 64 bits as number or text, names in camelCase alone."""
    trace, span = "5B8EFFF798038103D269B633813FC60C", "EEE19B7EC3C1B174"
    same = [
        {"traceId": trace, "spanId": span, "timeUnixNano": str(AT), "severityNumber": 17},
        {"traceId": trace.lower(), "spanId": span.lower(), "timeUnixNano": AT, "severityNumber": 17, "trace_id": "x"},
    ]
    for fields in same:
        fields["attributes"] = [{"key": "n", "value": {"intValue": 7 if fields is same[0] else "7"}}]
        assert doors.post("/v1/logs", _json(otlp_json(**fields)), content_type=JSON).status_code == 200

    rows = telemetry.logs.search("", NOON - timedelta(seconds=1), NOON + timedelta(seconds=1)).to_pylist()
    assert rows
    assert {(row["TraceId"], row["SpanId"], row["SeverityNumber"]) for row in rows} == {
        (trace.lower(), span.lower(), 17)
    }
    assert {dict(row["LogAttributes"])["n"] for row in rows} == {"7"}


@pytest.mark.parametrize(
    "fields", [{"traceId": "W47/95gDgQPSabYzgT/GDA=="}, {"severityNumber": "SEVERITY_NUMBER_INFO"}]
)
def test_json_of_otlp_in_the_manner_of_protobuf_is_400(fields: dict[str, str], doors: Doors) -> None:
    """Ids in base64, and names of enumerations: the usual mapping of protobuf to JSON, which OTLP's is not."""
    answer = doors.post("/v1/logs", _json(otlp_json(**fields)), content_type=JSON)
    refused(answer, 400)
    assert next(iter(fields)) in answer.json()["message"]


def test_gos_zero_date_is_no_date(doors: Doors, world: Outside, telemetry: Telemetry) -> None:
    """``0001-01-01`` stands for none: an alert is open, and what has no time has that of its receipt."""
    doors.post("/alertmanager/webhook", _json({"alerts": [{**ALERT, "startsAt": GO_ZERO}]}))
    doors.post("/alertmanager/api/v2/alerts", _json([{**ALERT, "labels": {"alertname": "B"}, "startsAt": GO_ZERO}]))
    doors.post("/v2/enqueue", _json({**PAGE, "payload": {**PAYLOAD, "timestamp": GO_ZERO}}))
    doors.post("/cloudevents", _json({**EVENT, "time": GO_ZERO}), content_type=STRUCTURED)

    found = world.findings()
    assert [(finding.starts_at, finding.is_open) for finding in found] == [(NOON, True)] * 3
    rows = telemetry.logs.search("", NOON, NOON + timedelta(milliseconds=1))
    assert rows["Body"].to_pylist() == ["hello"]

"""The OTLP door as senders meet it: over HTTP, on a real server, with a real store behind it."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import Parse
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.applications import Starlette
from tests.api.serving import served
from tests.store.telemetry.scenes import NOON, at, nanos

from wellkept.api.otlp import routes
from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import OverloadError, StoreError
from wellkept.ops.ingest.base import IngestSettings
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.telemetry import Telemetry

PROTOBUF, JSON = "application/x-protobuf", "application/json"
LIMIT = 64 << 10
ROOTS = {Signal.METRICS: "resourceMetrics", Signal.LOGS: "resourceLogs", Signal.TRACES: "resourceSpans"}
SETTINGS = IngestSettings(group_s=0.0, pace_s=0.0, max_body_bytes=LIMIT)


@pytest.fixture
def client(telemetry: Telemetry) -> Iterator[httpx.Client]:
    ingest = Ingest(telemetry, SettableClock(NOON), SETTINGS)
    with served(Starlette(routes=routes(ingest))) as address, httpx.Client(base_url=address, timeout=60) as made:
        yield made
    ingest.close()


class Sink:
    """A store that ends every insert in the same way."""

    def __init__(self, end: Receipt | Exception) -> None:
        self._end = end

    def insert(self, _: object, bodies: Sequence[bytes], *__: Any, **___: Any) -> Sequence[Receipt]:
        if isinstance(self._end, Exception):
            raise self._end
        return [self._end] * len(bodies)


def ending(end: Receipt | Exception, signal: Signal = Signal.LOGS, media: str = PROTOBUF) -> httpx.Response:
    """The answer of a door whose store ends every insert in this way."""
    ingest = Ingest(SimpleNamespace(otlp=Sink(end)), SettableClock(NOON), SETTINGS)
    body = protobuf("x") if media == PROTOBUF else json.dumps({ROOTS[signal]: [{}]}).encode()
    with served(Starlette(routes=routes(ingest))) as address:
        answer = httpx.post(f"{address}/v1/{signal}", content=body, headers={"Content-Type": media})
    ingest.close()
    return answer


def protobuf(*texts: str) -> bytes:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for text in texts:
        records.add(time_unix_nano=nanos(1)).body.string_value = text
    return request.SerializeToString()


def as_json(*texts: str) -> bytes:
    records = [{"timeUnixNano": str(nanos(1)), "body": {"stringValue": text}} for text in texts]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


def post(
    client: httpx.Client, body: bytes, media: str = PROTOBUF, path: str = "/v1/logs", **headers: str
) -> httpx.Response:
    return client.post(path, content=body, headers={"Content-Type": media, **headers})


def status(answer: httpx.Response) -> tuple[int, str]:
    """The ``google.rpc.Status`` of a refusal, in the encoding of its request."""
    if answer.headers["content-type"] == PROTOBUF:
        decoded = Status.FromString(answer.content)
        return decoded.code, decoded.message
    assert answer.headers["content-type"] == JSON
    return answer.json()["code"], answer.json()["message"]


def stored(telemetry: Telemetry) -> list[str]:
    found: list[str] = telemetry.logs.search("", at(0), at(10), limit=10_000)["Body"].to_pylist()
    return sorted(found)


@pytest.mark.parametrize("coding", ["identity", "gzip", None])
def test_protobuf_is_answered_with_an_empty_export_response(
    client: httpx.Client, telemetry: Telemetry, coding: str | None
) -> None:
    body = protobuf("hello", "world")
    headers = {} if coding is None else {"Content-Encoding": coding}
    answer = post(client, gzip.compress(body) if coding == "gzip" else body, **headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == PROTOBUF
    response = ExportLogsServiceResponse.FromString(answer.content)
    assert not response.HasField("partial_success")
    assert stored(telemetry) == ["hello", "world"]


def test_a_request_that_is_sent_again_is_stored_once_however_it_is_packed(
    client: httpx.Client, telemetry: Telemetry
) -> None:
    body = protobuf("hello")
    answers = [post(client, body) for _ in range(2)]
    answers += [post(client, gzip.compress(body, level), **{"Content-Encoding": "gzip"}) for level in (1, 9)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"")}
    for _ in range(2):
        assert post(client, as_json("in JSON"), JSON).json() == {}
    assert telemetry.engine.query("SELECT Body FROM otel_logs ORDER BY Body")["Body"].to_pylist() == [
        "hello",
        "in JSON",
    ]


def test_a_body_that_does_not_say_its_length_is_read_to_its_end(client: httpx.Client, telemetry: Telemetry) -> None:
    body = protobuf("hello", "world")
    pieces = (body[at : at + 5] for at in range(0, len(body), 5))
    answer = client.post("/v1/logs", content=pieces, headers={"Content-Type": PROTOBUF})
    assert answer.request.headers["transfer-encoding"] == "chunked"
    assert answer.status_code == 200
    assert stored(telemetry) == ["hello", "world"]


@pytest.mark.parametrize("media", [JSON, "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_answered_in_json(client: httpx.Client, telemetry: Telemetry, media: str) -> None:
    answer = post(client, gzip.compress(as_json("hello")), media, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["content-type"] == JSON
    assert stored(telemetry) == ["hello"]


@pytest.mark.parametrize(
    ("signal", "response", "field"),
    [
        (Signal.METRICS, ExportMetricsServiceResponse, "rejected_data_points"),
        (Signal.LOGS, ExportLogsServiceResponse, "rejected_log_records"),
        (Signal.TRACES, ExportTraceServiceResponse, "rejected_spans"),
    ],
)
@pytest.mark.parametrize("media", [PROTOBUF, JSON])
@pytest.mark.parametrize("receipt", [Receipt(1, 300, "too many series"), Receipt(1, 0, "mind your names")])
def test_what_is_stored_in_part_is_a_success_that_says_so(
    receipt: Receipt, media: str, signal: Signal, response: Any, field: str
) -> None:
    answer = ending(receipt, signal, media)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)
    decoded = response.FromString(answer.content) if media == PROTOBUF else Parse(answer.content, response())
    assert getattr(decoded.partial_success, field) == receipt.rejected
    assert decoded.partial_success.error_message == receipt.reason


def test_a_count_in_json_is_a_text_as_every_number_of_64_bits_is() -> None:
    answer = ending(Receipt(1, 300, "too many series"), Signal.METRICS, JSON)
    assert answer.json() == {"partialSuccess": {"rejectedDataPoints": "300", "errorMessage": "too many series"}}


@pytest.mark.parametrize("signal", list(Signal))
@pytest.mark.parametrize(("media", "body"), [(PROTOBUF, b""), (JSON, b""), (JSON, b"{}")])
def test_an_empty_request_is_a_success(client: httpx.Client, signal: Signal, media: str, body: bytes) -> None:
    assert post(client, body, media, f"/v1/{signal}").status_code == 200


@pytest.mark.parametrize("signal", list(Signal))
def test_what_is_cut_off_is_a_bad_request_that_names_it(client: httpx.Client, signal: Signal) -> None:
    answer = post(client, protobuf("hello")[:-1], path=f"/v1/{signal}")
    assert answer.status_code == 400
    code, message = status(answer)
    assert code == 3
    assert message.startswith(f"OTLP {signal} request: is cut off")


def test_what_is_damaged_inside_is_a_bad_request(client: httpx.Client, telemetry: Telemetry) -> None:
    body = protobuf("hello").replace(b"hello", b"\xff\xff\xff\xffo")
    assert post(client, body).status_code == 200  # not Unicode, but whole: stored with marks
    broken = bytearray(protobuf("hello"))
    broken[3] = 0x7F  # a length that its message does not have
    answer = post(client, bytes(broken))
    assert answer.status_code == 400
    assert status(answer)[0] == 3
    assert status(answer)[1].startswith("OTLP logs request: is cut off")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "OTLP logs request: must be JSON"),
        (b"[]", "OTLP logs request: must be an object, got []"),
        (
            b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"xyz"}]}]}]}',
            "OTLP logs request.resourceLogs[0].scopeLogs[0].logRecords[0].traceId: must be a hexadecimal text, got",
        ),
    ],
)
def test_bad_json_is_a_bad_request_that_names_the_field(client: httpx.Client, body: bytes, message: str) -> None:
    answer = post(client, body, JSON)
    assert answer.status_code == 400
    assert status(answer)[1].startswith(message)


def test_bad_gzip_is_a_bad_request(client: httpx.Client) -> None:
    for body in (b"not gzip", gzip.compress(protobuf("hello"))[:-4]):
        answer = post(client, body, **{"Content-Encoding": "gzip"})
        assert answer.status_code == 400
        assert "gzip" in status(answer)[1]


@pytest.mark.parametrize("media", [PROTOBUF, JSON])
def test_what_is_too_large_before_or_after_unpacking_is_413(client: httpx.Client, media: str) -> None:
    text = "x" * (LIMIT + 1)
    body = protobuf(text) if media == PROTOBUF else as_json(text)
    bomb = gzip.compress(body)
    assert len(bomb) < LIMIT
    for answer in (post(client, body, media), post(client, bomb, media, **{"Content-Encoding": "gzip"})):
        assert answer.status_code == 413
        assert status(answer)[0] == 8
        assert f"must be at most {LIMIT} bytes" in status(answer)[1]


def test_a_sender_of_far_too_much_is_told_so_and_not_cut_off(client: httpx.Client) -> None:
    """It would take a broken connection for a reason to come again with the same."""
    answer = post(client, b"x" * (16 * LIMIT))
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"Content-Type": "text/plain"}, "Content-Type"),
        ({"Content-Type": "application/grpc"}, "Content-Type"),
        ({"Content-Type": PROTOBUF, "Content-Encoding": "zstd"}, "Content-Encoding"),
    ],
)
def test_what_this_door_does_not_speak_is_415(client: httpx.Client, headers: dict[str, str], named: str) -> None:
    answer = client.post("/v1/logs", content=b"", headers=headers)
    assert answer.status_code == 415
    assert named in status(answer)[1]
    assert client.post("/v1/logs", content=b"").status_code == 415  # says nothing of what it is


def test_other_methods_and_signals_are_not_there(client: httpx.Client) -> None:
    assert client.get("/v1/logs").status_code == 405
    assert client.post("/v1/profiles", content=b"", headers={"Content-Type": PROTOBUF}).status_code == 404


@pytest.mark.parametrize(
    ("error", "wait"), [(OverloadError("not now", 7), "7"), (StoreError("no disk"), "1"), (ValueError("surprise"), "1")]
)
def test_what_may_help_later_is_503_with_a_time_to_wait(error: Exception, wait: str) -> None:
    answer = ending(error)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == wait
    assert status(answer)[0] in (13, 14)
    assert "surprise" not in status(answer)[1]


def test_a_surprise_before_the_store_is_503_too(monkeypatch: pytest.MonkeyPatch, client: httpx.Client) -> None:
    def surprise(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Ingest, "submit", surprise)
    answer = post(client, protobuf("hello"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_a_sender_that_hangs_up_half_way_disturbs_nobody(
    client: httpx.Client, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = client.base_url.host, client.base_url.port
    for _ in range(3):
        with socket.create_connection((host, port or 0)) as raw:
            raw.sendall(b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n")
            raw.sendall(b"Content-Length: 1000\r\n\r\nonly this")
    assert post(client, protobuf("still here")).status_code == 200
    assert stored(telemetry) == ["still here"]
    assert "Exception in ASGI application" not in caplog.text


def test_many_senders_at_once(client: httpx.Client, telemetry: Telemetry) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: post(client, protobuf(f"{n:03}")), range(64)))
    assert {answer.status_code for answer in answers} == {200}
    assert stored(telemetry) == [f"{n:03}" for n in range(64)]

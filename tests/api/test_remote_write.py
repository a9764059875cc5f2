"""Remote write's door on a real store: what is acknowledged is stored, and the answers that senders act on."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import cramjam
import httpx
import pytest
from tests.api.calls import Doors
from tests.ops.ingest.outside import NOON, Outside
from tests.store.telemetry.remote.messages import message, request1, request2

from wellkept.api import remote_write
from wellkept.kernel.clock import to_nanos
from wellkept.kernel.errors import OverloadError, StoreError, WellkeptError
from wellkept.ops.ingest.base import IngestSettings
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.points.limits import PointLimits
from wellkept.store.telemetry.telemetry import Telemetry

AT = to_nanos(NOON) // 1_000_000
UP = ({"__name__": "up", "job": "api"}, [(AT, 1.0)])
V1 = {"Content-Type": "application/x-protobuf", "X-Prometheus-Remote-Write-Version": "0.1.0"}
V2 = {
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "X-Prometheus-Remote-Write-Version": "2.0.0",
}
SETTINGS = IngestSettings(max_body_bytes=1 << 20, group_s=0, pace_s=0)


@pytest.fixture
def doors(world: Outside, telemetry: Telemetry) -> Iterator[Doors]:
    ingest = Ingest(telemetry, world.clock, SETTINGS)
    yield Doors(remote_write.routes(ingest))
    ingest.close()


def post(doors: Doors, body: bytes, headers: dict[str, str], path: str = "/api/v1/write") -> httpx.Response:
    packed = bytes(cramjam.snappy.compress_raw(body))
    return sent(doors, packed, {"Content-Encoding": "snappy", **headers}, path)


def sent(doors: Doors, body: bytes, headers: dict[str, str], path: str = "/api/v1/write") -> httpx.Response:
    return doors.call("POST", path, body, **headers)


def written(answer: httpx.Response) -> list[str | None]:
    names = ("Samples", "Histograms", "Exemplars")
    return [answer.headers.get(f"X-Prometheus-Remote-Write-{name}-Written") for name in names]


def count(telemetry: Telemetry) -> int:
    return int(telemetry.engine.query("SELECT count() AS n FROM metric_points FINAL")["n"][0].as_py())


@pytest.mark.parametrize("path", remote_write.PATHS)
def test_version_1_is_stored(doors: Doors, telemetry: Telemetry, path: str) -> None:
    answer = post(doors, request1(UP), V1, path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert count(telemetry) == 1


def test_version_2_is_stored_and_what_was_written_is_told(doors: Doors, telemetry: Telemetry) -> None:
    answer = post(doors, request2(UP, ({"__name__": "load"}, [(AT, 1.0), (AT + 1, 2.0)])), V2)
    assert (answer.status_code, written(answer)) == (204, ["3", "0", "0"])
    assert count(telemetry) == 3


@pytest.mark.parametrize(
    "media",
    [
        "application/x-protobuf;proto=prometheus.WriteRequest",
        'application/x-protobuf; proto="prometheus.WriteRequest"',
        "Application/X-Protobuf",
    ],
)
def test_version_1_may_be_named(doors: Doors, telemetry: Telemetry, media: str) -> None:
    assert post(doors, request1(UP), {**V1, "Content-Type": media}).status_code == 204
    assert count(telemetry) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v3.Request"},
        {"Content-Type": ""},
        {**V1, "Content-Encoding": "gzip"},
        {**V1, "Content-Encoding": "zstd"},
        {**V2, "Content-Type": "application/x-protobuf"},
    ],
)
def test_what_is_not_spoken_is_415(doors: Doors, telemetry: Telemetry, headers: dict[str, str]) -> None:
    assert post(doors, request1(UP), headers).status_code == 415
    assert count(telemetry) == 0


def test_version_2_sent_as_version_1_is_not_taken_for_an_empty_request(doors: Doors) -> None:
    answer = post(doors, request2(UP), V1)
    assert answer.status_code == 400
    assert "is of version 2.0: name it in Content-Type" in answer.text
    assert post(doors, request1(UP), V2).status_code == 400


def test_a_request_that_holds_nothing_is_a_request(doors: Doors) -> None:
    assert post(doors, b"", V1).status_code == 204
    assert written(post(doors, b"", V2)) == ["0", "0", "0"]


@pytest.mark.parametrize("body", [b"", b"\xff" * 20, b"no snappy"])
def test_what_is_no_snappy_block_is_400(doors: Doors, body: bytes) -> None:
    answer = sent(doors, body, {**V1, "Content-Encoding": "snappy"})
    assert answer.status_code == 400
    assert "must be a snappy block" in answer.text


def test_a_truncated_body_is_400_and_alone(doors: Doors, telemetry: Telemetry) -> None:
    assert post(doors, request1(UP)[:-3], V1).status_code == 400
    assert post(doors, request1(UP), V1).status_code == 204
    assert count(telemetry) == 1


def test_a_bomb_is_413(doors: Doors) -> None:
    assert post(doors, b"\x0a" * (2 << 20), V1).status_code == 413
    claimed = b"\xff\xff\xff\xff\x0f" + b"\x00" * 20
    assert sent(doors, claimed, V1).status_code == 413


def test_native_histograms_are_400_and_counted(doors: Doors, telemetry: Telemetry) -> None:
    request = message("Request")
    request.ParseFromString(request2(UP, ({"__name__": "wait"}, [])))
    request.timeseries[1].histograms.add(count_int=1, timestamp=AT)
    answer = post(doors, request.SerializeToString(), V2)
    assert (answer.status_code, written(answer)) == (400, ["1", "0", "0"])
    assert "1 of its samples are not stored: native histograms" in answer.text
    assert count(telemetry) == 1


def test_series_beyond_the_limit_are_400_with_the_reason(world: Outside, telemetry: Telemetry) -> None:
    limited = Telemetry(telemetry.engine, PointLimits(series_of_metric=1))
    ingest = Ingest(limited, world.clock, SETTINGS)
    answer = post(Doors(remote_write.routes(ingest)), request1(UP, ({"__name__": "up"}, [(AT, 1.0)])), V1)
    ingest.close()
    assert answer.status_code == 400
    assert "metric 'up' has 1 active series, and may have 1" in answer.text
    assert count(telemetry) == 1


@pytest.mark.parametrize(("error", "wait"), [(OverloadError("full", 7), "7"), (StoreError("broken"), "1")])
def test_what_may_come_again_is_503_with_a_time(world: Outside, error: WellkeptError, wait: str) -> None:
    class Broken:
        def insert(self, *_: Any) -> None:
            raise error

    ingest = Ingest(SimpleNamespace(remote=Broken(), otlp=Broken()), world.clock, SETTINGS)
    answer = post(Doors(remote_write.routes(ingest)), request1(UP), V1)
    ingest.close()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, wait)

"""Ingest on a real store: what is acknowledged is stored, what is refused says why."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import wait
from dataclasses import replace
from types import SimpleNamespace

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.store.telemetry.scenes import NOON, at, nanos

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import InputError, OverloadError, StoreError, TooLargeError
from wellkept.ops.ingest.base import IngestSettings
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.receipt import ALL, Receipt
from wellkept.store.telemetry.telemetry import Telemetry

PATIENCE_S = 60.0
SETTINGS = IngestSettings(group_s=0.0, pace_s=0.0, max_body_bytes=4096)


def line(text: str, seconds: float | None = 0.0) -> bytes:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = text
    if seconds is not None:
        record.time_unix_nano = nanos(seconds)
    return request.SerializeToString()


def point(value: float) -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="load")
    metric.gauge.data_points.add(time_unix_nano=nanos(value), as_double=value)
    return request.SerializeToString()


@pytest.fixture
def ingest(telemetry: Telemetry) -> Iterator[Ingest]:
    made = Ingest(telemetry, SettableClock(NOON), SETTINGS)
    yield made
    made.close()


def bodies(telemetry: Telemetry) -> list[str]:
    found: list[str] = telemetry.logs.search("", at(-100), at(100), limit=10_000)["Body"].to_pylist()
    return sorted(found)


def rows(telemetry: Telemetry) -> list[str]:
    """The same by the rows that are there; a search shows what is equal once."""
    found: list[str] = telemetry.engine.query("SELECT Body FROM otel_logs ORDER BY Body")["Body"].to_pylist()
    return found


def test_what_is_acknowledged_is_stored(telemetry: Telemetry, ingest: Ingest) -> None:
    futures = [ingest.submit(Signal.LOGS, line(f"line {n:03}")) for n in range(100)]
    futures += [ingest.submit(Signal.METRICS, point(n)) for n in range(60)]
    assert not wait(futures, PATIENCE_S).not_done
    assert all(future.exception() is None for future in futures)
    assert bodies(telemetry) == [f"line {n:03}" for n in range(100)]
    window = telemetry.metrics.window(at(0), at(60), 1)
    assert window.values[:, 0].tolist() == [float(n) for n in range(60)]


def test_a_poison_body_inside_a_group_is_refused_alone(telemetry: Telemetry) -> None:
    ingest = Ingest(telemetry, SettableClock(NOON), IngestSettings(group_s=PATIENCE_S, group_bytes=2000))
    whole = line("poison")
    poison = whole.replace(b"poison", b"poiso")  # a text that is shorter than it says, in framing that is whole
    poison = bytes([poison[0], poison[1] - 1]) + poison[2:]
    others = [ingest.submit(Signal.LOGS, line(f"{n}")) for n in range(20)]
    bad = ingest.submit(Signal.LOGS, poison)
    others += [ingest.submit(Signal.LOGS, line(f"{n}")) for n in range(20, 40)]
    ingest.close()
    assert isinstance(bad.exception(PATIENCE_S), InputError)
    assert str(bad.exception()).startswith("OTLP logs request: is cut off")
    assert [future.exception() for future in others] == [None] * 40
    assert bodies(telemetry) == sorted(str(n) for n in range(40))


def test_a_body_that_is_cut_off_is_refused_at_once(ingest: Ingest) -> None:
    with pytest.raises(InputError, match=r"OTLP logs request: is cut off"):
        ingest.submit(Signal.LOGS, line("whole")[:-1])


def test_a_body_over_the_limit_names_the_limit(ingest: Ingest) -> None:
    with pytest.raises(TooLargeError, match=r"OTLP logs request: must be at most 4096 bytes, got 4\d\d\d"):
        ingest.submit(Signal.LOGS, line("x" * 4096))


def test_an_empty_body_is_an_empty_request(ingest: Ingest) -> None:
    for signal in Signal:
        assert ingest.submit(signal, b"").result(0) == ALL


def test_what_has_no_time_gets_that_of_receipt(telemetry: Telemetry, ingest: Ingest) -> None:
    ingest.submit(Signal.LOGS, line("timeless", seconds=None)).result(PATIENCE_S)
    assert telemetry.logs.search("", at(0), at(0.001))["Body"].to_pylist() == ["timeless"]


def test_a_request_that_is_sent_again_is_stored_once(telemetry: Telemetry, ingest: Ingest) -> None:
    futures = [ingest.submit(Signal.LOGS, line(text)) for text in ("a", "a", "b", "a")]
    assert not wait(futures, PATIENCE_S).not_done
    assert ingest.submit(Signal.LOGS, line("a")).result(0) == ALL
    assert rows(telemetry) == ["a", "b"]
    assert ingest.duplicates() == {"logs": 3, "traces": 0}


def test_who_never_sends_again_says_the_same_thing_twice(telemetry: Telemetry, ingest: Ingest) -> None:
    for _ in range(2):
        ingest.submit(Signal.LOGS, line("a"), is_ever_retried=False).result(PATIENCE_S)
    assert rows(telemetry) == ["a", "a"]
    assert ingest.duplicates() == {"logs": 0, "traces": 0}


def test_after_the_window_it_is_stored_again(telemetry: Telemetry) -> None:
    clock = SettableClock(NOON)
    ingest = Ingest(telemetry, clock, replace(SETTINGS, retry_window_s=60.0))
    for seconds in (0, 60, 120, 121):
        clock.set(at(seconds))
        ingest.submit(Signal.LOGS, line("a")).result(PATIENCE_S)
    ingest.close()
    assert rows(telemetry) == ["a", "a"]


def test_without_a_window_everything_is_stored(telemetry: Telemetry) -> None:
    ingest = Ingest(telemetry, SettableClock(NOON), replace(SETTINGS, retry_window_s=0.0))
    for _ in range(2):
        ingest.submit(Signal.LOGS, line("a")).result(PATIENCE_S)
    ingest.close()
    assert rows(telemetry) == ["a", "a"]
    assert ingest.duplicates() == {}


def test_after_a_restart_what_is_stored_is_known(telemetry: Telemetry) -> None:
    for kept in (False, True, True):
        ingest = Ingest(telemetry, SettableClock(NOON), SETTINGS, telemetry.requests)
        ingest.submit(Signal.LOGS, line("a")).result(PATIENCE_S)
        assert ingest.duplicates()["logs"] == int(kept)
        ingest.close()
    assert rows(telemetry) == ["a"]


class Failing:
    """A sink that fails with what it is told to, and otherwise counts."""

    def __init__(self, *errors: Exception | None) -> None:
        self._errors = itertools.chain(errors, itertools.repeat(None))
        self.stored: list[bytes] = []

    def insert(self, signal: Signal, bodies: Sequence[bytes], received_ns: int) -> Sequence[Receipt]:
        error = next(self._errors)
        if error is not None:
            raise error
        self.stored += bodies
        return [ALL] * len(bodies)


@pytest.mark.parametrize("error", [StoreError("disk gone"), OverloadError("not now", 5), RuntimeError("surprise")])
def test_a_store_that_fails_acknowledges_nothing(error: Exception) -> None:
    sink = Failing(error)
    ingest = Ingest(SimpleNamespace(otlp=sink), SettableClock(NOON), SETTINGS)
    body = line("once more")
    failed = ingest.submit(Signal.LOGS, body).exception(PATIENCE_S)
    assert isinstance(failed, StoreError | OverloadError)
    assert sink.stored == []
    ingest.submit(Signal.LOGS, body).result(PATIENCE_S)
    assert sink.stored == [body]
    ingest.close()


def test_closing_stores_what_was_taken(telemetry: Telemetry) -> None:
    ingest = Ingest(telemetry, SettableClock(NOON), IngestSettings(group_s=PATIENCE_S))
    futures = [ingest.submit(Signal.LOGS, line(str(n))) for n in range(3)]
    ingest.close()
    assert all(future.done() and future.exception() is None for future in futures)
    assert bodies(telemetry) == ["0", "1", "2"]
    with pytest.raises(OverloadError, match="the server is stopping"):
        ingest.submit(Signal.LOGS, line("late"))


def test_one_signal_does_not_wait_for_another() -> None:
    class Stuck(Failing):
        def insert(self, signal: Signal, bodies: Sequence[bytes], received_ns: int) -> Sequence[Receipt]:
            if signal is Signal.LOGS:
                traces.result(PATIENCE_S)
            return [ALL] * len(bodies)

    ingest = Ingest(SimpleNamespace(otlp=Stuck()), SettableClock(NOON), SETTINGS)
    waiting = ingest.submit(Signal.LOGS, line("waits for the trace"))
    traces = ingest.submit(Signal.TRACES, b"\x0a\x00")
    assert not wait([waiting, traces], PATIENCE_S).not_done
    assert waiting.exception() is None
    ingest.close()

"""Resources: who reported, told once a minute."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.store.telemetry.scenes import at, attributes, nanos

from wellkept.kernel.errors import StoreError
from wellkept.store.telemetry.otlp import seen as module
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry


def report(telemetry: Telemetry, seconds: float, signal: Signal = Signal.LOGS, **resource: str) -> None:
    """A request that says nothing but where it is from."""
    if signal is Signal.LOGS:
        logs = ExportLogsServiceRequest()
        logs.resource_logs.add().resource.attributes.extend(attributes(**resource))
        body = logs.SerializeToString()
    else:
        metrics = ExportMetricsServiceRequest()
        metrics.resource_metrics.add().resource.attributes.extend(attributes(**resource))
        body = metrics.SerializeToString()
    telemetry.otlp.insert(signal, [body, body], nanos(seconds))


def rows(telemetry: Telemetry) -> int:
    return int(telemetry.engine.query("SELECT count() AS n FROM resources")["n"][0].as_py())


def test_who_was_heard_of_since(telemetry: Telemetry) -> None:
    report(telemetry, 0, host_id="h1", service_name="shop")
    report(telemetry, 100, host_id="h2")
    assert telemetry.resources.since(at(200)) == []
    assert telemetry.resources.since(at(50)) == [{"host.id": "h2"}]
    everyone = telemetry.resources.since(at(-1))
    assert sorted(everyone, key=str) == [{"host.id": "h1", "service.name": "shop"}, {"host.id": "h2"}]


def test_of_several_signals_once(telemetry: Telemetry) -> None:
    report(telemetry, 0, host_id="h1")
    report(telemetry, 0, Signal.METRICS, host_id="h1")
    assert telemetry.resources.since(at(-1)) == [{"host.id": "h1"}]


def test_again_only_in_another_minute(telemetry: Telemetry) -> None:
    for seconds in (0, 1, 30, 59.9):
        report(telemetry, seconds, host_id="h1")
    assert rows(telemetry) == 1
    report(telemetry, 60, host_id="h1")
    assert rows(telemetry) == 2
    assert telemetry.resources.since(at(60)) == [{"host.id": "h1"}]


def test_a_resource_that_says_nothing_is_a_resource_too(telemetry: Telemetry) -> None:
    report(telemetry, 0)
    assert telemetry.resources.since(at(-1)) == [{}]


def test_a_resource_that_comes_beside_known_ones_is_noted(telemetry: Telemetry) -> None:
    report(telemetry, 0, host_id="h1")
    report(telemetry, 1, host_id="h1")
    report(telemetry, 2, host_id="h2")
    report(telemetry, 3, Signal.METRICS, host_id="h1")
    assert rows(telemetry) == 3
    assert sorted(telemetry.resources.since(at(2)), key=str) == [{"host.id": "h1"}, {"host.id": "h2"}]


def test_of_very_many_at_once_each_is_noted_once(telemetry: Telemetry) -> None:
    request = ExportLogsServiceRequest()
    for number in range(1200):
        request.resource_logs.add().resource.attributes.extend(attributes(host_id=f"h{number}"))
    for seconds in (0, 1):
        telemetry.otlp.insert(Signal.LOGS, [request.SerializeToString()], nanos(seconds))
    assert rows(telemetry) == 1200
    assert len(telemetry.resources.since(at(-1))) == 1200


def test_what_could_not_be_stored_is_not_taken_for_noted(telemetry: Telemetry) -> None:
    telemetry.engine.command("RENAME TABLE resources TO elsewhere")
    with pytest.raises(StoreError):
        report(telemetry, 0, host_id="h1")
    telemetry.engine.command("RENAME TABLE elsewhere TO resources")
    report(telemetry, 1, host_id="h1")
    assert telemetry.resources.since(at(-1)) == [{"host.id": "h1"}]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    seen = module.SeenResources()
    for one in (b"a", b"b", b"c", b"d"):
        assert not seen.are_known("logs", [one], nanos(0))
        seen.note("logs", [one], nanos(0))
        assert seen.are_known("logs", [one], nanos(0))
    assert not seen.are_known("logs", [b"a"], nanos(0))
    assert not seen.are_known("traces", [b"d"], nanos(0))
    assert not seen.are_known("logs", [b"d"], nanos(60))


def test_a_resource_is_known_by_present_names(telemetry: Telemetry) -> None:
    request = ExportLogsServiceRequest()
    block = request.resource_logs.add()
    block.resource.attributes.add(key="deployment.environment").value.string_value = "live"
    block.scope_logs.add().log_records.add(time_unix_nano=nanos(0))
    telemetry.otlp.insert(Signal.LOGS, [request.SerializeToString()], nanos(0))
    present = {"deployment.environment.name": "live"}
    assert telemetry.resources.since(at(-1)) == [present]
    row = telemetry.engine.query("SELECT ResourceAttributes AS found FROM otel_logs").to_pylist()[0]
    assert dict(row["found"]) == present

"""Resources: who reported, told once a minute."""

from __future__ import annotations

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.store.telemetry.scenes import at, attributes, nanos

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

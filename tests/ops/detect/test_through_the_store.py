"""From the wire to a finding: what a node exporter writes fills a disk, and detection over days forecasts it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.store.telemetry.remote.messages import request1
from tests.store.telemetry.scenes import NOON, attributes, nanos, put_span

from wellkept.kernel.change import Change
from wellkept.kernel.finding import FindingKind
from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.detectors.endpoint import EndpointAnomaly
from wellkept.ops.detect.detectors.exhaustion import Exhaustion
from wellkept.ops.detect.detectors.states import States
from wellkept.ops.detect.judged import Judged
from wellkept.ops.detect.sight import Sight
from wellkept.spine.graph import Graph
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.remote.writer import Version
from wellkept.store.telemetry.telemetry import Telemetry

SETTINGS = DetectSettings(long_days=5)
LABELS = {"instance": "h1:9100", "job": "node", "device": "/dev/sda1", "fstype": "ext4", "mountpoint": "/data"}
SIZE = 100e9


class Alone:
    def graph(self, at: datetime | None = None) -> Graph:
        return Graph((), ())

    def changes(self, start: datetime, end: datetime) -> list[Change]:
        return []


def used(seconds: float) -> float:
    """Bytes on the disk so many seconds after noon: 6 GB more a day, most of it by day."""
    days = seconds / 86_400
    return float(70e9 + 6e9 * (days - np.sin(2 * np.pi * days) / (2 * np.pi)) + 2e9 * np.sin(2 * np.pi * days))


def write(telemetry: Telemetry, moments: list[float]) -> None:
    at = [round((NOON.timestamp() + second) * 1000) for second in moments]
    free = {**LABELS, "__name__": "node_filesystem_avail_bytes"}
    size = {**LABELS, "__name__": "node_filesystem_size_bytes"}
    series: list[Any] = [
        (free, [(moment, SIZE - used(second)) for moment, second in zip(at, moments, strict=True)]),
        (size, [(moment, SIZE) for moment in at]),
    ]
    telemetry.remote.insert(Version.V1, [request1(*series)], at[-1] * 1_000_000)


def test_a_node_exporters_disk_is_forecast(telemetry: Telemetry) -> None:
    end = 3.5 * 86_400
    write(
        telemetry, [*np.arange(-86_400.0, end - 1800, 600.0).tolist(), *np.arange(end - 1800, end + 60, 10.0).tolist()]
    )
    world = Alone()
    sight = Sight(telemetry, world, world, SETTINGS)
    now = NOON + timedelta(seconds=end)
    for look in range(6):
        at = now + timedelta(seconds=10 * look)
        view = sight.view(at, (), Judged((), at))
    assert view.long is not None
    assert {info.entity for info in view.long.series} == {"disk:h1:/data"}
    (finding,) = Exhaustion(SETTINGS).detect(view, now)
    assert (finding.entity, finding.kind) == ("disk:h1:/data", FindingKind.FORECAST)
    ahead = next(second for second in np.arange(end, end + 4 * 86_400, 60.0) if used(second) >= SIZE) - end
    values = finding.evidence[0].values
    assert abs(values["seconds_to_limit"] - ahead) <= 0.2 * ahead
    assert values["low"] <= ahead <= values["high"]


QUOTA = {"k8s_namespace_name": "teamx", "k8s_resourcequota_name": "rq"}
POD = {"k8s_namespace_name": "shop", "k8s_pod_name": "web-1", "k8s_container_name": "app"}


@pytest.mark.parametrize(
    ("resource", "used", "limit", "entity"),
    [
        (QUOTA, "k8s.resourcequota.memory.limit.used", "k8s.resourcequota.memory.limit.hard", "container:teamx/rq"),
        (POD, "container.memory.usage", "container.memory.limit", "container:shop/web-1/app"),
        (POD, "container.memory.working_set", "k8s.container.memory_limit", "container:shop/web-1/app"),
    ],
    ids=["quota", "container", "what the Collector calls the limit"],
)
def test_what_kubernetes_bounds_is_forecast_without_a_service(
    telemetry: Telemetry, resource: dict[str, str], used: str, limit: str, entity: str
) -> None:
    request = ExportMetricsServiceRequest()
    block = request.resource_metrics.add()
    block.resource.attributes.extend(attributes(**resource))
    grown, ends = (block.scope_metrics.add().metrics.add(name=name, unit="By").gauge for name in (used, limit))
    for second in range(0, 3600, 10):
        grown.data_points.add(time_unix_nano=nanos(second), as_double=10e9 + 4e6 * max(0, second - 2000))
        ends.data_points.add(time_unix_nano=nanos(second), as_double=20e9)
    telemetry.otlp.insert(Signal.METRICS, [request.SerializeToString()], nanos(3600))
    world, now = Alone(), NOON + timedelta(seconds=3600)
    sight = Sight(telemetry, world, world, DetectSettings(long_days=0))
    (finding,) = Exhaustion().detect(sight.view(now, (), Judged((), now)), now)
    assert (finding.entity, finding.kind) == (entity, FindingKind.FORECAST)


def test_an_autoscaler_of_which_the_collector_tells_is_at_its_maximum(telemetry: Telemetry) -> None:
    request = ExportMetricsServiceRequest()
    block = request.resource_metrics.add()
    block.resource.attributes.extend(attributes(k8s_namespace_name="shop", k8s_hpa_name="web"))
    told = {"k8s.hpa.desired_replicas": (4, 10), "k8s.hpa.max_replicas": (10, 10), "k8s.hpa.min_replicas": (2, 2)}
    for name, (before, after) in told.items():
        points = block.scope_metrics.add().metrics.add(name=name, unit="{pod}").gauge.data_points
        for second in range(0, 1800, 30):
            points.add(time_unix_nano=nanos(second), as_int=before if second < 600 else after)
    telemetry.otlp.insert(Signal.METRICS, [request.SerializeToString()], nanos(1800))
    world, now = Alone(), NOON + timedelta(seconds=1800)
    sight = Sight(telemetry, world, world, DetectSettings(long_days=0))
    (finding,) = States().detect(sight.view(now, (), Judged((), now)), now)
    assert finding.entity == "container:shop/web"
    assert finding.sentence == "Autoscaler shop/web is at its maximum of 10 pods since 12:10:00 UTC (20 min)."


def test_endpoints_and_calls_are_in_the_view(telemetry: Telemetry) -> None:
    put_span(telemetry, "shop/checkout", 1, 0.5, kind="Client", span=1)
    put_span(telemetry, "shop/payments", 1.1, 0.3, span=2, parent=1, http_route="/pay")
    world = Alone()
    sight = Sight(telemetry, world, world, DetectSettings(long_days=0))
    view = sight.view(NOON + timedelta(seconds=60), (), Judged((), NOON))
    assert view.endpoints is not None
    assert view.calls is not None
    assert {info.attributes["span.endpoint"] for info in view.endpoints.series} == {"/pay"}
    assert {info.attributes["span.callee"] for info in view.calls.series} == {"service:shop/payments"}
    assert np.array_equal(view.endpoints.times, view.red.times)
    for second in (70, 80):
        later = sight.view(NOON + timedelta(seconds=second), (), Judged((), NOON))
        assert later.endpoints is not None
        assert len(later.endpoints.times) == SETTINGS.steps


def test_an_endpoint_that_only_a_histogram_tells_of_is_found_slow(telemetry: Telemetry) -> None:
    """Scraped every 15 s for 30 minutes: of 50 answers each, those of /pay take half a second in the last two."""
    random, bounds = np.random.default_rng(7), ("0.05", "0.1", "0.25", "1", "+Inf")
    moments = np.arange(-1800, 1, 15)
    at = [nanos(second) // 1_000_000 for second in moments.tolist()]
    series: list[Any] = []
    for route in ("/", "/pay"):
        took = random.lognormal(-3.0, 0.3, (len(moments), 50))
        took[moments >= -120] += 0.5 if route == "/pay" else 0.0
        labels = {"job": "shop/web", "instance": "a:1", "handler": route, "method": "GET", "code": "200"}
        counted = {("_bucket", bound): (took <= float(bound)).sum(axis=1) for bound in bounds}
        counted |= {("_count", ""): np.full(len(moments), 50), ("_sum", ""): took.sum(axis=1)}
        for (part, bound), amounts in counted.items():
            named = {**labels, "__name__": f"http_request_duration_seconds{part}", **({"le": bound} if bound else {})}
            points = zip(at, np.cumsum(amounts).astype(float).tolist(), strict=True)
            series.append((named, list(points)))
    telemetry.remote.insert(Version.V1, [request1(*series)], nanos(0))
    world = Alone()
    view = Sight(telemetry, world, world, DetectSettings(long_days=0)).view(NOON, (), Judged((), NOON))

    slow = EndpointAnomaly().detect(view, NOON)

    assert [(one.entity, one.evidence[0].attributes) for one in slow] == [
        ("service:shop/web", {"span.endpoint": "GET /pay"})
    ]
    assert "The slowest twentieth of requests of shop/web (endpoint GET /pay) is 9" in slow[0].sentence

"""Bodies of a burst: many series that nobody has seen before, each with one point."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cramjam
from bench import load, remote_bodies
from bench.load import Payload
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from wellkept.store.telemetry.points.limits import PointLimits

PER_REQUEST, CONNECTIONS, METRICS, SERVICES = 2000, 4, 100, 1000
PROTOBUF = {"Content-Type": "application/x-protobuf"}
DOORS = {"otlp": "/v1/metrics", "write": "/api/v1/write"}


@dataclass(frozen=True, slots=True)
class Burst:
    """Series of one metric and many services, or of many metrics and one service."""

    door: str
    is_one_metric: bool

    @property
    def name(self) -> str:
        return f"{self.door}, {'one metric' if self.is_one_metric else 'one service'}"

    def told(self, number: int) -> tuple[str, str, str]:
        """The metric, the service and the label of a series."""
        if self.is_one_metric:
            return f"burst_{self.door}", f"of-metric-{number % SERVICES}", str(number)
        return f"burst_{self.door}_{number % METRICS}", f"burst-{self.door}", str(number)

    def most(self, series: int, limits: PointLimits) -> int:
        """How many of so many series may be there."""
        limit = limits.series_of_metric if self.is_one_metric else limits.series_of_service
        return min(series, limit or series)

    def payload(self, folder: Path, series: int) -> Payload:
        make = self._otlp if self.door == "otlp" else self._written
        headers = PROTOBUF if self.door == "otlp" else remote_bodies.HEADERS_1
        now = int(time.time() * 1000)

        def shard(first: int) -> Iterator[tuple[bytes, int]]:
            for start in range(first * PER_REQUEST, series, CONNECTIONS * PER_REQUEST):
                chosen = range(start, min(start + PER_REQUEST, series))
                yield make([self.told(number) for number in chosen], now), len(chosen)

        return load.written(folder / self.name, [shard(n) for n in range(CONNECTIONS)], headers)

    def _otlp(self, series: Sequence[tuple[str, str, str]], now_ms: int) -> bytes:
        request = ExportMetricsServiceRequest()
        metrics: dict[tuple[str, str], Any] = {}
        for metric, service, label in series:
            if (metric, service) not in metrics:
                block = request.resource_metrics.add()
                block.resource.attributes.add(key="service.name").value.string_value = service
                metrics[metric, service] = block.scope_metrics.add().metrics.add(name=metric).gauge
            point = metrics[metric, service].data_points.add(time_unix_nano=now_ms * 1_000_000, as_double=1.0)
            point.attributes.add(key="user").value.string_value = label
            point.attributes.add(key="zone").value.string_value = "a"
        return request.SerializeToString()

    def _written(self, series: Sequence[tuple[str, str, str]], now_ms: int) -> bytes:
        samples = (
            ({"__name__": metric, "instance": "10.0.0.1:9100", "job": service, "user": label}, now_ms, 1.0)
            for metric, service, label in series
        )
        return bytes(cramjam.snappy.compress_raw(remote_bodies.version_1(samples)))


BURSTS = [Burst(door, is_one) for is_one in (True, False) for door in DOORS]

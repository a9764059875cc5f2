"""A series that goes on under another id is one; two that are seen side by side are two."""

from __future__ import annotations

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.store.telemetry.scenes import at, nanos

from wellkept.store.telemetry.continued import joined
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry

NAN = float("nan")


def columns(*found: list[float]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array(found, dtype=np.float64).T


def test_nothing_alike_is_nothing_joined() -> None:
    values = columns([1, 2], [3, NAN])
    result, kept = joined(values, ["a", "b"])
    assert result is values
    assert kept == [0, 1]


def test_one_that_begins_where_the_other_ended_goes_on() -> None:
    result, kept = joined(columns([NAN, NAN, 3, 4], [9, 9, 9, 9], [1, 2, NAN, NAN]), ["a", "b", "a"])
    np.testing.assert_array_equal(result, columns([1, 2, 3, 4], [9, 9, 9, 9]))
    assert kept == [0, 1]


def test_in_the_step_of_the_exchange_the_later_one_counts() -> None:
    result, kept = joined(columns([1, 2, NAN], [NAN, 5, 6]), ["a", "a"])
    np.testing.assert_array_equal(result, columns([1, 5, 6]))
    assert kept == [1]


def test_two_side_by_side_stay_two() -> None:
    values = columns([1, 2, 3], [4, 5, 6])
    result, kept = joined(values, ["a", "a"])
    np.testing.assert_array_equal(result, values)
    assert kept == [0, 1]


def test_two_that_were_seen_once_at_the_same_time_stay_two() -> None:
    assert joined(columns([1.0], [2.0]), ["a", "a"])[1] == [0, 1]
    assert joined(columns([NAN, 1, NAN], [NAN, 2, NAN]), ["a", "a"])[1] == [0, 1]


def test_two_by_turns_stay_two() -> None:
    assert joined(columns([1, NAN, 3, NAN], [NAN, 2, NAN, 4]), ["a", "a"])[1] == [0, 1]


def test_of_three_in_a_row_the_last_stands_for_all() -> None:
    result, kept = joined(columns([1, NAN, NAN], [NAN, NAN, 3], [NAN, 2, NAN]), ["a", "a", "a"])
    np.testing.assert_array_equal(result, columns([1, 2, 3]))
    assert kept == [1]


def test_one_that_was_never_seen_is_part_of_the_other() -> None:
    result, kept = joined(columns([NAN, NAN], [1, 2]), ["a", "a"])
    np.testing.assert_array_equal(result, columns([1, 2]))
    assert kept == [1]


def report(telemetry: Telemetry, name: str, key: str, seconds: int) -> None:
    request = ExportMetricsServiceRequest()
    block = request.resource_metrics.add()
    block.resource.attributes.add(key="host.id").value.string_value = "h1"
    metric = block.scope_metrics.add().metrics.add(name=name, unit="{packet}")
    point = metric.gauge.data_points.add(time_unix_nano=nanos(seconds), as_double=seconds)
    point.attributes.add(key=key).value.string_value = "eth0"
    telemetry.otlp.insert(Signal.METRICS, [request.SerializeToString()], nanos(seconds))


def test_a_sender_that_was_upgraded_is_the_same_sender(telemetry: Telemetry) -> None:
    for second in (0, 1):
        report(telemetry, "system.network.packets", "device", second)
    for second in (2, 3):
        report(telemetry, "system.network.packet.count", "network.interface.name", second)
    window = telemetry.metrics.window(at(0), at(4), 1)
    assert [(info.name, info.attributes) for info in window.series] == [
        ("system.network.packet.count", {"network.interface.name": "eth0"})
    ]
    assert window.values[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0]

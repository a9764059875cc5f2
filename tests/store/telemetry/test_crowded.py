"""Metrics with too many series: what is looked at all at once goes on without them."""

from __future__ import annotations

import pytest
from tests.store.telemetry.remote.messages import request1, request2
from tests.store.telemetry.scenes import at, nanos

from wellkept.store.telemetry.crowded import Crowded
from wellkept.store.telemetry.remote.writer import Version
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.window import Window


def write(telemetry: Telemetry, second: float, **counts: int) -> None:
    """A sample of so many series of each metric."""
    series = [
        ({"__name__": name, "i": str(number)}, [(nanos(second) // 1_000_000, 1.0)])
        for name, count in counts.items()
        for number in range(count)
    ]
    telemetry.remote.insert(Version.V1, [request1(*series)], nanos(second))


def names(window: Window) -> dict[str, int]:
    found = [series.name for series in window.series]
    return {name: found.count(name) for name in found}


def test_a_burst_of_one_metric_leaves_the_others_to_be_looked_at(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    telemetry.metrics.crowded = Crowded(telemetry.engine, most=10)
    write(telemetry, 5, few=3, some=7)
    assert names(telemetry.metrics.window(at(0), at(20), 10.0)) == {"few": 3, "some": 7}
    assert not caplog.records

    write(telemetry, 6, burst=50, other_burst=8)
    for _ in range(2):
        window = telemetry.metrics.window(at(0), at(20), 10.0)
        assert names(window) == {"few": 3, "some": 7}
        assert window.warnings == (
            "without 'burst', 'other_burst', which have too many series to be looked at all at once",
        )
    (told,) = caplog.messages
    assert "'burst', 'other_burst'" in told
    assert names(telemetry.metrics.window(at(0), at(20), 10.0, names=["burst"])) == {"burst": 50}, "asked for by name"


def test_what_is_over_crowds_nobody_any_more(telemetry: Telemetry, caplog: pytest.LogCaptureFixture) -> None:
    telemetry.metrics.crowded = Crowded(telemetry.engine, most=10)
    write(telemetry, 0, burst=50, many=11)
    write(telemetry, 5000, few=3, burst=2)
    telemetry.metrics.window(at(0), at(20), 10.0)
    caplog.clear()

    window = telemetry.metrics.window(at(4990), at(5010), 10.0)
    assert names(window) == {"few": 3, "burst": 2}
    assert window.warnings == ()
    assert len(caplog.records) == 1, "that nothing is left out any more"


def test_more_than_three_are_counted(telemetry: Telemetry) -> None:
    telemetry.metrics.crowded = Crowded(telemetry.engine, most=2)
    write(telemetry, 5, a=1, b=4, c=5, d=3, e=6)
    (told,) = telemetry.metrics.window(at(0), at(20), 10.0).warnings
    assert told == "without 'e', 'c', 'b' and 1 more, which have too many series to be looked at all at once"


def test_buckets_and_quantiles_are_read_by_name_alone_whoever_tells_them(telemetry: Telemetry) -> None:
    told = [{"__name__": "took_seconds_bucket", "le": bound} for bound in ("0.1", "+Inf")]
    told += [{"__name__": "took_seconds_count"}, {"__name__": "my_bucket"}]
    sample = [(nanos(second) // 1_000_000, float(second)) for second in (5, 15)]
    telemetry.remote.insert(Version.V1, [request1(*((labels, sample) for labels in told))], nanos(15))
    quantiles = [({"__name__": "wait_seconds", "quantile": "0.9"}, sample), ({"__name__": "wait_seconds_sum"}, sample)]
    for series in quantiles:
        telemetry.remote.insert(Version.V2, [request2(series, type=5)], nanos(15))
    shown = {"took_seconds_count": 1, "my_bucket": 1, "wait_seconds_sum": 1}
    assert names(telemetry.metrics.window(at(0), at(20), 10.0)) == shown
    assert names(telemetry.metrics.follow().read(at(0), at(20), 10.0)) == shown
    asked = telemetry.metrics.window(at(0), at(20), 10.0, names=["took_seconds_bucket", "wait_seconds"])
    assert names(asked) == {"took_seconds_bucket": 2, "wait_seconds": 1}


def test_what_is_followed_by_name_is_bounded_too(telemetry: Telemetry) -> None:
    telemetry.metrics.crowded = Crowded(telemetry.engine, most=4)
    write(telemetry, 5, few_bucket=3, burst_bucket=9, other=3)
    asked = telemetry.metrics.follow(names=["few_bucket", "burst_bucket"])
    assert names(asked.read(at(0), at(20), 10.0)) == {"few_bucket": 3}

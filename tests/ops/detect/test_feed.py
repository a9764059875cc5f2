"""The feed: what it moves on step by step is what one reading of everything gives, also with late data and in parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.telemetry.scenes import (
    CUMULATIVE,
    DELTA,
    GAUGE,
    NOON,
    at,
    metric_body,
    put_log,
    put_metric,
    put_metrics,
    put_spans,
    span_body,
)  # fmt: skip

from wellkept.kernel.errors import StoreError
from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.feed import Fed, Feed
from wellkept.ops.detect.heard import heard
from wellkept.store.telemetry.indicators import with_reported
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.window import Window

STEP_S, STEPS = 10.0, 12
SETTINGS = DetectSettings(step_s=STEP_S, window_s=STEPS * STEP_S, min_points=8, late_s=30.0, late_spans_s=40.0)
FIRST = round(NOON.timestamp() / STEP_S)
KINDS = {"gauge": GAUGE, "counter": CUMULATIVE, "delta": DELTA}
check = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Point = tuple[int, float, str]
"""When it was measured, how many steps later it comes, and of what."""


def looked(feed: Feed, step: int, since: int | None = None) -> Fed:
    """The windows after a look at the step that ends so many steps after noon."""
    *_, fed = feed.moved(FIRST + step, None if since is None else FIRST + since)
    return fed


def read_whole(telemetry: Telemetry, first: int, last: int) -> Fed:
    """The same by one reading of everything since ``first``, cut to the window."""
    span = (_at(first), _at(last), STEP_S)
    metrics = telemetry.metrics.window(*span)
    red = with_reported(telemetry.spans.red(*span), metrics)
    exclusive, logs = telemetry.spans.exclusive(*span), telemetry.logs.counts(*span)
    return Fed(_cut(metrics), _cut(red), _cut(exclusive), _cut(logs), 1)


def _at(step: int) -> datetime:
    return datetime.fromtimestamp((FIRST + step) * STEP_S, UTC)


def _cut(window: Window) -> Window:
    return Window(window.times[-STEPS:], window.values[-STEPS:], window.series)


def shown(window: Window) -> dict[tuple[str, str], list[float]]:
    return {
        (info.name, info.entity): [round(value, 9) for value in window.values[:, column].tolist()]
        for column, info in enumerate(window.series)
        if np.isfinite(window.values[:, column]).any()
    }


def assert_same(fed: Fed, whole: Fed) -> None:
    for name in ("metrics", "red", "exclusive", "logs"):
        found, wanted = getattr(fed, name), getattr(whole, name)
        assert found.times.tolist() == wanted.times.tolist()
        np.testing.assert_equal(shown(found), shown(wanted))


def put(telemetry: Telemetry, points: Sequence[tuple[float, str]]) -> None:
    metrics = []
    for name, kind in KINDS.items():
        values = [(seconds, seconds % 90) for seconds, what in points if what == name]
        if values:
            metrics.append(metric_body(values, kind=kind, name=name))
    spans = []
    for number, (seconds, what) in enumerate(points):
        if what == "span":
            trace = round(seconds * 8) + number + 1000
            spans.append(span_body("shop/pay", seconds, 0.5, trace=trace, span=1))
            spans.append(span_body("shop/pay", seconds + 0.1, 0.2, kind="Client", trace=trace, span=2, parent=1))
        elif what == "log":
            put_log(telemetry, f"line {seconds}", seconds, severity=17)
    if metrics:
        put_metrics(telemetry, metrics)
    if spans:
        put_spans(telemetry, spans)


points = st.lists(
    st.tuples(
        st.integers(-60, 8 * 300).map(lambda t: t / 8),
        st.integers(0, 3),
        st.sampled_from([*KINDS, "span", "log"]),
    ),
    max_size=30,
)


@check
@given(points=points, jumps=st.lists(st.integers(1, 4), min_size=4, max_size=6))
def test_what_is_fed_is_what_one_reading_of_everything_gives(
    telemetry: Telemetry, points: list[Point], jumps: list[int]
) -> None:
    """Looks at some steps; each point comes within the time that is allowed, in any order."""
    for table in ("metric_points", "otel_traces", "otel_logs"):
        telemetry.engine.command(f"TRUNCATE TABLE {table}")
    feed, waiting, step = Feed(telemetry, SETTINGS), list(points), 2
    first = looked(feed, step)
    assert_same(first, read_whole(telemetry, step - STEPS, step))
    for jump in jumps:
        step += jump
        # What was measured before the end of a step comes at the latest three steps after the look at it.
        due = [p for p in waiting if p[0] // STEP_S + 1 + p[1] <= step]
        waiting = [p for p in waiting if p not in due]
        put(telemetry, [(seconds, what) for seconds, _, what in due if seconds // STEP_S >= step - jump - 3])
        assert_same(looked(feed, step), read_whole(telemetry, 2 - STEPS, step))


def test_what_comes_after_the_time_allowed_is_left_out(telemetry: Telemetry) -> None:
    feed = Feed(telemetry, SETTINGS)
    put_metric(telemetry, [(t, 1.0) for t in range(0, 100, 10)])
    looked(feed, 10)
    put_metric(telemetry, [(t + 5, 7.0) for t in range(0, 100, 10)])
    fed = looked(feed, 11)
    np.testing.assert_equal(fed.metrics.values[-11:, 0], [1.0] * 7 + [7.0] * 3 + [math.nan])


def test_a_counter_has_a_rate_after_any_gap_and_after_a_restart(telemetry: Telemetry) -> None:
    """A value below the one before is a restart: then the increase is the new value, and never below zero."""
    feed = Feed(telemetry, SETTINGS)
    put_metric(telemetry, [(1, 100.0), (11, 130.0)], kind=CUMULATIVE)
    looked(feed, 2)
    for step in range(3, 11):
        looked(feed, step)
    put_metric(telemetry, [(101, 160.0)], kind=CUMULATIVE)
    fed = looked(feed, 11)
    assert fed.metrics.values[-1, 0] == pytest.approx((160 - 130) / 90)
    put_metric(telemetry, [(111, 20.0)], kind=CUMULATIVE)
    fed = looked(feed, 12)
    assert fed.metrics.values[-1, 0] == pytest.approx(20 / 10)
    assert not (fed.metrics.values < 0).any()


def test_the_first_look_reads_from_where_others_know_everything(telemetry: Telemetry) -> None:
    """In parts, each of which says how much of it is new; together they hold every step once."""
    put_metric(telemetry, [(t, float(t)) for t in range(0, 1000, 10)])
    feed = Feed(telemetry, SETTINGS)
    told: list[float] = []
    for fed in feed.moved(FIRST + 100, FIRST):
        told.extend(fed.metrics.values[-fed.new :, 0].tolist() if fed.metrics.series else [math.nan] * fed.new)
    assert told == [float(t) for t in range(0, 1000, 10)]


def test_after_a_long_pause_or_back_in_time_a_window_is_read_anew(telemetry: Telemetry) -> None:
    put_metric(telemetry, [(t, float(t)) for t in range(0, 1000, 10)])
    feed = Feed(telemetry, SETTINGS)
    for step in (10, 100, 30, 31):
        assert_same(looked(feed, step), read_whole(telemetry, step - STEPS, step))


def test_a_look_that_failed_is_made_up_for(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    put_metric(telemetry, [(t, float(t)) for t in range(0, 200, 10)], kind=CUMULATIVE)
    put_log(telemetry, "late", 145)
    feed = Feed(telemetry, SETTINGS)
    looked(feed, 12)
    with monkeypatch.context() as broken:
        broken.setattr(telemetry.logs, "counts", _fails)
        for step in (13, 14, 15):
            with pytest.raises(StoreError):
                looked(feed, step)
    assert_same(looked(feed, 16), read_whole(telemetry, 0, 16))


def _fails(*_: object) -> Window:
    raise StoreError("the engine is away")


def test_while_nothing_new_is_sent_of_the_series_nothing_is_made_anew(telemetry: Telemetry) -> None:
    """What depends on which series there are is remembered by the tuple of them."""
    feed = Feed(telemetry, SETTINGS)
    for step in range(1, 6):
        put_metric(telemetry, [(step * 10 - 5, 1.0)])
        put_metric(telemetry, [(step * 10 - 5, 1.0)], name="other")
    tuples = {id(looked(feed, step).metrics.series) for step in range(3, 6)}
    assert len(tuples) == 1


def test_the_parts_of_all_series_are_all_and_an_entity_is_in_one(telemetry: Telemetry) -> None:
    spans = []
    metrics = []
    for number in range(12):
        service = f"shop/s{number}"
        metrics.append(metric_body([(5, 1.0), (15, 2.0)], service=service.partition("/")[2]))
        metrics.append(metric_body([(5, 1.0)], name="limit", service=service.partition("/")[2]))
        spans.append(span_body(service, 5, 0.2, trace=number + 1))
        put_log(telemetry, "line", 6, service=service.partition("/")[2])
    put_metrics(telemetry, metrics)
    put_spans(telemetry, spans)
    whole = looked(Feed(telemetry, SETTINGS), 3)
    parts = [
        looked(Feed(telemetry, DetectSettings(step_s=STEP_S, window_s=420.0, shard_index=index, shard_count=3)), 3)
        for index in range(3)
    ]
    for name in ("metrics", "red", "exclusive", "logs"):
        together = [key for part in parts for key in shown(getattr(part, name))]
        assert sorted(together) == sorted(shown(getattr(whole, name)))
    owners = [{info.entity for window in (p.metrics, p.red, p.logs) for info in window.series} for p in parts]
    assert all(owners)
    assert sum(map(len, owners)) == len(frozenset.union(*map(frozenset, owners)))


def test_who_was_heard(telemetry: Telemetry) -> None:
    put_metric(telemetry, [(5, 1.0)], service="early")
    put_metric(telemetry, [(95, 1.0)], service="late")
    fed = looked(Feed(telemetry, SETTINGS), 10)
    assert heard((fed.metrics, fed.logs), 3) == {"service:late"}
    assert at(0) == NOON


def test_what_was_sent_again_after_a_pause_is_read_from_its_beginning(telemetry: Telemetry) -> None:
    """It is later than ``late_s``: the platform was not at work for ten steps, and the sender comes again after it."""
    for late, expected in ((None, 0), (FIRST + 1, 3)):
        feed, service = Feed(telemetry, SETTINGS), f"again-{expected}"
        looked(feed, 1)
        looked(feed, 11)
        put_metric(telemetry, [(15, 1.0), (25, 2.0), (35, 3.0)], service=service)
        *_, fed = feed.moved(FIRST + 12, None, late)
        columns = [column for column, info in enumerate(fed.metrics.series) if info.entity == f"service:{service}"]
        assert np.isfinite(fed.metrics.values[:, columns]).sum() == expected


def test_buckets_that_come_rarely_are_known(telemetry: Telemetry) -> None:
    """Every two minutes: the value before one is further back than a window looks for it."""
    feed, labels = Feed(telemetry, SETTINGS), {"le": "0.1"}
    points = [(second, second) for second in (5.0, 125.0, 245.0)]
    put_metric(telemetry, points, kind=CUMULATIVE, name="http_request_duration_seconds_bucket", labels=labels)
    for step in range(1, 32):
        buckets = looked(feed, step).buckets
    assert buckets is not None
    assert buckets.values[np.isfinite(buckets.values)].tolist() == [1.0]

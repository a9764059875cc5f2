"""Tiers: four months of points rolled up is what NumPy makes of it, and readers choose the tier by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from tests.store.fixtures import telemetry_in

from wellkept.store.telemetry.metrics import Metrics
from wellkept.store.telemetry.promql.limits import Limits
from wellkept.store.telemetry.promql.promql import PromQL
from wellkept.store.telemetry.promql.values import Vector
from wellkept.store.telemetry.resolution import HOUR_MS, Asked, Coverage, Tier
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.tiers import Tiers

START = datetime(2025, 11, 1, tzinfo=UTC)
START_MS = round(START.timestamp() * 1000)
DAYS, MINUTE_MS, DAY_MS = 120, 60_000, 24 * HOUR_MS
ASKED = 100
"""So many days are asked for, from the second on."""
NOW = START + timedelta(days=DAYS, minutes=10)
MINUTES = DAYS * 24 * 60
GAUGE, COUNTER, DELTA = 11, 12, 13
WIDE = Limits(steps=100_000)
Stored = tuple[Telemetry, Tiers]
Months = dict[int, NDArray[np.float64]]
Reduce = Callable[[NDArray[np.float64]], NDArray[np.float64]]
IDS = {GAUGE: "gauge", COUNTER: "total", DELTA: "delta"}


def describe(telemetry: Telemetry) -> None:
    """What the three series are."""
    for series, kind in IDS.items():
        telemetry.engine.command(
            """
            INSERT INTO metric_series
                (series, name, unit, kind, is_monotonic, temporality, entity, first_seen, last_seen)
            SELECT {id:UInt64}, {name:String}, '1', {kind:String}, {mono:Bool}, {temporality:UInt8}, 'service:shop',
                {first:DateTime64(3, 'UTC')}, {last:DateTime64(3, 'UTC')}""",
            {
                "id": series,
                "name": kind,
                "kind": "gauge" if kind == "gauge" else "sum",
                "mono": kind != "gauge",
                "temporality": {"gauge": 0, "total": 2, "delta": 1}[kind],
                "first": START,
                "last": NOW,
            },
        )


def put(telemetry: Telemetry, series: int, millis: NDArray[np.int64], values: NDArray[np.float64]) -> None:
    columns = {
        "series": pa.array(np.full(len(millis), series), pa.uint64()),
        "time": pa.array(millis, pa.timestamp("ms", "UTC")),
        "value": pa.array(values),
    }
    telemetry.engine.insert_arrow("metric_points", pa.table(columns))


@pytest.fixture(scope="module")
def months() -> Months:
    """A value a minute for four months."""
    rng = np.random.default_rng(7)
    steps = rng.integers(0, 9, MINUTES).astype(np.float64)
    return {GAUGE: np.round(rng.normal(50, 9, MINUTES), 3), COUNTER: np.cumsum(steps), DELTA: steps}


@pytest.fixture(scope="module")
def stored(months: Months, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """The months, 20 s after each minute, rolled up."""
    telemetry = telemetry_in(tmp_path_factory.mktemp("tiers") / "telemetry")
    describe(telemetry)
    millis = START_MS + 20_000 + np.arange(MINUTES, dtype=np.int64) * MINUTE_MS
    for series, values in months.items():
        put(telemetry, series, millis, values)
    tiers = Tiers(telemetry.engine)
    assert tiers.roll_up(NOW, at_most_s=600) == DAYS * 24
    yield telemetry, tiers
    telemetry.close()


def held(tiers: Tiers, points_days: int, minutes_days: int) -> Coverage:
    """As if points and minutes were kept for so many days."""
    points, minutes = (START_MS + (DAYS - days) * DAY_MS for days in (points_days, minutes_days))
    return Coverage(points, minutes, 0, tiers.coverage.rolled_ms)


def asked(
    telemetry: Telemetry, coverage: Coverage, query: str, *, first_day: int, days: int, step_ms: int
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The values of one series, which is there at every step, and the warnings."""
    first = START_MS + first_day * DAY_MS
    promql = PromQL(telemetry.engine, WIDE, coverage=lambda: coverage)
    answer = promql.range(query, first, first + days * DAY_MS, step_ms)
    assert isinstance(answer.value, Vector)
    assert answer.value.present.all()
    return answer.value.values[0], answer.warnings


def test_every_bucket_is_what_its_points_amount_to(stored: Stored, months: Months) -> None:
    telemetry, _ = stored
    rows = telemetry.engine.query("SELECT * FROM metric_hours FINAL ORDER BY series, time")
    assert rows.num_rows == 3 * DAYS * 24
    for index, series in enumerate(sorted(IDS)):
        cells = months[series].reshape(-1, 60)
        found = rows.slice(index * DAYS * 24, DAYS * 24)
        for name, values in {
            "last": cells[:, -1], "least": cells.min(1), "greatest": cells.max(1), "total": cells.sum(1),
        }.items():  # fmt: skip
            np.testing.assert_allclose(found[name].to_numpy(), values)
        assert set(found["samples"].to_pylist()) == {60}
    assert telemetry.engine.query("SELECT count() AS n FROM metric_minutes FINAL")["n"].to_pylist() == [3 * MINUTES]


@pytest.mark.parametrize("tier", [Tier.MINUTES, Tier.HOURS])
@pytest.mark.parametrize(
    ("query", "series", "reduce"),
    [
        ("avg_over_time(gauge_ratio[1d])", GAUGE, lambda days: days.mean(1)),
        ("min_over_time(gauge_ratio[1d])", GAUGE, lambda days: days.min(1)),
        ("max_over_time(gauge_ratio[1d])", GAUGE, lambda days: days.max(1)),
        ("sum_over_time(gauge_ratio[1d])", GAUGE, lambda days: days.sum(1)),
        ("count_over_time(gauge_ratio[1d])", GAUGE, lambda days: np.full(len(days), 1440.0)),
        ("last_over_time(gauge_ratio[1d])", GAUGE, lambda days: days[:, -1]),
        ("gauge_ratio", GAUGE, lambda days: days[:, -1]),
        ("increase(delta_total[1d])", DELTA, lambda days: days.sum(1)),
        ("rate(delta_total[1d])", DELTA, lambda days: days.sum(1) / 86_400),
    ],
)
def test_what_a_tier_answers_is_what_the_points_say(
    stored: Stored, months: Months, tier: Tier, query: str, series: int, reduce: Reduce
) -> None:
    """At steps that are whole days, where no bucket is cut."""
    telemetry, tiers = stored
    coverage = held(tiers, 0, 400 if tier is Tier.MINUTES else 0)
    values, warnings = asked(telemetry, coverage, query, first_day=1, days=ASKED, step_ms=DAY_MS)
    np.testing.assert_allclose(values, reduce(months[series].reshape(-1, 1440)[: ASKED + 1]))
    # A whole day is coarse enough for hours wherever they are; a look at the last sample alone is not.
    read = Tier.HOURS if "[1d]" in query else tier
    assert warnings == (read.warning,)


def test_a_rate_by_the_hour_is_that_of_its_points_but_for_a_bucket_at_the_ends(stored: Stored, months: Months) -> None:
    telemetry, tiers = stored
    values, _ = asked(telemetry, held(tiers, 0, 0), "increase(total[1d])", first_day=1, days=ASKED, step_ms=DAY_MS)
    exact = np.diff(months[COUNTER].reshape(-1, 1440)[: ASKED + 2, -1])
    assert np.abs(values[1:] / exact[:ASKED] - 1).max() < 0.02


def test_a_window_shorter_than_the_buckets_is_widened_and_what_adds_up_is_scaled(
    stored: Stored, months: Months
) -> None:
    telemetry, tiers = stored
    coverage = held(tiers, 0, 0)
    counted, _ = asked(telemetry, coverage, "count_over_time(gauge_ratio[30m])", first_day=10, days=1, step_ms=HOUR_MS)
    assert counted.tolist() == [30.0] * 25
    increase, _ = asked(telemetry, coverage, "increase(total[30m])", first_day=10, days=1, step_ms=HOUR_MS)
    hours = months[COUNTER].reshape(-1, 60)[:, -1]
    np.testing.assert_allclose(increase, np.diff(hours[238:264]) / 2, rtol=0.3)


def test_a_day_that_the_points_hold_is_read_from_them(stored: Stored, months: Months) -> None:
    telemetry, tiers = stored
    coverage = held(tiers, 15, 90)
    values, warnings = asked(telemetry, coverage, "gauge_ratio", first_day=DAYS - 3, days=1, step_ms=HOUR_MS)
    assert warnings == ()
    np.testing.assert_allclose(values, months[GAUGE][(DAYS - 3) * 1440 - 1 :: 60][:25])


def test_each_part_of_a_span_is_read_from_what_holds_it(stored: Stored, months: Months) -> None:
    """Hours, then minutes, then points; the answer has no seam."""
    telemetry, tiers = stored
    coverage = held(tiers, 15, 60)
    values, warnings = asked(telemetry, coverage, "gauge_ratio", first_day=20, days=DAYS - 21, step_ms=HOUR_MS // 20)
    assert warnings == (Tier.MINUTES.warning, Tier.HOURS.warning)
    minutes = values[(DAYS - 60 - 20 + 1) * 480 :]
    np.testing.assert_allclose(minutes, months[GAUGE][(DAYS - 59) * 1440 - 1 :: 3][: len(minutes)])
    hourly = values[: 39 * 480 : 20]
    np.testing.assert_allclose(hourly, months[GAUGE][20 * 1440 - 1 :: 60][: len(hourly)])


def test_a_window_of_many_series_chooses_as_well(stored: Stored, months: Months) -> None:
    telemetry, tiers = stored
    points = Metrics(telemetry.engine).window(START, START + timedelta(days=DAYS - 5), 86_400)
    assert points.warnings == ()
    for minutes_days in (400, 0):
        metrics = Metrics(telemetry.engine, lambda days=minutes_days: held(tiers, 15, days))  # type: ignore[misc]
        window = metrics.window(START, START + timedelta(days=DAYS - 5), 86_400)
        assert window.warnings == (Tier.HOURS.warning,), "nothing is read by the minute"
        assert window.series == points.series
        np.testing.assert_allclose(window.values, points.values)


def test_the_tier_of_each_look() -> None:
    coverage = Coverage(points_ms=100 * DAY_MS, minutes_ms=50 * DAY_MS, hours_ms=0, rolled_ms=200 * DAY_MS)
    short = Asked(0, DAY_MS, MINUTE_MS, 5 * MINUTE_MS)
    looks = [(10, Tier.HOURS), (50, Tier.MINUTES), (99, Tier.MINUTES), (100, Tier.POINTS), (250, Tier.POINTS)]
    assert [coverage.tier(day * DAY_MS, short) for day, _ in looks] == [tier for _, tier in looks]
    long = Asked(0, 30 * DAY_MS, DAY_MS, 10 * MINUTE_MS)
    assert coverage.tier(150 * DAY_MS, long) is Tier.MINUTES
    assert coverage.tier(150 * DAY_MS, replace(long, window_ms=DAY_MS)) is Tier.HOURS
    assert coverage.tier(150 * DAY_MS, replace(long, step_ms=MINUTE_MS)) is Tier.POINTS
    assert coverage.tier(250 * DAY_MS, long) is Tier.POINTS

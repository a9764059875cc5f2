"""Burn rates: sums over windows are what adding up gives, periods are those of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.finding import Severity
from wellkept.ops.detect.rules.slo.base import OfShare, Slices, Slo, usual_burns
from wellkept.ops.detect.rules.slo.burning import Sums, burning, period, remaining
from wellkept.ops.detect.rules.slo.counts import Counts
from wellkept.ops.detect.rules.slo.findings import sentence, window_words
from wellkept.store.telemetry.promql.steps import Steps

STEP_MS = 60_000
EVENTS = st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 50), st.integers(0, 50))), min_size=1, max_size=60)


def slo(objective: float = 0.999, window_s: float = 30 * 86_400.0, **more: object) -> Slo:
    burns = usual_burns(window_s, 1 - objective)
    return Slo("a", "checkout availability", "f", 1, OfShare("x"), objective, window_s, burns=burns, **more)  # type: ignore[arg-type]


def counts(events: list[tuple[int, int] | None], start_ms: int = 0) -> Counts:
    bad = np.array([np.nan if one is None else min(one) for one in events], dtype=np.float64)
    total = np.array([np.nan if one is None else max(one) for one in events], dtype=np.float64)
    return Counts(Steps(start_ms, STEP_MS, len(events)), bad, total)


@given(EVENTS, st.integers(1, 70))
def test_the_share_over_a_window_is_what_adding_up_gives(events: list[tuple[int, int] | None], minutes: int) -> None:
    found = counts(events)
    share = Sums.of(slo(), found).share(minutes * 60.0)
    for index in range(len(events)):
        window = slice(max(0, index + 1 - minutes), index + 1)
        bad, total = np.nansum(found.bad[window]), np.nansum(found.total[window])
        if total > 0:
            assert share[index] == pytest.approx(bad / total)
        else:
            assert np.isnan(share[index]), "nothing happened, and nothing is said"


@given(EVENTS, st.integers(0, 59), st.integers(1, 15))
def test_slices_are_bad_where_too_much_of_them_is(
    events: list[tuple[int, int] | None], offset: int, minutes: int
) -> None:
    found = counts(events, offset * STEP_MS)
    sums = Sums.of(slo(0.9, slices=Slices(0.9, minutes * 60.0)), found)
    numbers = (found.steps.millis - 1) // (minutes * STEP_MS)
    bad = total = 0
    for number in np.unique(numbers):
        inside = numbers == number
        happened = np.nansum(found.total[inside])
        total += happened > 0
        bad += happened > 0 and np.nansum(found.bad[inside]) > 0.1 * happened + 1e-12
    assert (sums.bad[-1], sums.total[-1]) == (bad, total)


def test_the_usual_burns_are_those_of_the_workbook() -> None:
    thirty = [(b.long_s / 3600, b.short_s / 60, b.rate, b.severity) for b in usual_burns(30 * 86_400, 0.001)]
    assert thirty == [
        (1, 5, 14.4, Severity.CRITICAL), (6, 30, 6, Severity.ERROR), (72, 360, 1, Severity.WARNING),
    ]  # fmt: skip
    assert [b.long_s for b in usual_burns(7 * 86_400, 0.001)] == [840.0, 5040.0, 60_480.0]
    assert [b.rate for b in usual_burns(30 * 86_400, 0.1)] == [6.0, 1.0], "14.4 times 10 % cannot be reached"


def test_it_burns_where_both_windows_do() -> None:
    bad = np.zeros(200)
    bad[100:110] = 30.0
    flags = burning(slo(), Sums.of(slo(), Counts(Steps(0, STEP_MS, 200), bad, np.full(200, 1000.0))))
    fastest = flags[0]
    assert not fastest[:103].any(), "2 % of the hour's budget is not gone yet"
    long = np.array([bad[max(0, i - 59) : i + 1].sum() / (1000 * min(i + 1, 60)) for i in range(200)])
    short = np.array([bad[max(0, i - 4) : i + 1].sum() / (1000 * min(i + 1, 5)) for i in range(200)])
    assert (fastest == ((long >= 0.0144) & (short >= 0.0144))).all()


def test_no_events_burn_nothing() -> None:
    nothing = Counts(Steps(0, STEP_MS, 100), np.full(100, np.nan), np.full(100, np.nan))
    sums = Sums.of(slo(), nothing)
    assert not any(flags.any() for flags in burning(slo(), sums))
    assert np.isnan(remaining(slo(), sums)).all()


def test_what_is_left_of_a_rolling_budget() -> None:
    bad = np.zeros(100)
    bad[50] = 50.0
    left = remaining(slo(), Sums.of(slo(), Counts(Steps(0, STEP_MS, 100), bad, np.full(100, 1000.0))))
    assert left[49] == pytest.approx(1.0)
    assert left[99] == pytest.approx(0.5)


def test_the_budget_of_a_month_is_that_of_the_whole_month() -> None:
    """Half of the events of the tenth day are bad: of a month's budget of 10 %, a third is gone."""
    start = round(datetime(2026, 6, 1, tzinfo=UTC).timestamp() * 1000)
    steps = Steps(start + 3_600_000, 3_600_000, 24 * 10)
    bad = np.zeros(240)
    bad[216:] = 50.0
    one = slo(0.9, 31 * 86_400.0, calendar="month")
    left = remaining(one, Sums.of(one, Counts(steps, bad, np.full(240, 100.0))))
    assert left[-1] == pytest.approx(1 - (24 * 50) / (0.1 * 720 * 100))


@pytest.mark.parametrize(
    ("calendar", "begin", "end"),
    [
        ("day", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("week", "2026-03-22T23:00", "2026-03-29T22:00"),
        ("month", "2026-02-28T23:00", "2026-03-31T22:00"),
        ("quarter", "2025-12-31T23:00", "2026-03-31T22:00"),
        ("year", "2025-12-31T23:00", "2026-12-31T23:00"),
    ],
)
def test_periods_follow_the_calendar_of_their_zone(calendar: str, begin: str, end: str) -> None:
    found = period(datetime(2026, 3, 29, 12, tzinfo=UTC), calendar, "Europe/Berlin")  # type: ignore[arg-type]
    assert [f"{one:%Y-%m-%dT%H:%M}" for one in found] == [begin, end]


def test_the_sentence_says_how_fast_and_when_it_is_spent() -> None:
    assert sentence(slo(), 14.0, 1.0) == (
        "checkout availability burns its 30-day error budget 14 times too fast; at this pace it is spent in 2.1 days"
    )
    assert "what is left of it (25%) is spent in 12.9 hours" in sentence(slo(), 14.0, 0.25)
    assert sentence(slo(), 2.0, -0.1).endswith("it is spent already (99.9 % was promised)")
    assert window_words(slo(0.99, 86_400.0 * 92, calendar="quarter")) == "quarterly"

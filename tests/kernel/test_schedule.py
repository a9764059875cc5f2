"""Times that come again: against the wall clock, and over the changes of it."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.errors import InputError
from wellkept.kernel.schedule import DAYS, Occurrence, Schedule

BERLIN = "Europe/Berlin"
ZONES = st.sampled_from(["UTC", BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
moments = st.integers(0, 365 * 86_400).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
clocks = st.times().map(lambda at: at.replace(second=0, microsecond=0))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def changes_near(moment: datetime, zone: str) -> bool:
    """Whether the clocks of a zone change within two days."""
    offsets = {(moment + timedelta(days=d)).astimezone(ZoneInfo(zone)).utcoffset() for d in (-2, -1, 0, 1, 2)}
    return len(offsets) > 1


@given(moments, clocks, clocks, ZONES, st.sets(st.sampled_from(DAYS), max_size=4))
def test_it_is_what_the_wall_clock_says(moment: datetime, begins: time, ends: time, zone: str, days: set[str]) -> None:
    schedule = Schedule(f"{begins:%H:%M}", f"{ends:%H:%M}", zone, tuple(sorted(days)))
    local = moment.astimezone(ZoneInfo(zone))
    today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
    here, over_midnight = local.time(), ends <= begins
    since_today = here >= begins and (over_midnight or here < ends) and (not days or today in days)
    since_yesterday = over_midnight and here < ends and (not days or yesterday in days)
    found = schedule.at(moment)
    if not changes_near(moment, zone):
        assert (found is not None) is (since_today or since_yesterday)
    elif since_today or since_yesterday:
        assert found is not None, "what the wall clock says is always in it"


@given(moments, clocks, clocks, ZONES, st.sets(st.sampled_from(DAYS), max_size=3))
def test_the_next_one_begins_later_and_holds_its_beginning(
    moment: datetime, begins: time, ends: time, zone: str, days: set[str]
) -> None:
    schedule = Schedule(f"{begins:%H:%M}", f"{ends:%H:%M}", zone, tuple(sorted(days)))
    found = schedule.after(moment)
    assert found is not None
    assert moment < found.start < found.end
    at_start = schedule.at(found.start)
    assert at_start is not None
    assert at_start.end >= found.end


def test_over_midnight_in_a_zone() -> None:
    night = Schedule("22:00", "07:00", BERLIN)
    assert night.at(utc(2026, 1, 10, 23)) == Occurrence(utc(2026, 1, 10, 21), utc(2026, 1, 11, 6))
    assert night.at(utc(2026, 1, 10, 20, 59)) is None
    assert night.at(utc(2026, 1, 11, 6)) is None


def test_the_night_that_loses_an_hour_is_shorter_and_the_one_that_gains_it_longer() -> None:
    night = Schedule("22:00", "07:00", BERLIN)
    lengths = [one.end - one.start for day in (utc(2026, 3, 28, 23), utc(2026, 10, 24, 23)) if (one := night.at(day))]
    assert lengths == [timedelta(hours=8), timedelta(hours=10)]


def test_a_time_that_the_clocks_leap_over() -> None:
    early = Schedule("02:30", "04:00", BERLIN)
    assert early.at(utc(2026, 3, 29, 1)) == Occurrence(utc(2026, 3, 29, 1), utc(2026, 3, 29, 2))
    inside = Schedule("02:10", "02:50", BERLIN)
    found = inside.after(utc(2026, 3, 28, 12))
    assert found == Occurrence(utc(2026, 3, 30, 0, 10), utc(2026, 3, 30, 0, 50)), "that day has no such time"


def test_a_time_that_comes_twice() -> None:
    early = Schedule("02:00", "02:30", BERLIN)
    assert early.at(utc(2026, 10, 25, 0, 45)) == Occurrence(utc(2026, 10, 25, 0), utc(2026, 10, 25, 1, 30))


def test_occurrences_that_touch_are_one_stretch() -> None:
    weekend = Schedule("00:00", "00:00", BERLIN, ("sat", "sun"))
    whole = Occurrence(utc(2026, 10, 23, 22), utc(2026, 10, 25, 23))  # the clocks go back on that Sunday
    assert [weekend.stretch(at) for at in (whole.start, utc(2026, 10, 24, 22), utc(2026, 10, 25, 22, 59))] == [
        whole
    ] * 3
    assert weekend.stretch(whole.end) is None
    always = Schedule("00:00", "00:00").stretch(utc(2026, 6, 15, 12))
    assert always == Occurrence(utc(2026, 6, 8), utc(2026, 6, 23)), "some end there is"
    nights = Schedule("22:00", "07:00")
    assert nights.stretch(utc(2026, 6, 15, 23)) == nights.at(utc(2026, 6, 15, 23))


def test_days_of_the_month() -> None:
    last = Schedule("00:00", "00:00", "UTC", monthdays=(-1,))
    assert last.at(utc(2026, 2, 28, 12)) == Occurrence(utc(2026, 2, 28), utc(2026, 3, 1))
    assert last.at(utc(2026, 2, 27, 12)) is None
    first_monday = Schedule("02:00", "04:00", "UTC", ("mon",), tuple(range(1, 8)), (6,))
    found = first_monday.after(utc(2026, 1, 1))
    assert found is not None
    assert found.start == utc(2026, 6, 1, 2)
    assert first_monday.words == "02:00 to 04:00 UTC, mon day 1, 2, 3, 4, 5, 6, 7 of the month in month 6"
    assert Schedule("02:00", "04:00", "UTC", monthdays=(31,), months=(2,)).after(utc(2026, 1, 1)) is None


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"begins": "25:00"}, "begins: must be a time of day such as 22:30, got '25:00'"),
        ({"ends": "22:00+01:00"}, "ends: must be a time of day"),
        ({"zone": "Mars/Olympus"}, "zone: must be a time zone such as Europe/Berlin"),
        ({"weekdays": ("monday",)}, "weekdays: must be of mon, tue, wed, thu, fri, sat, sun, got 'monday'"),
        ({"monthdays": (0,)}, "monthdays: must be of numbers from -31 to 31, got 0"),
        ({"months": (13,)}, "months: must be of numbers from 1 to 12, got 13"),
    ],
)
def test_what_is_no_schedule_is_told(given: dict[str, object], rule: str) -> None:
    with pytest.raises(InputError) as raised:
        Schedule(**{"begins": "22:00", "ends": "07:00", **given})  # type: ignore[arg-type]
    assert rule in str(raised.value)

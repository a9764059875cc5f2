"""Times that come again: from one time of the wall clock to another, on certain days, in a time zone.

An occurrence is one stretch without a gap, also where the clocks change: a time that the clocks leap over counts as the
first moment after the leap, and of a time that comes twice an occurrence begins at the first and ends at the second.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from wellkept.kernel.errors import InputError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY, INSTANT = timedelta(days=1), timedelta(microseconds=1)
MOST_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Of each month, in leap years."""
FARTHEST = 400
"""Days in which the next occurrence is looked for."""
MOST_IN_A_ROW = 7
"""So many occurrences each way, at most, are one stretch with another one."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One stretch of time; its end is no longer in it."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """From ``begins`` to ``ends`` (``HH:MM``; over midnight where ``ends`` is not later), on the days that all fit.

    ``weekdays`` (``mon`` to ``sun``), ``monthdays`` (1 to 31, or -1 for the last, -2 for the one before) and ``months``
    (1 to 12) are of the day on which an occurrence begins; an empty one fits every day.
    """

    begins: str
    ends: str
    zone: str = "UTC"
    weekdays: tuple[str, ...] = ()
    monthdays: tuple[int, ...] = ()
    months: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _clock("begins", self.begins)
        _clock("ends", self.ends)
        zone_named(self.zone)
        for name, days, allowed in (
            ("weekdays", self.weekdays, DAYS),
            ("monthdays", self.monthdays, (*range(-31, 0), *range(1, 32))),
            ("months", self.months, range(1, 13)),
        ):
            for day in days:
                if day not in allowed:
                    rule = ", ".join(DAYS) if name == "weekdays" else f"numbers from {min(allowed)} to {max(allowed)}"
                    raise InputError(name, f"must be of {rule}", day)

    @property
    def is_possible(self) -> bool:
        """Whether one of its months has one of its days."""
        months = self.months or range(1, 13)
        return not self.monthdays or any(abs(day) <= MOST_DAYS[month - 1] for day in self.monthdays for month in months)

    def at(self, moment: datetime) -> Occurrence | None:
        """The occurrence that a moment is in; None outside of all. Of several the one that ends last."""
        here = moment.astimezone(zoneinfo.ZoneInfo(self.zone)).date()
        found = [
            one for day in (here - DAY, here, here + DAY) if (one := self._on(day)) and one.start <= moment < one.end
        ]
        return max(found, key=lambda one: one.end, default=None)

    def stretch(self, moment: datetime) -> Occurrence | None:
        """The occurrence that a moment is in, as one with those that it touches: a weekend of two whole days."""
        here = self.at(moment)
        if here is None:
            return None
        start, end = here.start, here.end
        for _ in range(MOST_IN_A_ROW):
            before, behind = self.at(start - INSTANT), self.at(end)
            start, end = before.start if before else start, behind.end if behind else end
        return Occurrence(start, end)

    def after(self, moment: datetime) -> Occurrence | None:
        """The first occurrence that begins after a moment; None where none does within a year."""
        return next((one for one in self._from(moment) if one.start > moment), None)

    @property
    def words(self) -> str:
        """As a person says it."""
        days = ", ".join(self.weekdays) or "every day"
        if self.monthdays:
            told = ", ".join("last" if day == -1 else str(day) for day in self.monthdays)
            days = f"{days if self.weekdays else 'on'} day {told} of the month"
        months = f" in month {', '.join(str(month) for month in self.months)}" if self.months else ""
        return f"{self.begins} to {self.ends} {self.zone}, {days}{months}"

    def _from(self, moment: datetime) -> Iterator[Occurrence]:
        here = moment.astimezone(zoneinfo.ZoneInfo(self.zone)).date()
        for ahead in range(-1, FARTHEST):
            found = self._on(here + ahead * DAY)
            if found is not None:
                yield found

    def _on(self, day: date) -> Occurrence | None:
        """The occurrence that begins on a day; None where the day does not fit, or the clocks leap over all of it."""
        if self.weekdays and DAYS[day.weekday()] not in self.weekdays:
            return None
        if self.months and day.month not in self.months:
            return None
        if self.monthdays and not {day.day, _from_last(day)} & set(self.monthdays):
            return None
        begins, ends = _clock("begins", self.begins), _clock("ends", self.ends)
        zone = zoneinfo.ZoneInfo(self.zone)
        start = _moment(day, begins, zone, 0)
        end = _moment(day if ends > begins else day + DAY, ends, zone, 1)
        return Occurrence(start, end) if start < end else None


def zone_named(name: str) -> zoneinfo.ZoneInfo:
    """A time zone by its name.

    Raises:
        InputError: there is none of that name.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError("zone", "must be a time zone such as Europe/Berlin", name) from error


def _clock(name: str, text: str) -> time:
    try:
        found = time.fromisoformat(text)
    except (ValueError, TypeError):
        raise InputError(name, "must be a time of day such as 22:30", text) from None
    if found.tzinfo is not None or len(text) > len("22:30:00"):
        raise InputError(name, "must be a time of day such as 22:30, without a zone", text)
    return found


def _from_last(day: date) -> int:
    """The day of the month, counted from its end: -1 is the last."""
    first_of_next = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return (day - first_of_next).days


def _moment(day: date, at: time, zone: zoneinfo.ZoneInfo, fold: int) -> datetime:
    """A time of the wall clock as a moment; one that does not exist is the first moment after the leap."""
    local = datetime.combine(day, at, zone).replace(fold=fold)
    moment = local.astimezone(UTC)
    back = moment.astimezone(zone)
    if back.replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    before = local.replace(fold=0).utcoffset() or timedelta(0)
    after = local.replace(fold=1).utcoffset() or timedelta(0)
    return _leap(local.replace(tzinfo=None), before, after, zone)


def _leap(local: datetime, before: timedelta, after: timedelta, zone: zoneinfo.ZoneInfo) -> datetime:
    """The moment at which the clocks leap over a local time: found between the two readings of it."""
    low, high = sorted(((local - before).replace(tzinfo=UTC), (local - after).replace(tzinfo=UTC)))
    offset = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)

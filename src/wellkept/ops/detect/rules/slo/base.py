"""What a service level objective is, from whichever file it came."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from wellkept.kernel.finding import Severity

STEP_S = 60.0
"""Events are counted by the minute."""
REFERENCE_S = 30 * 86_400.0
"""The window for which the usual burn rates are meant."""
Calendar = Literal["day", "week", "month", "quarter", "year"]


@dataclass(frozen=True, slots=True)
class OfService:
    """Requests that a service answered: those that failed are bad, or, with ``slower_than_s``, those that took longer.

    ``service``: the entity's id, or its name where only one is called so. ``endpoint``: only spans of this name.
    """

    service: str
    slower_than_s: float | None = None
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class OfEvents:
    """Events by expressions of PromQL: all of them, and the good or the bad ones.

    ``is_counter``: the expressions select counters that grow; else they give a rate, or a number a step.
    """

    total: str
    part: str
    part_is_good: bool
    is_counter: bool


@dataclass(frozen=True, slots=True)
class OfShare:
    """A share of good (or bad) by itself, each step of the same weight; or a value that must keep to a limit."""

    query: str
    is_good: bool = True
    limit: float | None = None
    comparison: Literal["lt", "lte", "gt", "gte"] = "lte"


Indicator = OfService | OfEvents | OfShare


@dataclass(frozen=True, slots=True)
class Slices:
    """Time slices: a slice is good where at least ``target`` of its events are."""

    target: float
    step_s: float = STEP_S


@dataclass(frozen=True, slots=True)
class Burn:
    """Tell when the budget burns ``rate`` times too fast over both windows, the short one so that it ends in time."""

    long_s: float
    short_s: float
    rate: float
    severity: Severity
    for_s: float = 0.0


def usual_burns(window_s: float, budget: float) -> tuple[Burn, ...]:
    """The windows and rates of the SRE Workbook (chapter 5) for 30 days, stretched to another window.

    The rates stay what they are: 14.4 over an hour is 2 % of the budget of 30 days. A rate that could not be reached
    if everything were bad (14.4 of a budget of 10 %) is left out.
    """
    scale = min(1.0, window_s / REFERENCE_S)
    rows = (
        (3600.0, 300.0, 14.4, Severity.CRITICAL),
        (6 * 3600.0, 1800.0, 6.0, Severity.ERROR),
        (3 * 86_400.0, 6 * 3600.0, 1.0, Severity.WARNING),
    )
    return tuple(
        Burn(_whole(long * scale), _whole(short * scale), rate, bad)
        for long, short, rate, bad in rows
        if rate * budget < 1
    )


def _whole(seconds: float) -> float:
    """Whole steps, one at least."""
    return max(1, round(seconds / STEP_S)) * STEP_S


@dataclass(frozen=True, slots=True)
class Slo:
    """An objective: this share of the indicator's events has to be good over the window.

    ``window_s`` is the length of a rolling window; with ``calendar`` the longest that the period can be.
    """

    name: str
    title: str
    source: str
    line: int
    indicator: Indicator
    objective: float
    window_s: float
    calendar: Calendar | None = None
    zone: str = "UTC"
    burns: tuple[Burn, ...] = ()
    service: str = ""
    slices: Slices | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return 1.0 - self.objective

    @property
    def called(self) -> str:
        """How people are told of it: by its title, and by the service where that does not name it."""
        service = self.service.removeprefix("service:")
        name = re.escape(service.rpartition("/")[2])
        is_named = re.search(rf"(?<!\w){name}(?!\w)", self.title, re.IGNORECASE)
        return self.title if is_named or not service else f"{self.title} of {service}"

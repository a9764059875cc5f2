"""Slow loss: performance that falls a little from cohort to cohort, and when it will be below the floor."""

from __future__ import annotations

from datetime import datetime, timedelta

from wellkept.kernel.entity import model_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ml.estimate.history import PerformanceHistory
from wellkept.ml.estimate.trend import Trend
from wellkept.ml.watch.base import Said, Served

LEAST_LOSS = 0.25
"""The loss along the trend must be this share of what lies between promise and floor: less is no loss yet."""
CALM = 2.0
"""A finding ends when the floor is this many times further away than would begin one."""
VAGUE = 3.0
"""A floor that may be so many times as far ahead as was looked back, by the slow end of the interval, is no date."""
DAY_S = 86_400.0


class SlowLoss:
    """The trend of realised performance, and of valid estimates where labels are still on their way.

    Told when the trend's interval leaves no doubt that it falls, and it meets the floor within as much time as the
    trend was watched for: nobody can look further ahead than back. By the slow end of the interval that must not be
    much later: between 25 days and seven years says nothing. What is below the floor already is a loss that has come,
    and told as such by others.
    """

    name = "slowloss"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:
        history = served.history
        trend = history.trend if history is not None else None
        if history is None or trend is None or history.promised is None:
            return Said()
        print_ = fingerprint(self.name, model_id(served.model), history.metric)
        span = _span_days(history, trend)
        if is_told(trend, history.promised, span, is_open=print_ in served.open):
            return Said((self._finding(served, history, trend, now),))
        return Said(clear=frozenset({print_}))

    def _finding(self, served: Served, history: PerformanceHistory, trend: Trend, now: datetime) -> Finding:
        assert trend.days is not None
        print_ = fingerprint(self.name, model_id(served.model), history.metric)
        known = served.open.get(print_)
        since = known.starts_at if known else now - timedelta(days=_span_days(history, trend))
        name = history.metric.replace("_", " ")
        direction = "rises" if history.lower_is_better else "falls"
        beyond = "above" if history.lower_is_better else "below"
        latest = "later than can be told" if trend.latest is None else f"{_long(trend.latest)}"
        soonest = trend.days if trend.soonest is None else trend.soonest
        points = tuple(
            (one.end.timestamp(), one.value if one.value is not None else one.estimate.value)
            for one in history.cohorts
            if one.value is not None or (one.estimate.is_valid and one.estimate.value is not None)
        )
        return Finding(
            fingerprint=print_,
            detector=self.name,
            detector_version=self.version,
            entity=model_id(served.model),
            kind=FindingKind.FORECAST,
            severity=Severity.WARNING,
            score=round(1.0 / (1.0 + trend.days / max(_span_days(history, trend), 1e-9)), 6),
            score_meaning="how soon the floor is met: 1 is now, 0.5 is as far ahead as was looked back",
            starts_at=since,
            sentence=(
                f"{name.capitalize()} of {served.model} {direction} by {_pace(trend.slope)}: at this pace it is "
                f"{beyond} its floor of {trend.floor:.3f} in {_long(trend.days)} (between {_long(soonest)} and "
                f"{latest}); it is {trend.level:.3f} now."
            ),
            evidence=(
                Evidence(
                    history.metric,
                    points=tuple((at, value) for at, value in points if value is not None),
                    limit=trend.floor,
                    values={"slope_per_day": trend.slope, "level": trend.level, "days": trend.days},
                ),
            ),
            attributes={"title": f"{served.model} is slowly getting worse"},
        )


def is_told(trend: Trend, promised: float, span_days: float, *, is_open: bool) -> bool:
    """Whether a trend that was watched for ``span_days`` is a loss to speak of; one that is spoken of ends later."""
    reach = span_days * (CALM if is_open else 1.0)
    is_soon = trend.days is not None and 0 < trend.days <= reach
    is_large = abs(trend.slope) * span_days >= LEAST_LOSS * abs(promised - trend.floor)
    is_dated = is_open or (trend.latest is not None and trend.latest <= VAGUE * span_days)
    return is_soon and is_dated and trend.is_falling and is_large


def _span_days(history: PerformanceHistory, trend: Trend) -> float:
    """How long the trend was watched for."""
    return trend.points * history.step_s / DAY_S


def _long(days: float) -> str:
    """A duration in its fitting unit."""
    if days >= 2:
        return f"{days:.0f} days"
    return f"{days * 24:.0f} hours" if days * 24 >= 2 else f"{days * 1440:.0f} minutes"


def _pace(slope: float) -> str:
    """A slope per day, or per hour where a day is far."""
    return f"{abs(slope):.4f} a day" if abs(slope) < 0.1 else f"{abs(slope) / 24:.4f} an hour"

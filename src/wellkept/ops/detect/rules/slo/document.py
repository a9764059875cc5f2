"""Objectives as our own documents write them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from wellkept.kernel.finding import Severity
from wellkept.ops.detect.rules.durations import Duration
from wellkept.ops.detect.rules.fields import LabelName, Part
from wellkept.ops.detect.rules.questions import PromQLText
from wellkept.ops.detect.rules.slo.base import (
    REFERENCE_S,
    STEP_S,
    Burn,
    Calendar,
    Indicator,
    OfEvents,
    OfService,
    OfShare,
    Slo,
    usual_burns,
)

LONGEST_S = {"day": 86_400.0, "week": 604_800.0, "month": 2_678_400.0, "quarter": 7_948_800.0, "year": 31_622_400.0}
"""How long a period of the calendar can be."""


def _share(value: Any) -> Any:
    """``99.9%``, or 0.999."""
    if isinstance(value, str) and value.endswith("%"):
        try:
            return float(value.removesuffix("%")) / 100
        except ValueError:
            raise ValueError("must be a share such as 99.9% or 0.999") from None
    return value


def _possible(value: float) -> float:
    if not 0 < value < 1:
        raise ValueError("must be more than 0 and less than 1, such as 0.999, or a percentage, such as 99.9%")
    return value


Share = Annotated[float, BeforeValidator(_share), AfterValidator(_possible)]


class OwnIndicator(Part):
    """What is counted: exactly one of the ways."""

    availability: bool = False
    """Requests of the service that did not fail, from its spans."""
    latency: Duration | None = None
    """Requests of the service that took no longer than this, from its spans."""
    endpoint: str = ""
    good: PromQLText | None = None
    bad: PromQLText | None = None
    total: PromQLText | None = None
    counter: bool = True
    share: PromQLText | None = None
    """A share of good by itself, from 0 to 1."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [self.availability, self.latency is not None, self.total is not None, self.share is not None]
        if sum(ways) != 1:
            raise ValueError("must count by exactly one of availability, latency, total (with good or bad) and share")
        if (self.total is not None) != ((self.good is not None) or (self.bad is not None)):
            raise ValueError("must have total together with good or bad")
        if self.good is not None and self.bad is not None:
            raise ValueError("must have one of good and bad, not both")
        return self

    def made(self, service: str) -> Indicator:
        if self.availability:
            return OfService(service, None, self.endpoint)
        if self.latency is not None:
            return OfService(service, self.latency, self.endpoint)
        if self.share is not None:
            return OfShare(self.share)
        part = self.good if self.good is not None else self.bad
        assert self.total is not None, "the validator has seen to it"
        assert part is not None, "the validator has seen to it"
        return OfEvents(self.total, part, self.good is not None, self.counter)


class OwnBurn(Part):
    """A burn-rate alert of one's own."""

    long: Duration
    short: Duration
    rate: Annotated[float, Field(gt=0)]
    severity: Literal["info", "warning", "error", "critical"] = "error"
    for_: Annotated[Duration, Field(alias="for")] = 0.0

    @model_validator(mode="after")
    def _short_is_shorter(self) -> Self:
        if not STEP_S <= self.short <= self.long <= LONGEST_S["year"]:
            raise ValueError("must have a short window of at least 1m, and one as long or longer of at most 366d")
        return self

    def made(self) -> Burn:
        return Burn(self.long, self.short, self.rate, Severity[self.severity.upper()], self.for_)


class OwnSlo(Part):
    """An objective."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    title: str = ""
    service: str = ""
    objective: Share
    window: Duration | None = None
    calendar: Calendar | None = None
    sli: OwnIndicator
    alerts: tuple[OwnBurn, ...] | None = None
    """None: the usual ones, stretched to the window; an empty list: none."""
    labels: dict[LabelName, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.window is not None and self.calendar is not None:
            raise ValueError("must have a rolling window or one of the calendar, not both")
        if self.window is not None and not 3600 <= self.window <= LONGEST_S["year"]:
            raise ValueError("must have a window of at least 1h and at most 366d")
        if (self.sli.availability or self.sli.latency is not None) and not self.service:
            raise ValueError("must name the service whose requests are counted")
        for alert in self.alerts or ():
            if alert.rate * (1 - self.objective) >= 1:
                raise ValueError(
                    f"must have alerts that can fire; if everything were bad, the rate would not reach {alert.rate:g}"
                )
        return self

    def made(self, source: str, line: int) -> Slo:
        window = LONGEST_S[self.calendar] if self.calendar else (self.window or REFERENCE_S)
        burns = (
            usual_burns(window, 1 - self.objective)
            if self.alerts is None
            else tuple(alert.made() for alert in self.alerts)
        )
        return Slo(
            name=self.name,
            title=self.title or self.name.replace("-", " "),
            source=source,
            line=line,
            indicator=self.sli.made(self.service),
            objective=self.objective,
            window_s=window,
            calendar=self.calendar,
            burns=burns,
            service=self.service,
            labels=dict(self.labels),
        )

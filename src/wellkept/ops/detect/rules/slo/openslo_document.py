"""The documents of OpenSLO v1, as far as they are read. A field that is not supported is not known."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from wellkept.ops.detect.rules.fields import Part
from wellkept.ops.detect.rules.questions import checked

_DURATION = re.compile(r"(\d+)(m|h|d|w|M|Q|Y)\Z")
_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def _seconds(value: Any) -> float:
    found = _DURATION.match(value) if isinstance(value, str) else None
    if found is None or found.group(2) not in _SECONDS:
        raise ValueError("must be a duration such as 5m, 1h, 3d or 1w")
    return int(found.group(1)) * _SECONDS[found.group(2)]


def _known_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        raise ValueError("must be a time zone such as Europe/Berlin") from None


def _within(value: Any, most: int, rule: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(rule) from None
    if not 0 < number < most:
        raise ValueError(rule)
    return number


def _target(value: Any) -> float:
    return _within(value, 1, "must be more than 0 and less than 1, such as 0.999 (targetPercent takes 99.9)")


def _target_percent(value: Any) -> float:
    return _within(value, 100, "must be more than 0 and less than 100, such as 99.9")


Span = Annotated[float, BeforeValidator(_seconds)]
Zone = Annotated[str, AfterValidator(_known_zone)]


class Metadata(Part):
    """What a document is called."""

    name: Annotated[str, Field(min_length=1)]
    display_name: Annotated[str, Field(alias="displayName")] = ""
    labels: dict[str, str | list[str]] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)

    def texts(self) -> dict[str, str]:
        """The labels, a list of values as one text."""
        return {name: text if isinstance(text, str) else ",".join(text) for name, text in self.labels.items()}


class PrometheusQuery(Part):
    """What a metric source of Prometheus says."""

    query: str = ""
    promql: str = ""

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if bool(self.query) == bool(self.promql):
            raise ValueError("must have exactly one of query and promql")
        checked(self.query or self.promql)
        return self


class MetricSource(Part):
    """Where a metric comes from: PromQL, which is asked of our own telemetry."""

    metric_source_ref: Annotated[str, Field(alias="metricSourceRef")] = ""
    type: str = "Prometheus"
    spec: PrometheusQuery

    @field_validator("type")
    @classmethod
    def _is_promql(cls, value: str) -> str:
        if value.lower() not in ("prometheus", "mimir", "thanos", "victoriametrics", "cortex"):
            raise ValueError("must be Prometheus, or what speaks PromQL; other sources are not supported")
        return value


class Metric(Part):
    """A metric."""

    metric_source: Annotated[MetricSource, Field(alias="metricSource")]

    @property
    def query(self) -> str:
        return self.metric_source.spec.query or self.metric_source.spec.promql


class RatioMetric(Part):
    """Good or bad of all, or a ratio by itself."""

    counter: bool = False
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric | None = None
    raw: Metric | None = None
    raw_type: Annotated[Literal["success", "failure"], Field(alias="rawType")] = "success"

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.raw is not None) == (self.total is not None):
            raise ValueError("must have exactly one of raw and total")
        if self.raw is None and (self.good is None) == (self.bad is None):
            raise ValueError("must have exactly one of good and bad beside total")
        return self


class IndicatorSpec(Part):
    """What an indicator counts."""

    description: str = ""
    ratio_metric: Annotated[RatioMetric | None, Field(alias="ratioMetric")] = None
    threshold_metric: Annotated[Metric | None, Field(alias="thresholdMetric")] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.ratio_metric is None) == (self.threshold_metric is None):
            raise ValueError("must have exactly one of ratioMetric and thresholdMetric")
        return self


class InlineIndicator(Part):
    """An indicator within an objective's document."""

    metadata: Metadata | None = None
    spec: IndicatorSpec


class Calendar(Part):
    """Where a window of the calendar begins."""

    start_time: Annotated[str, Field(alias="startTime")]
    time_zone: Annotated[Zone, Field(alias="timeZone")] = "UTC"

    def begins(self, period: str) -> bool:
        """Whether it begins where a period of the calendar does."""
        try:
            start = datetime.fromisoformat(self.start_time)
        except ValueError:
            return False
        days = {
            "week": start.weekday() == 0,
            "month": start.day == 1,
            "quarter": start.day == 1 and start.month % 3 == 1,
        }
        days["year"] = start.day == start.month == 1
        return (start.hour, start.minute, start.second) == (0, 0, 0) and days.get(period, True)


class TimeWindow(Part):
    """The window of an objective."""

    duration: str
    is_rolling: Annotated[bool, Field(alias="isRolling")] = False
    calendar: Calendar | None = None

    @field_validator("duration")
    @classmethod
    def _is_duration(cls, value: str) -> str:
        if _DURATION.match(value) is None:
            raise ValueError("must be a number and one of m (minutes), h, d, w, M (months), Q and Y")
        return value

    @property
    def parts(self) -> tuple[int, str]:
        found = _DURATION.match(self.duration)
        assert found is not None, "the validator has seen to it"
        return int(found.group(1)), found.group(2)


class Objective(Part):
    """A target."""

    display_name: Annotated[str, Field(alias="displayName")] = ""
    op: Literal["lt", "lte", "gt", "gte"] | None = None
    value: float | None = None
    target: Annotated[float | None, BeforeValidator(_target)] = None
    target_percent: Annotated[float | None, BeforeValidator(_target_percent), Field(alias="targetPercent")] = None
    time_slice_target: Annotated[float | None, Field(alias="timeSliceTarget", gt=0, le=1)] = None
    time_slice_window: Annotated[Span | None, Field(alias="timeSliceWindow")] = None

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.target is None) == (self.target_percent is None):
            raise ValueError("must have exactly one of target and targetPercent")
        return self

    @property
    def share(self) -> float:
        if self.target is not None:
            return self.target
        assert self.target_percent is not None, "the validator has seen to it"
        return self.target_percent / 100


class BurnCondition(Part):
    """When a budget burns too fast."""

    kind: Literal["burnrate"]
    op: Literal["gt", "gte"] = "gte"
    threshold: Annotated[float, Field(gt=0)]
    lookback_window: Annotated[Span, Field(alias="lookbackWindow")]
    alert_after: Annotated[Span, Field(alias="alertAfter")] = 0.0


class ConditionSpec(Part):
    """A condition with its severity."""

    description: str = ""
    severity: str
    condition: BurnCondition


class PolicyCondition(Part):
    """A condition within a policy, or a reference to one."""

    kind: Literal["AlertCondition"] | None = None
    condition_ref: Annotated[str, Field(alias="conditionRef")] = ""
    metadata: Metadata | None = None
    spec: ConditionSpec | None = None


class PolicyTarget(Part):
    """Whom to tell. Findings go to the incident, whoever is told of that."""

    target_ref: Annotated[str, Field(alias="targetRef")] = ""
    kind: str = ""
    metadata: Metadata | None = None
    spec: dict[str, Any] = Field(default_factory=dict)


class PolicySpec(Part):
    """When to tell. A finding opens on a breach and ends with it."""

    description: str = ""
    alert_when_no_data: Annotated[bool, Field(alias="alertWhenNoData")] = False
    alert_when_resolved: Annotated[bool, Field(alias="alertWhenResolved")] = True
    alert_when_breaching: Annotated[bool, Field(alias="alertWhenBreaching")] = True
    conditions: Annotated[tuple[PolicyCondition, ...], Field(min_length=1)]
    notification_targets: Annotated[tuple[PolicyTarget, ...], Field(alias="notificationTargets")] = ()

    @field_validator("alert_when_no_data")
    @classmethod
    def _not_without_data(cls, value: bool) -> bool:
        if value:
            raise ValueError("is not supported; `wellkept rules slo` shows which objectives have no data")
        return value

    @field_validator("alert_when_breaching")
    @classmethod
    def _on_a_breach(cls, value: bool) -> bool:
        if not value:
            raise ValueError("must be true; a policy that only tells of ends is not supported")
        return value


class PolicyOrReference(Part):
    """A policy within an objective's document, or a reference to one."""

    kind: Literal["AlertPolicy"] | None = None
    alert_policy_ref: Annotated[str, Field(alias="alertPolicyRef")] = ""
    metadata: Metadata | None = None
    spec: PolicySpec | None = None


def _as_policy(value: Any) -> Any:
    """A policy may be named by its bare name, as v1 has it."""
    return {"alertPolicyRef": value} if isinstance(value, str) else value


class SloSpec(Part):
    """An objective."""

    description: str = ""
    service: str
    indicator: InlineIndicator | None = None
    indicator_ref: Annotated[str, Field(alias="indicatorRef")] = ""
    time_window: Annotated[tuple[TimeWindow, ...], Field(alias="timeWindow", min_length=1, max_length=1)]
    budgeting_method: Annotated[Literal["Occurrences", "Timeslices"], Field(alias="budgetingMethod")]
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)]
    alert_policies: Annotated[
        tuple[Annotated[PolicyOrReference, BeforeValidator(_as_policy)], ...], Field(alias="alertPolicies")
    ] = ()

    @model_validator(mode="after")
    def _one_indicator(self) -> Self:
        if (self.indicator is None) == (not self.indicator_ref):
            raise ValueError("must have exactly one of indicator and indicatorRef")
        return self


class Document(Part):
    """Any document of OpenSLO."""

    api_version: Annotated[Literal["openslo/v1"], Field(alias="apiVersion")]
    kind: str
    metadata: Metadata
    spec: Any


class SloDocument(Document):
    spec: SloSpec


class SliDocument(Document):
    spec: IndicatorSpec


class PolicyDocument(Document):
    spec: PolicySpec


class ConditionDocument(Document):
    spec: ConditionSpec


KINDS: dict[str, type[Document]] = {
    "SLO": SloDocument,
    "SLI": SliDocument,
    "AlertPolicy": PolicyDocument,
    "AlertCondition": ConditionDocument,
    "AlertNotificationTarget": Document,
    "DataSource": Document,
    "Service": Document,
}

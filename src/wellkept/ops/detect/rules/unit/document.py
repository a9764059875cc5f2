"""The file of unit tests, as promtool reads it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator

from wellkept.ops.detect.rules.durations import Duration
from wellkept.ops.detect.rules.fields import Part
from wellkept.ops.detect.rules.questions import PromQLText
from wellkept.ops.detect.rules.unit.notation import labels_in, series_of, values_of


def _series(text: str) -> str:
    if not any(name == "__name__" for name, _ in series_of(text)):
        raise ValueError("must name a metric")
    return text


def _values(text: str) -> str:
    values_of(text)
    return text


def _labels(text: str) -> str:
    labels_in(text)
    return text


class InputSeries(Part):
    """A series that is there."""

    series: Annotated[str, AfterValidator(_series)]
    values: Annotated[str, AfterValidator(_values)]


class ExpectedAlert(Part):
    """An alert that has to fire; the labels without ``alertname``."""

    exp_labels: dict[str, str] = Field(default_factory=dict)
    exp_annotations: dict[str, str] = Field(default_factory=dict)


class AlertTest(Part):
    """What has to fire of a rule at a moment, all of it and nothing else."""

    eval_time: Duration
    alertname: str
    exp_alerts: tuple[ExpectedAlert, ...] = ()

    @field_validator("exp_alerts", mode="before")
    @classmethod
    def _none_is_none(cls, value: Any) -> Any:
        return () if value is None else value


class ExpectedSample(Part):
    """A sample that an expression has to give."""

    labels: Annotated[str, AfterValidator(_labels)] = "{}"
    value: float


class ExpressionTest(Part):
    """What an expression has to give at a moment."""

    expr: PromQLText
    eval_time: Duration
    exp_samples: tuple[ExpectedSample, ...] = ()

    @field_validator("exp_samples", mode="before")
    @classmethod
    def _none_is_none(cls, value: Any) -> Any:
        return () if value is None else value


class GivenWorld(Part):
    """One world: series, and what has to be true of it."""

    name: str = ""
    interval: Duration = 60.0
    input_series: tuple[InputSeries, ...] = ()
    alert_rule_test: tuple[AlertTest, ...] = ()
    promql_expr_test: tuple[ExpressionTest, ...] = ()

    @field_validator("interval")
    @classmethod
    def _takes_time(cls, value: float) -> float:
        if value <= 0:
            raise ValueError("must be more than 0s")
        return value


class UnitTests(Part):
    """The whole file. ``group_eval_order`` says what is found out here: rules come after those that they depend on."""

    rule_files: tuple[str, ...] = ()
    evaluation_interval: Duration = 60.0
    group_eval_order: tuple[str, ...] = ()
    fuzzy_compare: bool = False
    tests: tuple[GivenWorld, ...] = ()

    @field_validator("evaluation_interval")
    @classmethod
    def _takes_time(cls, value: float) -> float:
        if value <= 0:
            raise ValueError("must be more than 0s")
        return value

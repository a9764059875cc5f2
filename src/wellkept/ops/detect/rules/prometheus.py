"""Rule files of Prometheus, as they are: groups of alerting and recording rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from wellkept.ops.detect.rules.base import EVERY_S, Expression, Group, Rule
from wellkept.ops.detect.rules.durations import Duration
from wellkept.ops.detect.rules.fields import Annotations, Lines, Part, Path, Templates, metric_name, templates
from wellkept.ops.detect.rules.questions import PromQLText
from wellkept.spine.documents import load_document

RESOURCE = "PrometheusRule"
"""The kind of a resource that holds a rule file."""
_NO_TIME = re.compile(r"0+(ms|[smhdwy])?\Z")


class PrometheusRule(Part):
    """An alerting rule or a recording rule."""

    record: str = ""
    alert: str = ""
    expr: PromQLText
    for_: Annotated[Duration, Field(alias="for")] = 0.0
    keep_firing_for: Duration = 0.0
    labels: Templates = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=dict)

    @classmethod
    def ill_matched(cls, given: Mapping[str, Any]) -> str:
        if bool(given.get("record")) == bool(given.get("alert")):
            return "must be named by exactly one of alert and record"
        waits = [
            name
            for name in ("for", "keep_firing_for", "annotations")
            if given.get(name) and not _NO_TIME.match(str(given[name]))
        ]
        return f"must not have {waits[0]}: it is a recording rule" if given.get("record") and waits else ""

    @model_validator(mode="after")
    def _records_a_metric(self) -> Self:
        if self.record:
            metric_name(self.record)
        return self


class PrometheusGroup(Part):
    """Rules that are evaluated together."""

    name: Annotated[str, Field(min_length=1)]
    interval: Duration = EVERY_S
    limit: Annotated[int, Field(ge=0)] = 0
    query_offset: Duration = 0.0
    labels: Templates = Field(default_factory=dict)
    rules: tuple[PrometheusRule, ...] = ()

    @field_validator("interval")
    @classmethod
    def _takes_time(cls, value: float) -> float:
        if value < 1:
            raise ValueError("must be at least 1s")
        return value


class PrometheusFile(Part):
    """The whole file."""

    groups: tuple[PrometheusGroup, ...] = ()

    @field_validator("groups")
    @classmethod
    def _names_once(cls, groups: tuple[PrometheusGroup, ...]) -> tuple[PrometheusGroup, ...]:
        names = [group.name for group in groups]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"must have groups of different names; twice: {', '.join(twice)}")
        return groups


class PrometheusResource(Part):
    """A rule file as a resource of Kubernetes, which the Prometheus operator reads. Only its groups matter here."""

    api_version: Annotated[str, Field(alias="apiVersion")]
    kind: Literal["PrometheusRule"]
    metadata: dict[str, Any] = Field(default_factory=dict)
    spec: PrometheusFile
    status: Any = None

    @field_validator("api_version")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if not value.startswith("monitoring.coreos.com/"):
            raise ValueError("must be monitoring.coreos.com/v1")
        return value


def load_prometheus(text: str, source: str) -> list[Group]:
    """The groups of a rule file.

    Raises:
        DocumentError: every mistake, with line, field, rule and value.
    """
    document = load_document(PrometheusFile, text, source, as_text=True)
    return _groups(document, Lines(text), (), source)


def load_resource(text: str, source: str) -> list[Group]:
    """The groups of a PrometheusRule resource.

    Raises:
        DocumentError: every mistake, with line, field, rule and value.
    """
    document = load_document(PrometheusResource, text, source, as_text=True)
    return _groups(document.spec, Lines(text), ("spec",), source)


def _groups(given: PrometheusFile, lines: Lines, under: Path, source: str) -> list[Group]:
    return [_group(group, (*under, "groups", index), lines, source) for index, group in enumerate(given.groups)]


def _group(given: PrometheusGroup, place: Path, lines: Lines, source: str) -> Group:
    rules = tuple(_rule(rule, lines.of(*place, "rules", index)) for index, rule in enumerate(given.rules))
    group = Group(given.name, source, rules, given.interval, given.limit, given.query_offset)
    return group.with_labels(templates(given.labels))


def _rule(given: PrometheusRule, line: int) -> Rule:
    return Rule(
        name=given.alert or given.record,
        question=Expression(given.expr),
        line=line,
        record=given.record,
        for_s=given.for_,
        keep_s=given.keep_firing_for,
        labels=templates(given.labels),
        annotations=templates(given.annotations),
    )

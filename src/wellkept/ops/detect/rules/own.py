"""Our own rule documents: thresholds on metrics and on indicators of services, expressions, and objectives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from wellkept.kernel.finding import Severity
from wellkept.ops.detect.rules.base import EVERY_S, Expression, Group, Rule, Threshold
from wellkept.ops.detect.rules.durations import Duration, worded
from wellkept.ops.detect.rules.fields import Annotations, Lines, Part, Templates, templates
from wellkept.ops.detect.rules.questions import PromQLText
from wellkept.ops.detect.rules.slo.base import Slo
from wellkept.ops.detect.rules.slo.document import OwnSlo
from wellkept.spine.documents import load_document

SeverityWord = Literal["info", "warning", "error", "critical"]


class OwnRule(Part):
    """A threshold (``metric`` with ``above`` or ``below``), or an expression (``expr``)."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    metric: str = ""
    above: float | None = None
    below: float | None = None
    where: dict[str, str] = Field(default_factory=dict)
    expr: PromQLText | None = None
    every: Duration = EVERY_S
    for_: Annotated[Duration, Field(alias="for")] = 0.0
    keep_firing_for: Duration = 0.0
    severity: SeverityWord | None = None
    labels: Templates = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=dict)

    @field_validator("every")
    @classmethod
    def _takes_time(cls, value: float) -> float:
        if value < 1:
            raise ValueError("must be at least 1s")
        return value

    @classmethod
    def ill_matched(cls, given: Mapping[str, Any]) -> str:
        expr = given.get("expr") is not None
        limits = sum(given.get(name) is not None for name in ("above", "below"))
        if bool(given.get("metric")) == expr:
            return "must ask by exactly one of metric and expr"
        if not expr and limits != 1:
            return "must say exactly one of above and below for its metric"
        if expr and (limits or given.get("where")):
            return "must say in its expr what above, below and where would say"
        return ""

    @property
    def question(self) -> Expression | Threshold:
        if self.expr is not None:
            return Expression(self.expr)
        limit = self.above if self.above is not None else self.below
        assert limit is not None, "the validator has seen to it"
        return Threshold(self.metric, limit, self.above is not None, dict(self.where))


class OwnFile(Part):
    """A document with rules, objectives, or both."""

    rules: tuple[OwnRule, ...] = ()
    slos: tuple[OwnSlo, ...] = ()

    @field_validator("rules", "slos")
    @classmethod
    def _names_once(cls, found: tuple[OwnRule | OwnSlo, ...]) -> tuple[OwnRule | OwnSlo, ...]:
        names = [one.name for one in found]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"must have different names; twice: {', '.join(twice)}")
        return found


def load_own(text: str, source: str) -> tuple[list[Group], list[Slo]]:
    """The rules of a document, in a group for each rhythm, and its objectives.

    Raises:
        DocumentError: every mistake, with line, field, rule and value.
    """
    document = load_document(OwnFile, text, source, as_text=True)
    lines = Lines(text)
    rhythms: dict[float, list[Rule]] = defaultdict(list)
    for index, given in enumerate(document.rules):
        rhythms[given.every].append(_rule(given, lines.of("rules", index)))
    groups = [Group(f"every {worded(every)}", source, tuple(rules), every) for every, rules in rhythms.items()]
    return groups, [slo.made(source, lines.of("slos", index)) for index, slo in enumerate(document.slos)]


def _rule(given: OwnRule, line: int) -> Rule:
    return Rule(
        name=given.name,
        question=given.question,
        line=line,
        for_s=given.for_,
        keep_s=given.keep_firing_for,
        severity=Severity[given.severity.upper()] if given.severity else None,
        labels=templates(given.labels),
        annotations=templates(given.annotations),
    )

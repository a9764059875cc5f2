"""What a rule is, from whichever file it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from wellkept.kernel.errors import Problem
from wellkept.kernel.finding import Severity
from wellkept.kernel.severities import severity_of
from wellkept.ops.detect.rules.questions import is_constant
from wellkept.ops.detect.rules.templates import Template

DETECTOR, VERSION = "rules", "1"
"""As whom and in which version rules speak in findings."""
ALERT_NAME, ALERT_STATE = "alertname", "alertstate"
ENTITY = "entity"
"""The label that names the entity where a rule looks at our own indicators."""
EVERY_S = 60.0
"""How often a group is evaluated that does not say."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A question in PromQL: every series that it gives is an alert."""

    query: str

    @property
    def words(self) -> str:
        return self.query


@dataclass(frozen=True, slots=True)
class Threshold:
    """A question about a metric by its name, or about an indicator of services (``span.rate`` and its like).

    A series whose value in a step lies beyond the limit is an alert. ``where``: attributes that a series must have,
    word for word; ``entity`` among them is the entity's id or its name.
    """

    metric: str
    limit: float
    is_above: bool
    where: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        chosen = ", ".join(f'{name}="{value}"' for name, value in sorted(self.where.items()))
        return f"{self.metric}{f'{{{chosen}}}' if chosen else ''} {'>' if self.is_above else '<'} {self.limit:g}"


Question = Expression | Threshold


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. With ``record`` it makes a series of that name; else it makes alerts called ``name``.

    ``for_s``: an alert that holds for less is pending. ``keep_s``: one that has fired goes on for so long after it
    holds no more. ``severity`` None: the label ``severity`` says it. ``labels`` and ``annotations`` may hold templates.
    ``line``: where it stands in its file.
    """

    name: str
    question: Question
    line: int
    record: str = ""
    for_s: float = 0.0
    keep_s: float = 0.0
    severity: Severity | None = None
    labels: Mapping[str, Template] = field(default_factory=dict)
    annotations: Mapping[str, Template] = field(default_factory=dict)

    @property
    def is_alert(self) -> bool:
        return not self.record

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What of it is not as it was meant: annotations that stay as they are written, and pages that never end."""
        kept = tuple(
            Problem(self.line, f"{self.name}: annotations.{name}", f"stays as it is written: it {template.problem}")
            for name, template in self.annotations.items()
            if template.problem
        )
        said = {name: template.text for name, template in self.labels.items()}
        severity = self.severity or severity_of(said.get("severity", ""))
        if self.record or severity is Severity.INFO or not _is_constant(self.question):
            return kept
        rule = "reads nothing, so its incident never ends; notify.watchdog.heartbeat is what tells that alerts go out"
        return (*kept, Problem(self.line, f"{self.name}: expr", rule))


def _is_constant(question: Question) -> bool:
    return isinstance(question, Expression) and is_constant(question.query)


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after the other, at one moment, every ``every_s`` seconds.

    ``limit``: a rule that gives more than so many series gives none (0: no limit). ``offset_s``: they look at what was
    so long ago, for telemetry that comes late.
    """

    name: str
    source: str
    rules: tuple[Rule, ...]
    every_s: float = EVERY_S
    limit: int = 0
    offset_s: float = 0.0

    @property
    def key(self) -> str:
        """What tells groups apart."""
        return f"{self.source};{self.name}"

    @property
    def every_ms(self) -> int:
        return round(self.every_s * 1000)

    @property
    def offset_ms(self) -> int:
        return round(self.offset_s * 1000)

    def with_labels(self, labels: Mapping[str, Template]) -> Group:
        """The group with labels that every rule gets that does not say otherwise."""
        return replace(self, rules=tuple(replace(rule, labels={**labels, **rule.labels}) for rule in self.rules))


def identity(group: Group, rule: Rule) -> str:
    """What tells rules apart that are called the same: where they stand and what they ask."""
    return f"{group.name}\x1f{rule.name}\x1f{rule.question.words}"

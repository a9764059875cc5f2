"""``recording.yaml``: what the columns of a recording's tables mean. The whole knowledge about a data set is in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from wellkept.kernel.entity import EdgeKind

NAME = "recording.yaml"
MATCH = "$match"
Scalar = str | int | float | bool
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)\Z")


def seconds_of(value: Any) -> Any:
    """``90s``, ``15m``, ``2h``, ``1.5d`` as seconds; anything else as it is.

    Raises:
        ValueError: a text that is no duration.
    """
    if not isinstance(value, str):
        return value
    found = _DURATION.match(value)
    if found is None:
        raise ValueError("must be a duration such as 90s, 15m, 2h or 1d")
    return float(found.group(1)) * _UNITS[found.group(2)]


def _of_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _of_value(value: Any) -> Any:
    return {"value": value} if isinstance(value, str) else value


def _inside(value: str) -> str:
    path = PurePath(value)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("must be inside the recording")
    if path.suffix not in (".parquet", ".csv"):
        raise ValueError("must end in .parquet or .csv")
    return value


def _one_group(name: str, pattern: str) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"{name} is not a regular expression: {error}") from error
    if pattern and groups != 1:
        raise ValueError(f"{name} must have one group in parentheses, got {groups}")


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | int | float | bool) else value


File = Annotated[str, AfterValidator(_inside)]
Duration = Annotated[float, BeforeValidator(seconds_of)]
Columns = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
Where = dict[str, Annotated[tuple[Scalar, ...], BeforeValidator(_listed)]]
"""Column to the value, or the values, that it must have. ``$name`` stands for column ``name`` of the chosen case."""


class Part(BaseModel):
    """A branch of the document; a key that nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TextRule(Part):
    """A text for each row: a column's, or always the same. Written as a plain word it is the column's name.

    ``map`` replaces whole texts (what it does not list stays). ``pattern`` takes the first group of a regular
    expression, and nothing where it does not match. ``template`` puts the text in place of ``{}``.
    """

    column: str = ""
    value: str = ""
    map: dict[str, str] = {}
    pattern: str = ""
    template: str = "{}"

    @model_validator(mode="after")
    def _says_where_from(self) -> TextRule:
        if bool(self.column) == bool(self.value):
            raise ValueError("needs exactly one of column, value")
        _one_group("pattern", self.pattern)
        return self


Text = Annotated[TextRule, BeforeValidator(_of_column)]
Name = Annotated[TextRule, BeforeValidator(_of_value)]
"""A text where a plain word is the text itself."""
Texts = dict[str, Text]


class TimeRule(Part):
    """When. ``unit`` says what a number counts since the epoch; timestamps and ISO 8601 texts need none and are UTC.

    ``shift`` is added: a value that is stamped with the beginning of its period was known only at the end.
    """

    column: str
    unit: Literal["s", "ms", "us", "ns"] | None = None
    shift: Duration = 0.0


Time = Annotated[TimeRule, BeforeValidator(_of_column)]


class BaselineRule(Part):
    """Rows that show how it usually is. ``last`` keeps only the end of them."""

    where: Where
    last: Annotated[Duration, Field(gt=0)] | None = None


class Table(Part):
    """One file of rows, Parquet or CSV by its ending; ``*`` in the name takes several. ``where`` picks rows."""

    file: File
    where: Where = {}
    baseline: BaselineRule | None = None


class MetricRule(Part):
    """One metric of a table: ``column * scale + offset`` in the rows that ``when`` picks.

    ``columns`` is a regular expression with one group instead: every column that it matches is a series of this
    metric, and ``{value: $match}`` stands for what the group matched. ``resource`` is laid over the table's.
    ``kind``: a ``gauge``, a ``counter`` that only rises, or a ``delta``: what happened since the row before.
    """

    column: str = ""
    columns: str = ""
    name: Name
    unit: str = ""
    resource: Texts = {}
    when: Where = {}
    scale: float = 1.0
    offset: float = 0.0
    kind: Literal["gauge", "counter", "delta"] = "gauge"
    attributes: Texts = {}

    @model_validator(mode="after")
    def _names_columns(self) -> MetricRule:
        if bool(self.column) == bool(self.columns):
            raise ValueError("needs exactly one of column, columns")
        _one_group("columns", self.columns)
        return self

    def of_columns(self, names: Iterable[str]) -> list[MetricRule]:
        """The rule for each column that it is about."""
        if self.column:
            return [self]
        found = ((name, re.search(self.columns, name)) for name in names)
        return [self._of_column(name, match.group(1)) for name, match in found if match]

    def _of_column(self, column: str, match: str) -> MetricRule:
        def filled(rules: Texts) -> Texts:
            return {
                label: rule.model_copy(update={"value": match}) if rule.value == MATCH else rule
                for label, rule in rules.items()
            }

        changes = {"column": column, "columns": ""}
        return self.model_copy(
            update={**changes, "resource": filled(self.resource), "attributes": filled(self.attributes)}
        )


class MetricTable(Table):
    """Metrics; wide (a column each) or long (one column of values, told apart by ``when`` or by the name's column)."""

    time: Time
    resource: Texts = {}
    metrics: tuple[MetricRule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_about_something(self) -> MetricTable:
        if not self.resource and not all(rule.resource for rule in self.metrics):
            raise ValueError("needs a resource, or one in every metric")
        return self


class KindRule(Part):
    """A span's kind from a column, after ``map``: server, client, producer, consumer, internal."""

    column: str
    map: dict[str, str] = {}


class StatusRule(Part):
    """A span has failed where the column has one of the values."""

    column: str
    failed: Annotated[tuple[Scalar, ...], BeforeValidator(_listed)]


class SpanTable(Table):
    """Spans. Ids may be hexadecimal, or anything that is unique, in one column or several together.

    Without ``kind``, kinds come from who calls whom: a span answers where its parent is of another service (or it has
    none), and asks where a child of it is.
    """

    start: Time
    duration: Time | None = None
    end: Time | None = None
    trace: Columns
    span: Columns
    parent: Columns
    root: Scalar | None = None
    """What the parent's column holds where there is none (empty always counts)."""
    name: Text
    kind: KindRule | None = None
    status: StatusRule | None = None
    resource: Texts = Field(min_length=1)
    attributes: Texts = {}

    @model_validator(mode="after")
    def _ends(self) -> SpanTable:
        if (self.duration is None) == (self.end is None):
            raise ValueError("needs exactly one of duration, end")
        return self


class SeverityRule(Part):
    """A log record's severity: a column, or a ``pattern`` in its text; ``map`` makes TRACE, DEBUG, INFO, ... of it."""

    column: str = ""
    pattern: str = ""
    map: dict[str, str] = {}


class LogTable(Table):
    """Log records, linked to spans where ``trace`` and ``span`` are given as in the table of spans."""

    time: Time
    body: str
    severity: SeverityRule | None = None
    trace: Columns | None = None
    span: Columns | None = None
    resource: Texts = Field(min_length=1)
    attributes: Texts = {}


class AlertTable(Table):
    """Alerts that reached the operators from elsewhere: about what, when, in which words."""

    time: Time
    resource: Texts = Field(min_length=1)
    sentence: Text
    signal: Name | None = None
    """The name of the series that the alert is about, where there is one."""


class EdgeTable(Table):
    """Who depends on whom, where the telemetry itself does not show it."""

    source: Texts = Field(min_length=1)
    target: Texts = Field(min_length=1)
    kind: EdgeKind = EdgeKind.CALLS


class CaseTable(Part):
    """A recording of several pieces: one row each. ``--case`` picks one by the column ``id``.

    ``derive`` makes further columns of those that are there, for ``where`` to refer to.
    """

    file: File
    id: str
    derive: Texts = {}


class Layout(Part):
    """The document.

    ``splice`` moves the baseline's rows in time so that they end that long before the chosen case begins (``0s``: right
    there); without it everything keeps its own time. ``extra`` is for other tools; the platform passes it by.
    """

    about: str = ""
    cases: CaseTable | None = None
    splice: Annotated[Duration, Field(ge=0)] | None = None
    step: Annotated[Duration, Field(gt=0)] | None = None
    """Seconds between two looks of the detectors; without it the rhythm of the metrics decides."""
    metrics: tuple[MetricTable, ...] = ()
    traces: tuple[SpanTable, ...] = ()
    logs: tuple[LogTable, ...] = ()
    alerts: tuple[AlertTable, ...] = ()
    edges: tuple[EdgeTable, ...] = ()
    extra: dict[str, Any] = {}

"""The data part of a contract: where rows come from, how they are joined, what must be true of them, what is masked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from wellkept.ml.part import Part
from wellkept.spine.plugins import TABLE, load_one

Column = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=1e10)]
Mask = Literal["hash", "drop"]


def _mapped(keys: Any) -> Any:
    """A list of keys means that the source's columns have the keys' own names."""
    return {key: key for key in keys} if isinstance(keys, list | tuple) else keys


def _with_options(schema: dict[str, Any]) -> None:
    """Tell the schema what each connector knows, so that editors do."""
    names = sorted(TABLE["connector"])
    schema["properties"]["connector"]["enum"] = names
    rules = []
    for name in names:
        told = load_one("connector", name).Options.model_json_schema()
        then = {key: told[key] for key in ("properties", "required") if key in told}
        rules.append({"if": {"properties": {"connector": {"const": name}}}, "then": then})
    schema["allOf"] = rules


class Source(Part):
    """A named source. What is not written here belongs to its connector, which checks it."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, json_schema_extra=_with_options)

    connector: str
    keys: Annotated[dict[Column, Text], BeforeValidator(_mapped)] = Field(default={})
    """The entity's keys that a row is about, and the columns that hold them: a list where the names are the same."""
    time: Text | None = None
    """The column of the moment that a row is about. A time without a zone is UTC."""
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    """The unit of times that are written as numbers, since 1970."""
    known_at: Text | None = None
    """The column of the moment at which a row was written; before that it serves nobody."""
    as_known: bool = True
    """False takes rows by their ``time`` alone, whenever they were written. Only for a ``known_at`` that is wrong."""
    delay_s: Annotated[float, Field(ge=0, le=1e10)] = 0.0
    """How long after its time a row becomes known at the earliest."""
    ttl_s: Seconds | None = None
    """How old a row may be and still count."""
    static: bool = False
    """A table without time, one row a key, that is taken as it is now."""
    columns: Annotated[dict[Text, Text], BeforeValidator(_mapped)] = Field(default={})
    """What is taken of it, by the names that it gets: a list where they stay the same. All where it is empty."""
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]*$")] = ""
    """What the names of its columns begin with in the joined frame."""
    max_rows: Annotated[int, Field(ge=1)] | None = None
    """More are an error; the platform's own limit holds besides."""
    timeout_s: Seconds | None = None

    @model_validator(mode="after")
    def _connector_knows_the_rest(self) -> Source:
        if self.connector not in TABLE["connector"]:
            known = ", ".join(sorted(TABLE["connector"]))
            raise ValueError(f"connector must be one of {known}, got {self.connector!r}")
        self.options()  # its mistakes carry their own field
        return self

    @model_validator(mode="after")
    def _times_fit(self) -> Source:
        if self.static and (self.time or self.known_at):
            raise ValueError(f"a static source has neither time nor known_at, got {self.time or self.known_at!r}")
        if self.time is None and (self.known_at or self.ttl_s or self.delay_s or self.time_unit):
            raise ValueError("known_at, ttl_s, delay_s and time_unit need the column of the time, got none")
        return self

    def options(self) -> Any:
        """What the connector is told, checked by it."""
        kind: type[BaseModel] = load_one("connector", self.connector).Options
        return kind.model_validate(self.model_extra or {})


class EntityRows(Part):
    """The rows to train on: one row of the source each, with its keys and its time."""

    source: Name
    keys: tuple[Column, ...] = Field(min_length=1)
    until: Literal["now", "newest"] = "now"
    """Whether the window ends now, or with the newest row: for a file that nobody adds to."""


class LabelRows(Part):
    """Where the truth is: a column of the entity's source, or rows of another one by its keys."""

    source: Name | None = None
    column: Text | None = None
    """Without one: the label's name. With ``within_s`` and no column, an event that happened is 1."""
    known_at: Text | None = None
    """Of the entity's own source: the column that says when the truth became known."""
    within_s: Seconds | None = None
    """The truth is what happens first within so long after the row's time."""
    missing: float | None = None
    """The truth where the source knows none; without it such rows are left out."""

    @model_validator(mode="after")
    def _fits(self) -> LabelRows:
        if self.source is not None and self.known_at:
            raise ValueError("known_at belongs to the source that the label comes from")
        if self.source is None and self.within_s:
            raise ValueError("within_s needs a source of what happened")
        return self


class ColumnCheck(Part):
    """What must be true of one column."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)

    type: Literal["float", "int", "bool", "text", "time"] | None = None
    nullable: bool = True
    max_null_share: Annotated[float, Field(ge=0, lt=1)] | None = None
    min: float | None = None
    max: float | None = None
    among: tuple[str | bool | int | float, ...] = Field(default=(), alias="in")
    unique: bool = False
    regex: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """Must match the whole value. Without look-around and references back, so that none takes long."""

    @model_validator(mode="after")
    def _fits(self) -> ColumnCheck:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min must not be above max, got {self.min:g} and {self.max:g}")
        if self.regex is not None:
            try:
                re.compile(self.regex)
            except re.error as error:
                raise ValueError(f"regex is not right: {error}, got {self.regex!r}") from None
        return self


class Checks(Part):
    """The data contract: what must be true of the rows before anything is trained on them."""

    columns: dict[Text, ColumnCheck] = Field(default={})
    min_rows: Annotated[int, Field(ge=1)] | None = None
    freshness_s: Seconds | None = None
    """How long before the window's end the newest row may be."""
    unique: tuple[Text, ...] = ()
    """Columns whose values together name one row."""


class Skew(Part):
    """How features logged at serving are compared with those recomputed from the sources."""

    tolerance: Annotated[float, Field(ge=0)] = 1e-6
    """How far values may be apart, as a share of the greater one."""
    share: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """The share of rows that may differ."""
    sample: Annotated[int, Field(ge=10, le=1_000_000)] = 1000
    window_s: Seconds = 86_400
    every_s: Seconds | None = None
    """How often the platform looks by itself; without it, only when it is asked."""


class Data(Part):
    """Where rows come from: a file that ``load`` reads by itself (relative to the project), or named sources."""

    history: str | None = None
    sources: dict[Name, Source] = Field(default={})
    entity: EntityRows | None = None
    label: LabelRows = LabelRows()
    join: tuple[Name, ...] | None = None
    """The sources of features; without it, every one that has keys and is of neither the entity nor the label."""
    masks: dict[Text, Mask] = Field(default={})
    """Columns of personal data: hashed with a key of this installation, or dropped, before anything is kept."""
    checks: Checks = Checks()
    skew: Skew = Skew()

    @model_validator(mode="after")
    def _entity_is_there(self) -> Data:
        asked = (self.label.source is not None, self.join is not None)
        if self.entity is None:
            if any(asked):
                raise ValueError("label.source and join need the entity, got none")
            return self
        source = self._known("entity.source", self.entity.source)
        if source.time is None:
            rule = "the entity's source needs the column of the time (a table without one is for `load` of model.py)"
            raise ValueError(f"{rule}, got {self.entity.source!r} without")
        return self

    @model_validator(mode="after")
    def _joins_fit(self) -> Data:
        if self.entity is None:
            return self
        for name in self.features:
            source = self._known("join", name)
            if not source.keys:
                raise ValueError(f"a joined source needs keys, got {name!r} without")
            if source.time is None and not source.static:
                raise ValueError(f"a joined source needs its time, or static: true, got {name!r} without")
        if self.label.source is not None:
            source = self._known("label.source", self.label.source)
            if not source.keys:
                raise ValueError(f"the label's source needs keys, got {self.label.source!r} without")
            if self.label.within_s and source.time is None:
                raise ValueError(f"within_s needs the time of the label's source, got {self.label.source!r} without")
        for name in (*self.features, *([self.label.source] if self.label.source else [])):
            others = self.sources[name].keys.keys() - set(self.entity.keys)
            if others:
                raise ValueError(f"keys of source {name} must be keys of the entity, got {min(others)!r}")
        return self

    def _known(self, field: str, name: str) -> Source:
        if name not in self.sources:
            known = ", ".join(sorted(self.sources)) or "none"
            raise ValueError(f"{field} must be one of the sources ({known}), got {name!r}")
        return self.sources[name]

    @property
    def features(self) -> tuple[str, ...]:
        """The sources whose values are joined to the entity's rows, in order."""
        if self.entity is None:
            return ()
        if self.join is not None:
            return self.join
        taken = {self.entity.source, self.label.source}
        return tuple(name for name, source in self.sources.items() if source.keys and name not in taken)

    def as_json(self) -> dict[str, Any]:
        """As JSON values, for a worker."""
        return self.model_dump(mode="json", by_alias=True)


def unmaskable(masks: Mapping[str, Mask], inputs: Iterable[str], carried: Iterable[str]) -> str:
    """The first rule that masks break, empty where they break none: what is trained on must stay as it is."""
    wanted, kept = set(inputs), set(carried)
    for name, mask in masks.items():
        if name in wanted:
            return f"data.masks: an input and the label are numbers that the model needs, got {name!r}"
        if mask == "drop" and name in kept:
            return f"data.masks: a slice, an item and a key of time are needed in the data; hash it, got {name!r}"
    return ""

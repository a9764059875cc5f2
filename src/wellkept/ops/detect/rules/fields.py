"""Fields that every kind of rule document has, and where things stand in their text.

Scalars come in as what is written: ``severity: 1`` is a label, and a label is a text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from wellkept.ops.detect.rules.pipelines import QUERY
from wellkept.ops.detect.rules.templates import Template, compiled, lenient

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")

Path = tuple[str | int, ...]


class Part(BaseModel):
    """A part of a document. A key that nobody knows is a mistake, not a wish.

    A known key with nothing behind it (``rules:``) is as if it was not there, as in Prometheus.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, arbitrary_types_allowed=True)

    @classmethod
    def ill_matched(cls, given: Mapping[str, Any]) -> str:
        """What is wrong with which fields are given together, whatever they hold; empty where nothing is."""
        del given
        return ""

    @classmethod
    def _without_nothing(cls, value: Any) -> Any:
        if not isinstance(value, dict) or None not in value.values():
            return value
        known = {name for field, info in cls.model_fields.items() for name in (field, info.alias)}
        return {key: one for key, one in value.items() if one is not None or key not in known}

    @model_validator(mode="wrap")
    @classmethod
    def _told_at_once(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Fields that do not go together are told beside the mistakes in each of them."""
        value = cls._without_nothing(value)
        wrong = cls.ill_matched(value) if isinstance(value, dict) else ""
        if not wrong:
            return handler(value)
        found = [InitErrorDetails(type="value_error", loc=(), input=value, ctx={"error": ValueError(wrong)})]
        try:
            handler(value)
        except ValidationError as error:
            found += [
                InitErrorDetails(type=one["type"], loc=one["loc"], input=one["input"], ctx=one.get("ctx", {}))
                for one in error.errors()
            ]
        raise ValidationError.from_exception_data(cls.__name__, found)


def _checked_label(name: str) -> str:
    if not _LABEL.match(name) or name == "__name__":
        raise ValueError("must be named with letters, digits and underscores")
    return name


def metric_name(name: str) -> str:
    """The name of a metric.

    Raises:
        ValueError: Prometheus would not take it.
    """
    if not _METRIC.match(name):
        raise ValueError("must be the name of a metric: letters, digits, underscores and colons")
    return name


def _checked_template(text: str) -> str:
    if compiled(text).asks:
        raise ValueError(f"uses {QUERY}, which is not supported in labels here")
    return text


def _checked_annotation(text: str) -> str:
    lenient(text)
    return text


LabelName = Annotated[str, AfterValidator(_checked_label)]
Templates = dict[LabelName, Annotated[str, AfterValidator(_checked_template)]]
"""Labels: what is not supported in them is a mistake."""
Annotations = dict[LabelName, Annotated[str, AfterValidator(_checked_annotation)]]
"""What is not supported in them stays as it is written."""


def templates(texts: Mapping[str, str]) -> dict[str, Template]:
    """Labels or annotations that were checked, ready to be filled."""
    return {name: lenient(text) for name, text in texts.items()}


class Lines:
    """Where each value of a YAML document begins."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            self._note(node, ())

    def of(self, *path: str | int) -> int:
        """The line of a value, counted from 1; 0 where there is none such."""
        return self._lines.get(path, 0)

    def _note(self, node: yaml.Node, path: Path) -> None:
        self._lines[path] = node.start_mark.line + 1
        if len(path) > 6:
            return
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                self._note(value, (*path, str(key.value)))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._note(value, (*path, index))

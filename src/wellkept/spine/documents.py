"""YAML documents that people write: read once, checked whole, every mistake named with its line.

Configuration, model contracts and runbooks all come in through :func:`load_document`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from wellkept.kernel.errors import DocumentError, Problem

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]


def load_document(model: type[M], text: str, source: str, overrides: Mapping[Path, str] | None = None) -> M:
    """A validated document.

    Args:
        model: what it must look like; unknown keys are mistakes when the model forbids them.
        text: YAML.
        source: how the document is called in messages (a file's name).
        overrides: values laid over the document by path, such as those of environment variables, as YAML scalars.

    Raises:
        DocumentError: every broken rule, with line, field, rule and the value got.
    """
    value, lines = _parse(text, source)
    for path, override in (overrides or {}).items():
        _lay_over(value, path, yaml.safe_load(override))
    try:
        return model.model_validate(value)
    except ValidationError as error:
        items = _without_echoes(error.errors(include_url=False))
        problems = sorted((_problem(item, lines) for item in items), key=lambda problem: problem.line)
        raise DocumentError(source, tuple(problems)) from error


def _parse(text: str, source: str) -> tuple[dict[str, Any], dict[Path, int]]:
    lines: dict[Path, int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        value = {} if node is None else _build(node, (), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 0
        raise DocumentError(source, (Problem(line, "document", f"is not YAML: {error.problem}"),)) from error
    if not isinstance(value, dict):
        raise DocumentError(source, (Problem(1, "document", "must be a mapping of fields", value),))
    return value, lines


def _build(node: yaml.Node, path: Path, lines: dict[Path, int]) -> Any:
    """The plain value of a node; notes the line of every path on the way, and refuses a key that is there twice."""
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in result:
                raise yaml.MarkedYAMLError(
                    problem=f"key {key!r} is there twice", problem_mark=key_node.start_mark
                )
            result[key] = _build(value_node, (*path, key), lines)
            lines[(*path, key)] = key_node.start_mark.line + 1
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, index), lines) for index, item in enumerate(node.value)]
    return yaml.SafeLoader("").construct_object(node)


def _lay_over(value: dict[str, Any], path: Path, override: Any) -> None:
    for part in path[:-1]:
        child = value.setdefault(str(part), {})
        value = child if isinstance(child, dict) else value.setdefault(str(part), {})
    value[str(path[-1])] = override


def _without_echoes(items: Sequence[Any]) -> list[Any]:
    """The mistakes without those that only follow from a mistake further inside (a list whose item is broken)."""
    places = [item["loc"] for item in items]
    return [
        item
        for item in items
        if not any(len(place) > len(item["loc"]) and place[: len(item["loc"])] == item["loc"] for place in places)
    ]


def _problem(item: Any, lines: Mapping[Path, int]) -> Problem:
    location = tuple(part for part in item["loc"] if not _is_tag(part))
    field = ".".join(str(part) for part in location) or "document"
    line = next((lines[location[:end]] for end in range(len(location), -1, -1) if location[:end] in lines), 0)
    kind, message = item["type"], item["msg"].removeprefix("Value error, ")
    if kind == "missing":
        return Problem(line, field, "is required")
    if kind == "extra_forbidden":
        return Problem(line, field, "is not a known field", item["input"])
    says_value = kind == "value_error" and ", got " in message
    return Problem(line, field, message[0].lower() + message[1:], None if says_value else item["input"])


def _is_tag(part: str | int) -> bool:
    """Whether a part of pydantic's location names a union's branch or a validator instead of a field."""
    return isinstance(part, str) and (part.startswith(("function-", "tagged-union")) or "[" in part)

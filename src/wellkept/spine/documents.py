"""YAML documents that people write: read once, checked whole, every mistake named with its line.

Configuration, model contracts and runbooks all come in through here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path as File
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from wellkept.kernel.errors import DocumentError, Problem

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]

SECRET = re.compile(r"token|secret|passw|credential|api_?key|routing_?key|private|authori[sz]ation", re.IGNORECASE)
PLACE = re.compile(r"_(file|env)$")
USER_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")
HIDDEN = "..."
MAX_VALUES = 100_000
"""Values in a document, every use of an anchor counted: a few lines of nested anchors can stand for billions."""


def read_document(model: type[M], file: File, overrides: Mapping[Path, str] | None = None) -> M:
    """The validated document in a file; see :func:`load_document`.

    Raises:
        DocumentError: every broken rule, with line, field, rule and the value got.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _not_yaml(str(file), 0, f"byte {error.start} is not UTF-8") from error
    return load_document(model, text, str(file), overrides)


def load_document(
    model: type[M], text: str, source: str, overrides: Mapping[Path, str] | None = None, *, as_text: bool = False
) -> M:
    """A validated document.

    Args:
        model: what it must look like; unknown keys are mistakes when the model forbids them.
        text: YAML.
        source: how the document is called in messages (a file's name).
        overrides: values laid over the document by path, such as those of environment variables, as YAML scalars.
        as_text: scalars are what is written, as other readers have it where a text is wanted: a version 1.10 is no
            number, and neither is 0x5.

    Raises:
        DocumentError: every broken rule, with line, field, rule and the value got.
    """
    reading = _Reading(as_text=as_text)
    value = reading.parse(text, source)
    for path, override in (overrides or {}).items():
        reading.lay_over(value, path, override)
    try:
        document = model.model_validate(value)
    except ValidationError as error:
        reading.add(_without_echoes(error.errors(include_url=False)))
        raise DocumentError(source, reading.problems) from error
    if reading.problems:
        raise DocumentError(source, reading.problems)
    return document


class _Reading:
    """One document on its way from text to plain values: where each value stands, and what is wrong with it."""

    def __init__(self, *, as_text: bool = False) -> None:
        self._as_text = as_text
        self._problems: dict[Path, list[Problem]] = {}
        self._lines: dict[Path, int] = {}
        self._laid_over: set[Path] = set()
        self._inside: set[int] = set()
        self._built = 0

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every mistake, in the order of lines; those without a line come first."""
        found = [problem for problems in self._problems.values() for problem in problems]
        return tuple(sorted(found, key=lambda problem: problem.line))

    def parse(self, text: str, source: str) -> dict[str, Any]:
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            value = {} if node is None else self._build(node, ())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            raise _not_yaml(source, mark.line + 1 if mark else 0, str(error.problem)) from error
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise _not_yaml(source, line, f"{error.reason} ({error.character!r})") from error
        except RecursionError as error:
            raise _not_yaml(source, 0, "it is nested too deeply") from error
        if not isinstance(value, dict):
            raise DocumentError(source, (Problem(1, "document", "must be a mapping of fields", value),))
        return value

    def lay_over(self, value: dict[str, Any], path: Path, text: str) -> None:
        """Put an override in its place; what lies above it must be a mapping (or nothing yet)."""
        self._laid_over.add(path)
        try:
            override = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError):
            return self._note(path, "is not YAML", text)
        inner = value
        for part in path[:-1]:
            if inner.get(str(part)) is None:
                inner[str(part)] = {}
            inner = inner[str(part)]
            if not isinstance(inner, dict):
                return self._note(path, f"cannot be set, because {part} is not a mapping")
        inner[str(path[-1])] = override
        return None

    def add(self, items: Sequence[Any]) -> None:
        """Take in pydantic's mistakes, but for values that could not be read in the first place."""
        for item in items:
            path = tuple(part for part in item["loc"] if not _is_tag(part))
            if path in self._problems:
                continue
            kind, message = item["type"], item["msg"].removeprefix("Value error, ")
            says_value = kind == "value_error" and ", got " in message
            if kind == "missing":
                self._note(path, "is required")
            elif kind == "extra_forbidden":
                self._note(path, "is not a known field", item["input"])
            else:
                rule = message[0].lower() + message[1:]
                is_null = item["input"] is None and not says_value
                self._note(path, f"{rule}, got null" if is_null else rule, None if says_value else item["input"])

    def _note(self, path: Path, rule: str, value: object = None, line: int | None = None) -> None:
        field = ".".join(str(part) for part in path) or "document"
        if any(path[: len(laid)] == laid for laid in self._laid_over):
            field, line = f"{field} (override)", 0
        if line is None:
            ends = range(len(path), -1, -1)
            line = next((self._lines[path[:end]] for end in ends if path[:end] in self._lines), 0)
        name = str(path[-1]) if path else ""
        self._problems.setdefault(path, []).append(Problem(line, field, rule, _without_secrets(value, name)))

    def _build(self, node: yaml.Node, path: Path) -> Any:
        """The plain value of a node; notes the line of every path on the way."""
        self._lines.setdefault(path, node.start_mark.line + 1)
        self._built += 1
        if self._built > MAX_VALUES:
            raise yaml.MarkedYAMLError(problem=f"it has more than {MAX_VALUES} values", problem_mark=node.start_mark)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._inside:
            return self._note(path, "refers to itself")
        self._inside.add(id(node))
        value = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._sequence(node, path)
        self._inside.discard(id(node))
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._note(path, "must have plain words as keys", line=line)
                continue
            key = str(key_node.value)
            inner = (*path, key)
            if key in result:
                self._note(inner, f"is there twice, first on line {self._lines[inner]}", line=line)
                continue
            self._lines[inner] = line
            result[key] = self._build(value_node, inner)
        return result

    def _sequence(self, node: yaml.Node, path: Path) -> list[Any]:
        return [self._build(item, (*path, index)) for index, item in enumerate(node.value)]

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        if self._as_text and not node.tag.endswith(":null"):
            return node.value
        try:
            return yaml.SafeLoader("").construct_object(node)
        except (ValueError, yaml.constructor.ConstructorError):
            self._note(path, f"is not a right value of the type {node.tag.rpartition(':')[2]}", node.value)
            return node.value


def _without_secrets(value: Any, name: str) -> Any:
    """The value without what looks like a secret, which people write where only its place belongs: this is logged."""
    if isinstance(value, dict):
        return {key: _without_secrets(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_secrets(inner, name) for inner in value]
    if value is not None and SECRET.search(name) and not PLACE.search(name):
        return HIDDEN
    return USER_IN_URL.sub(f"{HIDDEN}@", value) if isinstance(value, str) else value


def _not_yaml(source: str, line: int, why: str) -> DocumentError:
    return DocumentError(source, (Problem(line, "document", f"is not YAML: {why}"),))


def _without_echoes(items: Sequence[Any]) -> list[Any]:
    """The mistakes without those that only follow from a mistake further inside (a list whose item is broken).

    A rule of our own about the whole follows from nothing: it is told because it is broken, too.
    """
    places = [item["loc"] for item in items]
    return [
        item
        for item in items
        if item["type"] == "value_error"
        or not any(len(place) > len(item["loc"]) and place[: len(item["loc"])] == item["loc"] for place in places)
    ]


def _is_tag(part: str | int) -> bool:
    """Whether a part of pydantic's location names a union's branch or a validator instead of a field."""
    return isinstance(part, str) and (part.startswith(("function-", "tagged-union")) or "[" in part)

"""What classes say of themselves in their source, for people who do not read it."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Described:
    """One field of a dataclass: its name, its meaning (the text below it), its value and the usual one."""

    name: str
    meaning: str
    value: Any
    usual: Any


def described(value: Any, names: tuple[str, ...] = ()) -> list[Described]:
    """The fields of a dataclass's value, or those of these names, in the order of the class.

    ``meaning`` is empty for a field without a text.
    """
    told = meanings(type(value))
    return [
        Described(field.name, told.get(field.name, ""), getattr(value, field.name), _usual(field))
        for field in dataclasses.fields(value)
        if not names or field.name in names
    ]


def meanings(kind: type) -> dict[str, str]:
    """The text below each field in a class's source, on one line."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    said: dict[str, str] = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
            said[field.target.id] = _plain(str(text.value.value))  # type: ignore[attr-defined]
    return said


def paragraphs(kind: type) -> list[str]:
    """The paragraphs of a class's docstring, or of the one that it is made from, each on one line."""
    text = inspect.getdoc(kind) or ""
    return [_plain(part) for part in text.split("\n\n") if part.strip()]


def _plain(text: str) -> str:
    """On one line, and without the marks of code."""
    return " ".join(text.replace("``", "").split())


def _usual(field: dataclasses.Field[Any]) -> Any:
    return None if field.default is dataclasses.MISSING else field.default

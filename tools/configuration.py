"""The configuration as docs/configuration.md shows it: every key with its default, from the typed tree itself."""

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from wellkept.app.settings import Settings


def generated() -> str:
    """One table a branch, in Markdown."""
    return "\n\n".join(_branches(Settings, ()))


def _branches(kind: type, path: tuple[str, ...]) -> Iterator[str]:
    """The tables of a branch and of those below it."""
    rows, below = [], []
    said = _said_of_fields(kind)
    for name, default in _fields(kind):
        if dataclasses.is_dataclass(type(default)) or isinstance(default, BaseModel):
            below.append((type(default), (*path, name)))
        else:
            rows.append(f"| `{'.'.join((*path, name))}` | {_shown(default)} | {said.get(name, '')} |")
    about = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    title = f"### `{'.'.join(path)}`" if path else "### At the top"
    if rows:
        yield "\n".join([title, "", about, "", "| key | default | what it says |", "|---|---|---|", *rows])
    for inner, where in below:
        yield from _branches(inner, where)
    for name, inner in _inside(kind):
        yield from _branches(inner, (*path, name))


def _inside(kind: Any) -> Iterator[tuple[str, type]]:
    """The branches that are not there by default: those that may be, and those of lists (``[]`` behind the name)."""
    if issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            held = get_args(field.annotation)
            if held and isinstance(held[0], type) and issubclass(held[0], BaseModel):
                yield f"{name}[]" if get_origin(field.annotation) is tuple else name, held[0]


def _fields(kind: Any) -> list[tuple[str, Any]]:
    if issubclass(kind, BaseModel):
        return [
            (name, None if field.default is PydanticUndefined else field.default)
            for name, field in kind.model_fields.items()
        ]
    made = kind()
    return [(field.name, getattr(made, field.name)) for field in dataclasses.fields(kind)]


def _said_of_fields(kind: type) -> dict[str, str]:
    """The text below each field in the class's source."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    said: dict[str, str] = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
            said[field.target.id] = " ".join(str(text.value.value).split())  # type: ignore[attr-defined]
    return said


def _shown(default: Any) -> str:
    if default is None or default in ((), {}):
        return "–"
    if isinstance(default, dict):
        return ", ".join(f"{key} {value}" for key, value in default.items())
    if isinstance(default, frozenset | tuple):
        return ", ".join(f"`{item}`" for item in sorted(default))
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"

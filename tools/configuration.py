"""The configuration as docs/configuration.md shows it: every key with its default, from the typed tree itself."""

import dataclasses
import inspect
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from wellkept.app.settings import Settings
from wellkept.kernel.described import meanings


def generated() -> str:
    """One table a branch, in Markdown."""
    return "\n\n".join(_branches(Settings, ()))


def _branches(kind: type, path: tuple[str, ...], made: Any = None) -> Iterator[str]:
    """The tables of a branch and of those below it; ``made`` is the branch as it is by default, where it is one."""
    rows, below = [], []
    said = meanings(kind)
    for name, default in _fields(kind, made):
        if dataclasses.is_dataclass(type(default)) or isinstance(default, BaseModel):
            below.append((default, (*path, name)))
        else:
            rows.append(f"| `{'.'.join((*path, _written(kind, name)))}` | {_shown(default)} | {said.get(name, '')} |")
    about = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    title = f"### `{'.'.join(path)}`" if path else "### At the top"
    if rows:
        yield "\n".join([title, "", about, "", "| key | default | what it says |", "|---|---|---|", *rows])
    for inner, where in below:
        yield from _branches(type(inner), where, inner)
    for name, inner in _inside(kind):
        if inner is not kind:  # a branch that holds such branches again is shown once
            yield from _branches(inner, (*path, name))


def _inside(kind: Any) -> Iterator[tuple[str, type]]:
    """The branches that are not there by default: those that may be, and those of lists (``[]`` behind the name)."""
    if issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            held = get_args(field.annotation)
            if held and isinstance(held[0], type) and issubclass(held[0], BaseModel):
                yield f"{name}[]" if get_origin(field.annotation) is tuple else name, held[0]
            for choice in _choices(held[0]) if held else ():
                (told,) = get_args(choice.model_fields["type"].annotation)
                yield f"{name}[type: {told}]", choice


def _choices(held: Any) -> tuple[type[BaseModel], ...]:
    """The branches that an entry of a list may be, which are told apart by their ``type``."""
    if get_origin(held) is not Annotated:
        return ()
    inner = get_args(get_args(held)[0])
    return tuple(one for one in inner if isinstance(one, type) and issubclass(one, BaseModel))


def _fields(kind: Any, made: Any) -> list[tuple[str, Any]]:
    """The names and defaults of a branch: who holds it may give it others than its own."""
    if issubclass(kind, BaseModel):
        defaults = {
            name: None if field.default is PydanticUndefined else field.default
            for name, field in kind.model_fields.items()
        }
    else:
        defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    return [(name, getattr(made, name, default)) for name, default in defaults.items()]


def _written(kind: Any, name: str) -> str:
    """A key as it stands in the file, where that is no name of Python's."""
    alias = kind.model_fields[name].alias if issubclass(kind, BaseModel) else None
    return alias or name


def _shown(default: Any) -> str:
    if default is None or default in ((), {}):
        return "–"
    if isinstance(default, dict):
        return ", ".join(f"{key} {value}" for key, value in default.items())
    if isinstance(default, frozenset | tuple):
        return ", ".join(f"`{item}`" for item in sorted(default))
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"

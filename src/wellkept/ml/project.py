"""A model project inside a worker: its ``model.py``, loaded, with its two functions checked."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.kernel.errors import InputError


class SourceRows(Protocol):
    """Reads the sources that the contract names, over the window."""

    def source(self, name: str) -> pa.Table: ...

    def joined(self) -> pa.Table: ...


@dataclass(frozen=True, slots=True)
class Window:
    """What ``load`` is given: the span asked for, the intervals to leave out, the history, and logged predictions."""

    start: datetime
    end: datetime
    excluded: tuple[tuple[datetime, datetime], ...]
    history: Path | None
    logged: Path
    data: SourceRows | None = None

    def source(self, name: str) -> pa.Table:
        """Rows of a source that the contract names (``data.sources``), in the span, as they were known at its end.

        Raises:
            InputError: there is no such source, or it cannot be read.
        """
        return self._rows().source(name)

    def joined(self) -> pa.Table:
        """The rows of ``data.entity``, each with what was known of it at its moment, and with its label.

        Raises:
            InputError: the contract names no entity, or a source cannot be read.
        """
        return self._rows().joined()

    def predictions(self) -> pa.Table:
        """Logged predictions of the span, excluded intervals left out already.

        Columns: id, time, version, score, label (null while unknown), entity_key, and one float64 column a feature.
        """
        return pq.read_table(self.logged)

    def _rows(self) -> SourceRows:
        if self.data is None:
            raise InputError("window", "has sources only where the contract names some (data.sources)")
        return self.data


def function_of(project: Path, name: str) -> Callable[..., Any]:
    """A function of a project's ``model.py``.

    Raises:
        InputError: the module has no such function.
    """
    return function_in(project / "model.py", name)


def function_in(file: Path, name: str) -> Callable[..., Any]:
    """A function of a project's module, wherever it lies.

    Raises:
        InputError: the module has no such function.
    """
    found = optional_function(file, name)
    if found is None:
        raise InputError(f"{file}: {name}", "must be a function")
    return found


def optional_function(file: Path, name: str) -> Callable[..., Any] | None:
    """The same where it may be missing."""
    found = getattr(module_of(file), name, None)
    return found if callable(found) else None


def module_of(file: Path) -> ModuleType:
    """A project's module, run anew, as ``model``; the file's folder is searched for what it imports.

    Nothing compiled is left behind, of what it imports neither: the folder may become an artifact.
    """
    loader = SourceFileLoader("model", str(file))
    specification = importlib.util.spec_from_loader("model", loader)
    assert specification is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["model"] = module  # dataclasses, among others, look their module up by its name
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def loaded(project: Path, window: Window, *, has_entity: bool) -> pa.Table:
    """What the project's ``load`` returns; where the contract says all about the data, a project needs none.

    Raises:
        InputError: it has none and needs one, or it does not return a frame.
    """
    if has_entity:
        load = optional_function(project / "model.py", "load")
        return window.joined() if load is None else as_table(load(window))
    return as_table(function_of(project, "load")(window))


def as_table(frame: Any, where: str = "load(window)") -> pa.Table:
    """Any frame that speaks Arrow (pandas, Polars, PyArrow) as a table; exact numbers, as of databases, are floats."""
    if not isinstance(frame, pa.Table) and not hasattr(frame, "__arrow_c_stream__"):
        raise InputError(where, "must return a frame that speaks Arrow", type(frame).__name__)
    table = frame if isinstance(frame, pa.Table) else pa.table(frame)
    for index, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(index, field.name, table.column(index).cast(pa.float64()))
    return table

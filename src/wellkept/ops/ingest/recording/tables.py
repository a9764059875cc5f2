"""Files of rows: read with the columns and rows that the layout asks for, the baseline set before the case."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
from pydantic import BaseModel

from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.ops.ingest.recording.columns import moments, text
from wellkept.ops.ingest.recording.layout import (
    KindRule,
    Layout,
    MetricRule,
    MetricTable,
    SeverityRule,
    StatusRule,
    Table,
    TextRule,
    TimeRule,
    Where,
)
from wellkept.ops.ingest.recording.rows import Ints

Case = Mapping[str, object]
"""The chosen row of the table of cases; empty where none is chosen."""

T = TypeVar("T", bound=Table)
_NAMING = (TextRule, TimeRule, MetricRule, StatusRule, KindRule, SeverityRule)
_IDS = ("trace", "span", "parent")


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """The rows of a table, and by how much each is moved in time (nanoseconds)."""

    rows: pa.Table
    moved: Ints


Kept = dict[str, ds.Dataset]
"""Files that were read whole, so that the next case does not read them again."""


class Tables:
    """The tables of one recording, for one case or for all of it.

    ``kept``: where files that were read whole are kept for the next case; None: only what is asked for is read.
    """

    def __init__(self, folder: Path, layout: Layout, source: str, case: Case, kept: Kept | None = None) -> None:
        self._folder, self._layout, self._source, self._case = folder, layout, source, case
        self._kept = kept

    def cases(self) -> list[dict[str, object]]:
        """The rows of the table of cases; none where the recording is one piece."""
        chosen = self._layout.cases
        if chosen is None:
            return []
        found = self._open(chosen.file, "cases").to_table()
        for name in (chosen.id, *_columns(chosen)):
            if name not in found.column_names:
                raise self._no_column("cases", name, chosen.file, found.column_names)
        for name, rule in chosen.derive.items():
            found = found.append_column(name, text(found, rule).array())
        return list(found.to_pylist())

    def expanded(self, table: T, where: str) -> T:
        """The table with a metric for each column that ``columns`` means.

        Raises:
            InputError: there is no such column.
        """
        if not isinstance(table, MetricTable) or not any(rule.columns for rule in table.metrics):
            return table
        names = self._open(table.file, where).schema.names
        rules: list[MetricRule] = []
        for number, rule in enumerate(table.metrics):
            found = rule.of_columns(names)
            if not found:
                raise self._no_column(f"{where}.metrics.{number}.columns", rule.columns, table.file, names)
            rules.extend(found)
        return table.model_copy(update={"metrics": tuple(rules)})

    def load(self, table: Table, where: str) -> tuple[pa.Table, pa.Table]:
        """The rows of the case, and the rows of the baseline.

        Raises:
            NotFoundError: there is no such file.
            InputError: a column that the layout names is not there.
        """
        dataset = self._open(table.file, where)
        names = sorted(set(_columns(table)))
        for name in names:
            if name not in dataset.schema.names:
                raise self._no_column(where, name, table.file, dataset.schema.names)
        rows = dataset.to_table(names, filter=self._filter(dataset.schema, table.where))
        if table.baseline is None or not self._case:
            return rows, rows.slice(0, 0)
        return rows, dataset.to_table(names, filter=self._filter(dataset.schema, table.baseline.where))

    def _filter(self, schema: pa.Schema, where: Where) -> ds.Expression | None:
        """The rows that have the values; what names a column of the case counts only where a case is chosen."""
        whole: ds.Expression | None = None
        for column, values in where.items():
            if not self._case and any("$" in str(value) for value in values):
                continue
            kind = schema.field(column).type
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            wanted = pa.array([self._said(value) for value in values]).cast(kind)
            part = ds.field(column).cast(kind).isin(wanted)
            whole = part if whole is None else whole & part
        return whole

    def _said(self, value: object) -> object:
        if not isinstance(value, str) or "$" not in value:
            return value
        try:
            return string.Template(value).substitute({name: str(item) for name, item in self._case.items()})
        except (KeyError, ValueError):
            known = ", ".join(sorted(self._case))
            raise InputError(f"{self._source}: where", f"must name columns of the cases ({known})", value) from None

    def _open(self, file: str, where: str) -> ds.Dataset:
        if self._kept is None:
            return self._dataset(file, where)
        if file not in self._kept:
            self._kept[file] = ds.dataset(self._dataset(file, where).to_table())
        return self._kept[file]

    def _dataset(self, file: str, where: str) -> ds.Dataset:
        paths = sorted(str(path) for path in self._folder.glob(file))
        if not paths:
            raise NotFoundError(f"{self._source}: {where}.file", f"is not in {self._folder}", file)
        try:
            return ds.dataset(paths, format="parquet" if file.endswith(".parquet") else "csv")
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{self._folder / file}", f"cannot be read as a table: {error}") from None

    def _no_column(self, where: str, name: str, file: str, known: Iterable[str]) -> InputError:
        return InputError(f"{self._source}: {where}", f"must name columns of {file} ({', '.join(known)})", name)


def spliced(rows: pa.Table, baseline: pa.Table, rule: TimeRule, table: Table, until: int | None, where: str) -> Loaded:
    """Baseline and case as one table. With ``until`` the baseline's rows are moved to end there."""
    usual = moments(baseline, rule, where)
    last = table.baseline.last if table.baseline else None
    if last is not None and len(usual):
        kept = usual > usual.max() - round(last * 10**9)
        baseline, usual = baseline.filter(pa.array(kept)), usual[kept]
    shift = 0
    if until is not None and len(usual):
        shift = until - _rhythm(usual) - int(usual.max())
    moved = np.concatenate([np.full(len(usual), shift, dtype=np.int64), np.zeros(rows.num_rows, dtype=np.int64)])
    return Loaded(pa.concat_tables([baseline, rows]), moved)


def _rhythm(times: Ints) -> int:
    """The usual distance between neighbouring moments; a millisecond where there is only one."""
    apart = np.diff(np.unique(times))
    return max(int(np.median(apart)), 10**6) if len(apart) else 10**6


def _columns(part: BaseModel) -> Iterator[str]:
    """Every column that a table's rules name."""
    for name in type(part).model_fields:
        value = getattr(part, name)
        if name in ("where", "when") or (name in _IDS and isinstance(value, tuple)):
            yield from value
        elif name == "body" or (name == "column" and isinstance(part, _NAMING)):
            yield from [value] if value else []
        for child in _children(value):
            yield from _columns(child)


def _children(value: object) -> Iterator[BaseModel]:
    if isinstance(value, BaseModel):
        yield value
    elif isinstance(value, dict):
        yield from (item for item in value.values() if isinstance(item, BaseModel))
    elif isinstance(value, tuple):
        yield from (item for item in value if isinstance(item, BaseModel))

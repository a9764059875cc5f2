"""Counts of patterns as a window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.store.telemetry.arrow import numbers
from wellkept.store.telemetry.grid import Grid, derived_id
from wellkept.store.telemetry.window import SeriesInfo, Window

PATTERN, PARAMETER = "log.pattern", "log.parameter"
Value = tuple[int, str, str, str]
"""A value that a parameter had in some lines: their pattern and entity, the parameter, and what the value counts as."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a pattern: its template with named parameters, one line of it, and since when it is known
    (seconds since the epoch).
    """

    template: str
    sample: str
    first_seen: float


def pattern_window(
    grid: Grid,
    counts: pa.Table,
    values: pa.Table,
    pattern_of: Callable[[int], int],
    told: Mapping[int, Told],
    line_of: Callable[[Value], str],
) -> Window:
    """One window of all: lines of a step, NaN where none came.

    Series ``log.pattern``: attributes ``pattern`` (16 hexadecimal digits), ``template``, ``sample``, ``severity`` (the
    worst severity number of its lines) and ``first_seen`` (seconds since the epoch). Series ``log.parameter``, counted
    on a sample of the lines: ``pattern``, ``template``, ``parameter``, ``value`` and ``sample`` (a late line with this
    value, by ``line_of``; empty where none is known).
    """
    series: dict[tuple[str, ...], int] = {}
    infos: list[SeriesInfo] = []
    columns: list[int] = []
    worst: dict[int, int] = {}
    numbers_of = [pattern_of(shape) for shape in counts["shape"].to_pylist()]
    for number, severity in zip(numbers_of, counts["severity"].to_pylist(), strict=True):
        worst[number] = max(worst.get(number, 0), severity)
    for number, entity in zip(numbers_of, counts["entity"].to_pylist(), strict=True):
        key = (PATTERN, _hex(number), entity, "", "")
        columns.append(_column(series, infos, key, told.get(number), worst[number]))
    for row in values.select(["pattern", "entity", "parameter", "value"]).to_pylist():
        number = pattern_of(row["pattern"])
        key = (PARAMETER, _hex(number), row["entity"], row["parameter"], row["value"])
        line = line_of((row["pattern"], row["entity"], row["parameter"], row["value"]))
        columns.append(_column(series, infos, key, told.get(number), line=line))
    filled = np.full((grid.count, len(infos)), np.nan)
    steps = np.concatenate([numbers(counts["steps"]), numbers(values["steps"])]).astype(np.int64)
    lines = np.concatenate([numbers(counts["lines"]), numbers(values["lines"])]).astype(np.float64)
    lengths = np.concatenate([_lengths(counts), _lengths(values)])
    column = np.repeat(np.array(columns, np.int64), lengths)
    filled[steps, column] = 0.0
    np.add.at(filled, (steps, column), lines)
    return Window(grid.times, filled, tuple(infos))


def _column(
    series: dict[tuple[str, ...], int],
    infos: list[SeriesInfo],
    key: tuple[str, ...],
    told: Told | None,
    severity: int = 0,
    line: str = "",
) -> int:
    found = series.get(key)
    if found is not None:
        return found
    name, pattern, entity, parameter, value = key
    attributes = {"pattern": pattern, "template": told.template if told else ""}
    if name == PATTERN:
        attributes |= {"sample": told.sample if told else "", "first_seen": str(told.first_seen if told else 0.0)}
        attributes["severity"] = str(severity)
    else:
        attributes |= {"parameter": parameter, "value": value, "sample": line}
    series[key] = len(infos)
    number = derived_id(name, "\x1f".join(key[1:]))
    infos.append(SeriesInfo(number, name, "{line}", "derived", entity, attributes))
    return series[key]


def _lengths(rows: pa.Table) -> NDArray[np.int64]:
    return np.asarray(np.diff(rows["steps"].combine_chunks().offsets.to_numpy()), np.int64)


def _hex(number: int) -> str:
    return f"{number:016x}"

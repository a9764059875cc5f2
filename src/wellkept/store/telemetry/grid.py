"""From rows of (entity, steps, values) to a window: one scatter for each kind of value."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.store.telemetry.arrow import numbers
from wellkept.store.telemetry.window import SeriesInfo, Window


@dataclass(frozen=True, slots=True)
class Grid:
    """``count`` steps of ``step_ms`` from ``start_ms`` on (milliseconds since the epoch)."""

    start_ms: int
    end_ms: int
    step_ms: int

    @classmethod
    def of(cls, start: datetime, end: datetime, step_s: float) -> Grid:
        return cls(millis(start), millis(end), max(1, round(step_s * 1000)))

    @property
    def count(self) -> int:
        return max(0, math.ceil((self.end_ms - self.start_ms) / self.step_ms))

    @property
    def step_s(self) -> float:
        return self.step_ms / 1000

    @property
    def times(self) -> NDArray[np.float64]:
        """Ends of the steps in seconds since the epoch."""
        return np.asarray(self.start_ms / 1000 + self.step_s * np.arange(1, self.count + 1), dtype=np.float64)

    @property
    def parameters(self) -> dict[str, object]:
        return {"start": self.start_ms, "end": self.end_ms, "step": self.step_ms}


@dataclass(frozen=True, slots=True)
class Derived:
    """A kind of series that is made from spans or logs: its column of values, its name, unit, and a divisor."""

    column: str
    name: str
    unit: str
    divisor: float = 1.0


def by_entity(rows: pa.Table, grid: Grid, kinds: Sequence[Derived]) -> Window:
    """A window with one series for each kind and entity; an entity's series stand side by side."""
    entities = rows["entity"].to_pylist()
    lengths = np.diff(rows["steps"].combine_chunks().offsets.to_numpy())
    column = np.repeat(np.arange(len(entities)), lengths)
    step = numbers(rows["steps"]).astype(np.int64)
    values = np.full((grid.count, len(entities), len(kinds)), np.nan)
    for index, kind in enumerate(kinds):
        values[step, column, index] = numbers(rows[kind.column]) / kind.divisor
    series = tuple(
        SeriesInfo(derived_id(kind.name, entity), kind.name, kind.unit, "derived", entity)
        for entity in entities
        for kind in kinds
    )
    return Window(grid.times, values.reshape(grid.count, -1), series)


def by_part(rows: pa.Table, grid: Grid, kinds: Sequence[Derived], attribute: str) -> Window:
    """The same by entity and part of it (``part``), which each series names in an attribute."""
    window = by_entity(rows, grid, kinds)
    parts = [part for part in rows["part"].to_pylist() for _ in kinds]
    series = tuple(
        replace(info, id=derived_id(info.name, f"{info.entity}\x1f{part}"), attributes={attribute: part})
        for info, part in zip(window.series, parts, strict=True)
    )
    return Window(window.times, window.values, series)


def derived_id(name: str, entity: str) -> int:
    """A stable id for a series that is stored nowhere."""
    digest = hashlib.blake2b(f"{name}\x1f{entity}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def millis(moment: datetime) -> int:
    """Milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)

"""Recorded time series with labels, read from a folder of Parquet tables that is recognised by its columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PROBATION = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One labelled recording.

    ``owner``: what the split goes by; pieces of one series have one owner. ``times`` [T]: seconds. ``values`` [T, M].
    ``labels`` [T]. Rows from ``scored`` on are judged, the ones before are for learning. ``windows``: first and last
    rows of labelled windows, where the folder has windows. ``blamed``: names of the metrics to blame by the first and
    last row of their segment (counted from ``scored``), where it has those.
    """

    name: str
    owner: str
    times: Floats
    values: Floats
    labels: Bools
    scored: int
    metrics: tuple[str, ...] = ()
    windows: tuple[tuple[int, int], ...] | None = None
    blamed: Mapping[tuple[int, int], tuple[str, ...]] | None = None

    @property
    def split(self) -> str:
        """``tune`` or ``report``: the lowest bit of the first byte of the SHA-256 of the owner's name."""
        return ("tune", "report")[hashlib.sha256(self.owner.encode()).digest()[0] & 1]

    @property
    def truth(self) -> Bools:
        """Labels of the rows that are judged."""
        return self.labels[self.scored :]


def read(folder: Path, step_s: float = 60.0) -> list[Curve]:
    """All curves of a folder, ordered by name. ``step_s``: between two rows of a table that has no timestamps.

    Raises InputError where there is no ``points.parquet``, or none of the three shapes fits its columns.
    """
    from pyarrow import parquet

    path = folder / "points.parquet"
    if not path.is_file():
        raise InputError("data", "must be a folder with points.parquet", str(folder))
    table = parquet.read_table(path)
    columns = {name: table.column(name) for name in table.schema.names}
    if {"kpi", "piece", "split", "timestamp", "value", "label"} <= columns.keys():
        found = _pieces(columns)
    elif {"series", "timestamp", "value"} <= columns.keys() and (folder / "windows.parquet").is_file():
        found = _windowed(columns, folder)
    elif {"entity", "split", "row", "label"} <= columns.keys():
        found = _entities(columns, folder, step_s)
    else:
        raise InputError("data", "must have columns of pieces (kpi), of series or of entities", sorted(columns))
    return sorted(found, key=lambda curve: curve.name)


def _pieces(columns: Mapping[str, Any]) -> Iterator[Curve]:
    kpi, piece = _texts(columns["kpi"]), columns["piece"].to_numpy()
    times, test = _seconds(columns["timestamp"]), _texts(columns["split"]) == "test"
    values = columns["value"].to_numpy().astype(np.float64)
    labels = columns["label"].to_numpy() > 0
    order = np.lexsort((times, test, piece, kpi))
    for rows in _runs(order, kpi[order], piece[order]):
        name = str(kpi[rows[0]])
        yield Curve(
            f"{name}/{piece[rows[0]]}", name, times[rows], values[rows, None], labels[rows], int((~test[rows]).sum())
        )


def _windowed(columns: Mapping[str, Any], folder: Path) -> Iterator[Curve]:
    from pyarrow import parquet

    windows = parquet.read_table(folder / "windows.parquet")
    starts, ends = _seconds(windows.column("start")), _seconds(windows.column("end"))
    owners = _texts(windows.column("series"))
    series, times = _texts(columns["series"]), _seconds(columns["timestamp"])
    values = columns["value"].to_numpy().astype(np.float64)
    order = np.argsort(series, kind="stable")
    for rows in _runs(order, series[order]):
        name, at = str(series[rows[0]]), times[rows]
        spans = []
        for index in np.flatnonzero(owners == name):
            inside = np.flatnonzero((at >= starts[index]) & (at <= ends[index]))
            spans.append((int(inside[0]), int(inside[-1])))
        labels = np.zeros(len(rows), dtype=np.bool_)
        for first, last in spans:
            labels[first : last + 1] = True
        scored = int(min(PROBATION * len(rows), PROBATION * 5000))
        yield Curve(
            name, name, np.maximum.accumulate(at), values[rows, None], labels, scored, windows=tuple(sorted(spans))
        )


def _entities(columns: Mapping[str, Any], folder: Path, step_s: float) -> Iterator[Curve]:
    metrics = tuple(name for name in columns if name not in {"entity", "split", "row", "label"})
    values = np.column_stack([columns[name].to_numpy().astype(np.float64) for name in metrics])
    entity, test = _texts(columns["entity"]), _texts(columns["split"]) == "test"
    labels = np.nan_to_num(columns["label"].to_numpy(zero_copy_only=False).astype(np.float64)) > 0
    order = np.lexsort((columns["row"].to_numpy(), test, entity))
    blamed = _blamed(folder)
    for rows in _runs(order, entity[order]):
        name, scored = str(entity[rows[0]]), int((~test[rows]).sum())
        times = step_s * np.arange(len(rows), dtype=np.float64)
        yield Curve(name, name, times, values[rows], labels[rows], scored, metrics, blamed=blamed.get(name))


def _blamed(folder: Path) -> dict[str, dict[tuple[int, int], tuple[str, ...]]]:
    from pyarrow import parquet

    path = folder / "segments.parquet"
    found: dict[str, dict[tuple[int, int], tuple[str, ...]]] = {}
    for row in parquet.read_table(path).to_pylist() if path.is_file() else []:
        if row.get("metrics"):
            found.setdefault(row["entity"], {})[row["start_row"], row["end_row"]] = tuple(row["metrics"])
    return found


def _runs(order: NDArray[np.intp], *keys: NDArray[Any]) -> Iterator[NDArray[np.intp]]:
    """Pieces of ``order`` in which all keys stay the same."""
    change = np.zeros(len(order) - 1, dtype=np.bool_)
    for key in keys:
        change |= key[1:] != key[:-1]
    yield from np.split(order, np.flatnonzero(change) + 1)


def _texts(column: Any) -> NDArray[Any]:
    """A column of text, dictionary or not, as an array of str."""
    combined = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    if hasattr(combined, "dictionary"):
        names = np.array([str(name) for name in combined.dictionary.to_pylist()])
        return np.asarray(names[combined.indices.to_numpy()])
    return np.array([str(value) for value in combined.to_pylist()])


def _seconds(column: Any) -> Floats:
    import pyarrow as pa

    return np.asarray(column.cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6)

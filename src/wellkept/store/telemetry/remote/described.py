"""Series from their labels: named, typed, and given to the entity that they are about."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.arrow import stream
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.points.decoded import DESCRIBED
from wellkept.store.telemetry.statements import load

LABELS = ("names", "texts", "type", "unit", "help")
"""Columns that tell of a series: the names of its labels and their texts, its type as a number, its unit, its help."""


def described(engine: Engine, labels: pa.Table, received_ns: int) -> pa.Table:
    """What series are, in the order of ``labels``; what was told of their metrics is noted.

    Raises:
        InputError: a series that breaks a rule of remote write.
        StoreError: the engine failed.
    """
    placed = labels.select(LABELS).append_column("place", pa.array(np.arange(labels.num_rows, dtype=np.uint64)))
    rows = engine.query_body(load("remote/series.sql"), stream(placed), writing=True)
    for index, problem in enumerate(rows["problem"].to_pylist()):
        if problem:
            texts = dict(zip(labels["names"][index].as_py(), labels["texts"][index].as_py(), strict=True))
            raise InputError("remote write request, a series", problem, texts)
    _note_metadata(engine, rows, received_ns)
    return rows.select(DESCRIBED)


def _note_metadata(engine: Engine, rows: pa.Table, received_ns: int) -> None:
    """Remember the help of metrics that came with one; the type and the unit are the series' own."""
    columns = zip(*(rows[name].to_pylist() for name in ("name", "kind", "unit", "help")), strict=True)
    helps = {name: (kind.removeprefix("prometheus_"), unit, text) for name, kind, unit, text in columns if text}
    told = [(name, *found) for name, found in helps.items()]
    if told:
        names = ("metric", "type", "unit", "help")
        noted = pa.table(dict(zip(names, map(pa.array, zip(*told, strict=True)), strict=True)))
        at = pa.array([received_ns // 1_000_000] * len(told), pa.timestamp("ms", "UTC"))
        engine.insert_arrow("prometheus_metadata", noted.append_column("noted_at", at))

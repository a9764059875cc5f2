"""Metrics on a grid, page by page of their series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.cursors import Page, read, written
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import millis
from wellkept.store.telemetry.metrics import Metrics
from wellkept.store.telemetry.points.known import SEEN_WITHIN_MS
from wellkept.store.telemetry.statements import load
from wellkept.store.telemetry.window import Window

MOST_STEPS = 11_000
_TEXT_MAP = pa.map_(pa.string(), pa.string())


@dataclass(frozen=True, slots=True)
class MetricsWanted:
    """Series of one metric in [start, end) on a grid of ``step_s`` seconds.

    ``attributes`` they have (of their own, or of their resource), and ``others`` they have not. ``entity`` "": any.
    """

    name: str
    start: datetime
    end: datetime
    step_s: float
    entity: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)


class MetricPages:
    """Values as ``Metrics.window`` shows them: counters per second, the others as they are."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self._engine, self._metrics = engine, metrics

    def page(self, wanted: MetricsWanted, limit: int, cursor: str = "") -> Page:
        """At most ``limit`` series: ``series``, ``name``, ``unit``, ``kind``, ``entity``, ``attributes``,
        ``resource_attributes``, and the steps at which it was seen: ``times`` (their ends) and ``values``.

        A series that the page has room for but that was not seen in the time is left out of it.

        Raises:
            InputError: too many steps, or no cursor.
        """
        steps = (wanted.end - wanted.start).total_seconds() / wanted.step_s
        if steps > MOST_STEPS:
            raise InputError("step", f"must make at most {MOST_STEPS:,} steps of the time asked for", round(steps))
        parameters: dict[str, object] = {
            "name": wanted.name, "entity": wanted.entity, "after": read(cursor)[0] if cursor else 0, "limit": limit,
            "since": millis(wanted.start) - SEEN_WITHIN_MS, "until": millis(wanted.end) + SEEN_WITHIN_MS,
            "keys": list(wanted.attributes), "values": list(wanted.attributes.values()),
            "other_keys": list(wanted.others), "other_values": list(wanted.others.values()),
        }  # fmt: skip
        ids = self._engine.query(load("queries/metric_page.sql"), parameters)["series"].to_pylist()
        window = self._metrics.of_series(wanted.start, wanted.end, wanted.step_s, ids or [0], wanted.name)
        return Page(_rows(window), written(ids[-1], "") if len(ids) == limit else "", window.warnings)


def _rows(window: Window) -> pa.Table:
    """A row a series, with the steps at which it was seen."""
    seen = np.isfinite(window.values)
    moments = pa.array(np.round(window.times * 1000).astype(np.int64), pa.timestamp("ms", "UTC"))
    offsets = pa.array(np.concatenate([[0], np.cumsum(seen.sum(axis=0))]), pa.int32())
    _, step = np.nonzero(seen.T)
    infos = window.series
    return pa.table(
        {
            "series": pa.array([str(info.id) for info in infos], pa.string()),
            "name": pa.array([info.name for info in infos], pa.string()),
            "unit": pa.array([info.unit for info in infos], pa.string()),
            "kind": pa.array([info.kind for info in infos], pa.string()),
            "entity": pa.array([info.entity for info in infos], pa.string()),
            "attributes": pa.array([list(info.attributes.items()) for info in infos], _TEXT_MAP),
            "resource_attributes": pa.array([list(info.resource_attributes.items()) for info in infos], _TEXT_MAP),
            "times": pa.ListArray.from_arrays(offsets, moments.take(pa.array(step, pa.int64()))),
            "values": pa.ListArray.from_arrays(offsets, pa.array(window.values.T[seen.T])),
        }
    )

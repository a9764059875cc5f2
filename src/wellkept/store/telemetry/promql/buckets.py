"""``histogram_quantile`` over classic buckets, for all histograms and steps at once."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.promql.values import NAME, Flags, Labels, Numbers, Vector, empty, united

_BOUND = "le"


def histogram_quantile(quantile: Numbers, vector: Vector) -> Vector:
    """The quantile of each histogram, by straight lines within its buckets. ``quantile``: one for each step.

    What has no bound, or none that is a number, is no bucket and is left out.
    """
    histograms: dict[Labels, list[tuple[float, int]]] = defaultdict(list)
    for row, own in enumerate(vector.labels):
        bound = _number(dict(own).get(_BOUND, ""))
        if bound is not None:
            key = tuple(pair for pair in own if pair[0] not in (_BOUND, NAME))
            histograms[key].append((bound, row))
    by_bounds: dict[tuple[float, ...], list[tuple[Labels, list[int]]]] = defaultdict(list)
    for key, buckets in histograms.items():
        buckets.sort()
        by_bounds[tuple(bound for bound, _ in buckets)].append((key, [row for _, row in buckets]))
    steps = vector.values.shape[1]
    labels: list[Labels] = []
    parts: list[tuple[Numbers, Flags]] = [(np.empty((0, steps)), np.empty((0, steps), dtype=bool))]
    for bounds, found in by_bounds.items():
        rows = np.array([rows for _, rows in found])
        labels += [key for key, _ in found]
        parts.append(_quantiles(quantile, np.array(bounds), vector.values[rows], vector.present[rows]))
    if not labels:
        return empty(steps)
    return united(labels, np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))


def _quantiles(quantile: Numbers, bounds: Numbers, counts: Numbers, present: Flags) -> tuple[Numbers, Flags]:
    """[histograms, buckets, steps] becomes [histograms, steps]; the bounds rise, and may be equal."""
    histograms, buckets, steps = counts.shape
    # A row for each histogram and step. Buckets that are not there at a step go to the end, out of the way.
    rows = np.moveaxis(counts, 1, 2).reshape(-1, buckets)
    there = np.moveaxis(present, 1, 2).reshape(-1, buckets)
    wanted = np.tile(quantile, histograms)
    order = np.argsort(~there, axis=1, kind="stable")
    edges = np.where(np.take_along_axis(there, order, axis=1), bounds[order], np.nan)
    rows, held = np.take_along_axis(rows, order, axis=1), there.sum(axis=1)
    edges, rows, held = _coalesced(edges, rows, held)
    return (
        interpolated(wanted, edges, rows, held).reshape(histograms, steps),
        there.any(axis=1).reshape(histograms, steps),
    )


def _coalesced(edges: Numbers, rows: Numbers, held: NDArray[np.intp]) -> tuple[Numbers, Numbers, NDArray[np.intp]]:
    """Buckets of equal bounds as one ("1" and "1.0" are two labels of one bound), then counts that never fall."""
    for bucket in range(edges.shape[1] - 1, 0, -1):
        same = edges[:, bucket] == edges[:, bucket - 1]
        if same.any():
            rows[same, bucket - 1] += rows[same, bucket]
            rows[same, bucket:-1], rows[same, -1] = rows[same, bucket + 1 :], 0.0
            edges[same, bucket:-1], edges[same, -1] = edges[same, bucket + 1 :], np.nan
            held = held - same
    return edges, np.maximum.accumulate(rows, axis=1), held


def interpolated(wanted: Numbers, edges: Numbers, rows: Numbers, held: NDArray[np.intp]) -> Numbers:
    """One quantile a row; the rules of the ends are those of Prometheus.

    ``wanted``: float64[N], from 0 to 1. ``edges``: float64[N, B], rising bounds. ``rows``: float64[N, B], how many are
    within each bound. ``held``: how many of the bounds count in each row.
    """
    index = np.arange(len(rows))
    top = np.maximum(held - 1, 0)
    total = rows[index, top]
    rank = wanted * total
    columns = np.arange(rows.shape[1])
    reached = (rows >= rank[:, None]) | (columns >= top[:, None])
    bucket = reached.argmax(axis=1)
    below = np.maximum(bucket - 1, 0)
    start = np.where(bucket > 0, edges[index, below], 0.0)
    before = np.where(bucket > 0, rows[index, below], 0.0)
    end = edges[index, bucket]
    value = start + (end - start) * ((rank - before) / (rows[index, bucket] - before))
    value = np.where((bucket == 0) & (end <= 0), end, value)
    value = np.where(bucket == top, edges[index, np.maximum(top - 1, 0)], value)
    is_whole = (held >= 2) & (edges[index, top] == np.inf) & (total != 0) & ~np.isnan(total)
    value = np.where(is_whole, value, np.nan)
    value = np.where(wanted < 0, -np.inf, np.where(wanted > 1, np.inf, value))
    return np.where(np.isnan(wanted), np.nan, value)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

"""Rows to ask a served model, and what the estimator says of them in training: held-out ones, nulls, extreme values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from wellkept.ml.categories import Categories, shown
from wellkept.ml.runtime import Matrix, Scores

REAL_ROWS, NULL_ROWS = 100, 2
FARTHER = 1000.0
"""Extreme values lie so many times beyond what was seen."""
UNSEEN = "a category that training never saw"
LARGEST = 1e9
"""What the export holds as float32 is compared where float32 still tells numbers apart well."""


def asked(rows: Matrix, score: Callable[[Matrix], Scores], request: Mapping[str, Any]) -> dict[str, Any]:
    """``rows`` (lists of numbers and categories, None is null), ``expected`` (their scores), and ``real``: so many of
    them, the first, are held-out ones. Rows without a finite score are left out.

    ``rows`` are held-out inputs, float64[n, inputs].
    """
    names, known = request["features"], request.get("categories", {})
    may_be_null = {*request["nullable"], *request.get("open", ())}
    nullable = [index for index, name in enumerate(names) if name in may_be_null]
    kinds: list[str] = [] if request["task"] == "ranking" else request["kinds"]
    parts = [_spread(rows, REAL_ROWS), _with_nulls(rows, nullable), _extreme(rows, kinds)]
    found: list[list[float | str | None]] = []
    scores: list[float] = []
    counts = []
    for part in parts:
        expected = _scored(score, part)
        kept = np.isfinite(expected)
        found += [
            [_written(name, value, request, known) for name, value in zip(names, row, strict=True)]
            for row in part[kept]
        ]
        scores += expected[kept].tolist()
        counts.append(int(kept.sum()))
    return {"rows": found, "expected": scores, "real": counts[0]}


def _written(name: str, value: float, request: Mapping[str, Any], known: Categories) -> float | str | None:
    """A value as a caller writes it; what is missing where it must not be is a category that training never saw."""
    if np.isnan(value) and name not in request["nullable"] and name in request.get("open", ()):
        return UNSEEN
    return shown(name, value, known)


def _scored(score: Callable[[Matrix], Scores], rows: Matrix) -> Scores:
    """The scores; NaN where a project's features refuse rows that nobody ever saw: a request would be refused, too."""
    try:
        return np.asarray(score(rows), dtype=np.float64) if len(rows) else np.empty(0)
    except Exception:  # noqa: BLE001 - the edge of a team's code
        return np.full(len(rows), np.nan)


def _spread(rows: Matrix, count: int) -> Matrix:
    found: Matrix = rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int))]
    return found


def _with_nulls(rows: Matrix, nullable: list[int]) -> Matrix:
    """Some rows with each nullable input missing, and with all of them missing."""
    found = [np.empty((0, rows.shape[1]))]
    for missing in [[index] for index in nullable] + ([nullable] if nullable else []):
        some = _spread(rows, NULL_ROWS).copy()
        some[:, missing] = np.nan
        found.append(some)
    return np.vstack(found)


def _extreme(rows: Matrix, kinds: list[str]) -> Matrix:
    """A row with each number in turn at zero, far above and far below what was seen."""
    found = [np.empty((0, rows.shape[1]))]
    for index, kind in enumerate(kinds):
        values = rows[np.isfinite(rows[:, index]), index]
        if kind in ("bool", "category") or not len(values):
            continue
        far = min(LARGEST, FARTHER * max(1.0, float(np.abs(values).max())))
        for value in (0.0, np.round(far), -np.round(far)):
            row = rows[:1].copy()
            row[:, index] = value
            found.append(row)
    return np.vstack(found)

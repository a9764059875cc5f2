"""Leakage between the two sides: rows, entities and moments on both, rows made of others, labels told by a column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.ml.categories import shown
from wellkept.ml.evidence import Shared
from wellkept.ml.train.fitting import matrix_of_inputs
from wellkept.ml.train.judging.neighbours import looked_at, made_of_others, near_copies
from wellkept.ml.train.split import seconds_of

TELLING = 0.01
"""A row tells itself from others when so many training rows at most would equal it by chance."""
LEAST = 20
ENCODED, LEAST_GROUPS = 0.9, 3
CONTENT_TASKS = ("binary_classification", "multiclass_classification", "regression")

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def shared(trained: pa.Table, held_out: pa.Table, label: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """What the two sides share (see :class:`Shared`). The content of rows is compared where rows stand for themselves:
    not in forecasts and rankings, whose rows repeat items and users.
    """
    late = 0
    if "time" in trained.column_names and request["task"] != "ranking":
        late = int((seconds_of(trained) > seconds_of(held_out).min()).sum())
    entities = _both(trained, held_out, request.get("group_by") or "")
    if request["task"] not in CONTENT_TASKS:
        return Shared(0, late=late, entities=entities).values()
    names: list[str] = request["features"]
    older, newer = matrix_of_inputs(trained, names), matrix_of_inputs(held_out, names)
    old_label, new_label = (_numbers(table, label) for table in (trained, held_out))
    encoded = [
        name
        for index, name in enumerate(names)
        if name not in request.get("categories", {})
        and _is_mean_of_all(older[:, index], newer[:, index], old_label, new_label)
    ]
    telling = _telling(older, newer)
    same = np.isin(_codes(newer, new_label), _codes(older, old_label)) & telling
    regression = request["task"] == "regression"
    kind = (np.zeros(len(old_label)), np.zeros(len(new_label))) if regression else (old_label, new_label)
    near = near_copies(older, newer, *kind) & ~same
    made = made_of_others(older, newer, *kind) & ~same & ~near
    found = same | near | made
    example = None
    if found.any():
        row = newer[int(np.flatnonzero(found)[0])]
        known = request.get("categories", {})
        example = {name: shown(name, value, known) for name, value in zip(names, row, strict=True)}
    return Shared(
        len(newer), int(same.sum()), len(looked_at(len(newer))), int(near.sum()), int(made.sum()),
        telling=int(telling.sum()) >= min(LEAST, len(newer)), late=late, entities=entities, encoded=encoded,
        example=example,
    ).values()  # fmt: skip


def _both(trained: pa.Table, held_out: pa.Table, group: str) -> int:
    """How many values of a column are on both sides."""
    if not group:
        return 0
    return len(set(trained[group].to_pylist()) & set(held_out[group].to_pylist()))


def _telling(older: Floats, newer: Floats) -> Mask:
    """Of each held-out row, whether few training rows would equal it by chance, as if its columns were independent."""
    chance = np.zeros(len(newer))
    for column in range(older.shape[1]):
        values, counts = np.unique(older[:, column], return_counts=True)
        place = np.minimum(np.searchsorted(values, newer[:, column]), max(0, len(values) - 1))
        known = values[place] == newer[:, column]
        often = np.where(known, counts[place], 1.0)
        often = np.where(np.isnan(newer[:, column]), np.isnan(older[:, column]).sum(), often)
        chance += np.log(np.maximum(often, 1.0) / len(older))
    return np.asarray(chance + np.log(len(older)) < np.log(TELLING))


def _codes(rows: Floats, label: Floats) -> NDArray[np.uint64]:
    """A number for the content of each row, the label among it: equal rows have equal ones."""
    whole = np.column_stack([rows, label]) + 0.0  # -0.0 and 0.0 are one value
    whole[np.isnan(whole)] = np.nan
    bits = np.ascontiguousarray(whole).view(np.uint64)
    odd = np.random.default_rng(17).integers(1, 2**63, bits.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    mixed = (bits ^ (bits >> np.uint64(29))) * odd
    return np.asarray((mixed ^ (mixed >> np.uint64(32))).sum(axis=1, dtype=np.uint64))


def _is_mean_of_all(older: Floats, newer: Floats, old_label: Floats, new_label: Floats) -> bool:
    """Whether a column is the mean label of the rows with its value, over the rows of both sides.

    An encoding that was made on the training rows alone is the mean over those, and differs.
    """
    values, code = np.unique(np.r_[older, newer], return_inverse=True)
    count = np.bincount(code, minlength=len(values)).astype(np.float64)
    held = np.bincount(code[len(older) :], minlength=len(values))
    mean = np.bincount(code, np.r_[old_label, new_label], minlength=len(values)) / count
    counted = (held >= 2) & (count - held >= 2) & np.isfinite(values)
    if counted.sum() < LEAST_GROUPS or np.unique(mean[counted]).size < LEAST_GROUPS:
        return False
    equal = np.abs(mean - values) <= 1e-6 * (1 + np.abs(values))
    return bool(count[counted & equal].sum() >= ENCODED * count[counted].sum())


def _numbers(table: pa.Table, name: str) -> Floats:
    return np.asarray(table[name].to_numpy(zero_copy_only=False).astype(np.float64))

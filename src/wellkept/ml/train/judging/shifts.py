"""Inputs that come otherwise than they did: noisy, in another unit, with another sign, clipped, stuck."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.evidence import Shift
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.sample import Sample, value_of
from wellkept.ml.train.judging.behaviour import tried_rows

SEED = 13
MOST_ROWS, MOST_INPUTS = 3000, 40
UNIT = 100.0
"""The factor of a wrong unit: cents for euros, a share for per cent."""
FLIPPED = 0.1
"""The share of noisy yes-or-no values that say the opposite, and of categories that are another row's."""
Column = NDArray[np.float64]


def shifts(
    rows: Matrix, sample: Sample, score: Callable[[Matrix], Scores], request: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The primary metric with each input changed in each way that a gate asks for (see :class:`Shift`)."""
    asked = [gate for gate in request["gates"] if "shifted_drop" in gate]
    if not asked or not len(rows):
        return []
    some = tried_rows(rows, MOST_ROWS)
    rows, sample, metric = rows[some], sample.where(some), request["primary"]
    whole, found = value_of(metric, sample), []
    for name, kind in _wanted(asked, request["features"]):
        column = request["features"].index(name)
        values = changed(kind, rows[:, column], request["kinds"][column])
        if values is None:
            continue
        other = rows.copy()
        other[:, column] = values
        found.append(Shift(name, kind, len(rows), whole, value_of(metric, sample.scored(score(other)))).values())
    return found


def _wanted(gates: list[Mapping[str, Any]], features: list[str]) -> list[tuple[str, str]]:
    """Pairs of an input and a kind of change, each once."""
    pairs = [
        (name, kind)
        for gate in gates
        for name in (gate.get("only") or features[:MOST_INPUTS])
        for kind in gate["kinds"]
    ]
    return list(dict.fromkeys(pairs))


def changed(kind: str, values: Column, of: str) -> Column | None:
    """A column as it would come; null stays null. None where the kind means nothing for it or changes nothing."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    if of == "category":
        random = np.random.default_rng(SEED)
        others = np.where(random.random(len(values)) < FLIPPED, random.permutation(values), values)
        if kind not in ("noise", "stuck"):
            return None
        found = others if kind == "noise" else np.full(len(values), known[0])
    elif of == "bool":
        some = np.random.default_rng(SEED).random(len(values)) < FLIPPED
        flipped = {"noise": some, "negated": np.ones(len(values), dtype=np.bool_)}
        if kind not in (*flipped, "stuck"):
            return None
        found = np.zeros(len(values)) if kind == "stuck" else np.where(flipped[kind], 1.0 - values, values)
    else:
        found = _moved(kind, values, known)
        found = np.round(found) if of == "int" else found
    found = np.where(np.isfinite(values), found, values)
    same = (found == values) | (np.isnan(found) & np.isnan(values))
    return None if same.all() else np.asarray(found, dtype=np.float64)


def _moved(kind: str, values: Column, known: Column) -> Column:
    """A column of numbers as it would come; ``known`` are its values that are not null."""
    if kind == "noise":
        return values + np.random.default_rng(SEED).normal(0.0, float(known.std()), len(values))
    if kind == "clipped":
        low, high = np.quantile(known, [0.25, 0.75])
        return np.clip(values, low, high)
    if kind == "stuck":
        return np.zeros(len(values))
    return values * {"scaled_up": UNIT, "scaled_down": 1 / UNIT, "negated": -1.0}[kind]

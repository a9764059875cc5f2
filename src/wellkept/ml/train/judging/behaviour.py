"""Held-out rows asked again with one input changed: what should not matter, what must not lower (or raise) a score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.categories import shown
from wellkept.ml.evidence import Change
from wellkept.ml.runtime import Matrix, Scores

SEED = 11
MOST_ROWS = 5000
"""Of more rows an even sample is asked again."""

Score = Callable[[Matrix], Scores]


def tried_rows(rows: Matrix, most: int = MOST_ROWS) -> NDArray[np.int64]:
    """An even sample of the rows, in their order."""
    return np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64))


def changes(rows: Matrix, score: Score, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What every invariance and directional gate asks for (see :class:`Change`); ``rows`` are inputs, float64[n, k]."""
    some = rows[tried_rows(rows)] if len(rows) else rows
    found = []
    before: Scores | None = None
    for place, gate in enumerate(request["gates"]):
        name = gate.get("invariant") or gate.get("raising")
        if name is None or not len(some):
            continue
        before = score(some) if before is None else before
        column = request["features"].index(name)
        kind = request["kinds"][column]
        if "invariant" in gate:
            found.append(_unmoved(place, gate, some, column, before, score, request["features"]))
        else:
            found.append(_one_way(place, gate, some, column, kind, before, score, request["features"]))
    return [_in_words(one.values(), request) for one in found]


def _in_words(told: dict[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """What a change says of itself, with categories as texts."""
    known, example = request.get("categories", {}), told["example"]
    if not known or example is None:
        return told
    gate = request["gates"][told["gate"]]
    name = gate.get("invariant") or gate["raising"]

    def text(of: str, value: float | None) -> float | str | None:
        return shown(of, np.nan if value is None else value, known)

    row = {of: text(of, value) for of, value in example["row"].items()}
    return {**told, "example": {**example, "row": row, "to": text(name, example["to"])}}


def _unmoved(
    place: int, gate: Mapping[str, Any], rows: Matrix, column: int, before: Scores, score: Score, names: list[str]
) -> Change:
    """Every row with the column's value of another row, or with each of the gate's values."""
    own = rows[:, column]
    others = [np.full(len(rows), float(value)) for value in gate.get("values", ())]
    others = others or [own[np.random.default_rng(SEED).permutation(len(rows))]]
    moved, to, then = np.zeros(len(rows)), own.copy(), before.copy()
    is_changed = np.zeros(len(rows), dtype=np.bool_)
    for values in others:
        differs = ~((values == own) | (np.isnan(values) & np.isnan(own)))
        changed = rows.copy()
        changed[:, column] = values
        scores = score(changed)
        gap = np.where(differs, _apart(scores, before), 0.0)
        larger = gap > moved
        moved, to, then = np.where(larger, gap, moved), np.where(larger, values, to), np.where(larger, scores, then)
        is_changed |= differs
    return _change(place, names, rows, is_changed, moved, float(gate["at_most"]), (to, before, then))


def _one_way(
    place: int, gate: Mapping[str, Any], rows: Matrix, column: int, kind: str, before: Scores, score: Score,
    names: list[str],
) -> Change:  # fmt: skip
    """Every row with the column raised: yes in place of no, else by the gate's step."""
    own = rows[:, column]
    raised = own * gate["times"] if "times" in gate else own + gate["by"]
    if kind == "bool":
        raised = np.ones(len(own))
    elif kind == "int":
        raised = np.ceil(raised)
    is_changed = np.isfinite(own) & (raised > own)
    changed = rows.copy()
    changed[:, column] = np.where(is_changed, raised, own)
    then = score(changed)
    sign = 1.0 if gate["must_not"] == "lower" else -1.0
    moved = np.where(is_changed, np.maximum(0.0, sign * (before - then)), 0.0)
    moved = np.where(np.isfinite(moved), moved, np.inf)
    return _change(place, names, rows, is_changed, moved, float(gate["tolerance"]), (changed[:, column], before, then))


def _apart(one: Scores, other: Scores) -> Scores:
    """How far scores are apart; a score that is no number is infinitely far from any other."""
    gap = np.abs(one - other)
    return np.where(np.isfinite(gap), gap, np.inf)


def _change(
    place: int, names: list[str], rows: Matrix, is_changed: NDArray[np.bool_], moved: Scores, allowed: float,
    told: tuple[Scores, Scores, Scores],
) -> Change:  # fmt: skip
    beyond = is_changed & (moved > allowed)
    if not beyond.any():
        return Change(place, int(is_changed.sum()), 0, _number(float(moved.max(initial=0.0))) or 0.0)
    worst = int(np.argmax(np.where(beyond, moved, -1.0)))
    to, before, then = told
    row = {name: _number(value) for name, value in zip(names, rows[worst], strict=True)}
    example = {"row": row, "to": _number(to[worst]), "score": _number(before[worst]), "then": _number(then[worst])}
    largest = _number(moved[worst])
    return Change(place, int(is_changed.sum()), int(beyond.sum()), 1e308 if largest is None else largest, example)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

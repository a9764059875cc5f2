"""Whether inputs are as they were where labels are known: an estimate says nothing of a model that is asked nonsense.

A shifted world is no reason for distrust: the estimate follows it. A column that is suddenly null or at a default, or
full of what was never seen, is one: what the score means has changed with it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.reference import Distribution

Counts = NDArray[np.int64]

NULLS = 0.1
"""More nulls than before, as a share of all rows."""
MOVED = 0.15
"""Of the rows that had another value, so many have one and the same now, and the others are spread as before."""
ALL_MOVED = 0.75
ALIKE = 0.08
"""Total variation up to which the others count as spread as before."""
GONE = 0.1
"""A column is stuck when the values beside its commonest are under a tenth of what they were."""
LEAST_GONE = 30
"""Rows that are missed before a column counts as stuck."""
NEW = 0.05
"""Rows in bins that were empty, or almost."""
EMPTY = 0.001
FEWEST = 100
HABIT = 3
"""What a column did in so many separate times is how it is. That it has no value is never a habit."""
NO_VALUE = "has no value"
BINS, MOVED_OF_FEW = 5, 0.35
"""With fewer bins nothing can be told of how the others are spread: then more have to have moved."""
SWINGS = 0.1
"""A column whose windows in training differ by this much (excess of the divergence for each row) comes and goes."""


def broken(
    now: Mapping[str, Counts], nulls: Mapping[str, int], reference: Mapping[str, Distribution]
) -> dict[str, str]:
    """The columns that are broken, each with a sentence's end; by counts in the reference's bins, and of nulls.

    Of a column that comes and goes by itself, as what tells a weekend does, nulls alone are looked at.
    """
    found = {}
    for name, entry in reference.items():
        if name not in now or not entry.counts:
            continue
        why = _empty(now[name], int(nulls[name]), entry.nulls)
        if not why and entry.wobble.divergence <= SWINGS:
            why = _moved(now[name], np.asarray(entry.counts))
        if why:
            found[name] = why
    return found


def _empty(now: Counts, nulls: int, usual: float) -> str:
    rows = int(now.sum()) + nulls
    if rows < FEWEST:
        return ""
    share = nulls / rows
    noise = 3.0 * np.sqrt(max(usual * (1 - usual), 1e-4) / rows)
    if share - usual <= NULLS + noise:
        return ""
    return f"{NO_VALUE} in {share:.0%} of the predictions, {usual:.0%} in training"


def _moved(now: Counts, then: Counts) -> str:
    rows = int(now.sum())
    if len(then) < 2 or rows < FEWEST or then.sum() < FEWEST:
        return ""
    new, old = now / rows, then / then.sum()
    top = int(np.argmax((new - old) / (1.0 - old + 1e-9)))
    moved = float((new[top] - old[top]) / max(1.0 - old[top], 1e-9))
    rest_now, rest_old = np.delete(new, top), np.delete(old, top)
    is_gone = rest_now.sum() < GONE * rest_old.sum() and rest_old.sum() * rows > LEAST_GONE
    noise = 1.0 / np.sqrt(max(rest_now.sum() * rows, 1.0))
    is_alike = _apart(rest_now, rest_old) <= ALIKE + noise
    least = MOVED if len(then) >= BINS else MOVED_OF_FEW
    if is_gone or moved >= ALL_MOVED or (moved >= least and is_alike and rest_old.sum() * rows > LEAST_GONE):
        return f"has one value in {moved:.0%} of the predictions that had others in training"
    unseen = float(new[old < EMPTY].sum())
    return f"has values in {unseen:.0%} of the predictions that it never had in training" if unseen > NEW else ""


def is_lasting(now: Counts, nulls: int, entry: Distribution) -> bool:
    """Whether a whole window shows what one of its cohorts did: what comes and goes within it is no break.

    A column that tells a weekend is always the same in a cohort of a day, and as in training over the week.
    """
    rows = int(now.sum())
    if rows + nulls and nulls / (rows + nulls) - entry.nulls > NULLS / 2:
        return True
    if not rows:
        return False
    then = np.asarray(entry.counts)
    new, old = now / rows, then / max(then.sum(), 1)
    return bool(((new - old) / np.maximum(1.0 - old, 1e-9)).max() >= MOVED)


def without_habits(found: Mapping[float, Mapping[str, str]]) -> dict[float, str]:
    """What is broken in each cohort (by its start), as one text; what a column does again and again is its habit."""
    runs: dict[str, int] = {}
    before: frozenset[str] = frozenset()
    for start in sorted(found):
        mine = frozenset(found[start])
        for name in mine - before:
            runs[name] = runs.get(name, 0) + 1
        before = mine
    return {
        start: "; ".join(
            f"{name} {why}" for name, why in said.items() if runs[name] < HABIT or why.startswith(NO_VALUE)
        )
        for start, said in found.items()
    }


def _apart(now: NDArray[np.float64], then: NDArray[np.float64]) -> float:
    """Total variation between two parts, each taken as a whole."""
    if now.sum() <= 0 or then.sum() <= 0:
        return 1.0
    return float(np.abs(now / now.sum() - then / then.sum()).sum() / 2)

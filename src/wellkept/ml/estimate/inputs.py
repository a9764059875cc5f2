"""Whether inputs are as they were where labels are known: an estimate says nothing of a model that is asked nonsense.

A shifted world is no reason for distrust: the estimate follows it. A column that is suddenly null or at a default, or
full of what was never seen, is one: what the score means has changed with it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

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
NEW = 0.05
"""Rows in bins that were empty, or almost."""
EMPTY = 0.001
FEWEST = 100


def broken(
    now: Mapping[str, Counts], nulls: Mapping[str, int], then: Mapping[str, Counts], nulls_then: Mapping[str, float]
) -> dict[str, str]:
    """The columns that are broken, each with a sentence's end; by counts in bins, and nulls as count and as share."""
    found = {}
    for name, before in then.items():
        if name not in now or len(before) < 1:
            continue
        why = _why(now[name], int(nulls[name]), before, float(nulls_then[name]))
        if why:
            found[name] = why
    return found


def _why(now: Counts, nulls: int, then: Counts, nulls_then: float) -> str:
    rows = int(now.sum())
    if rows + nulls < FEWEST:
        return ""
    share = nulls / (rows + nulls)
    noise = 3.0 * np.sqrt(max(nulls_then * (1 - nulls_then), 1e-4) / (rows + nulls))
    if share - nulls_then > NULLS + noise:
        return f"has no value in {share:.0%} of the predictions, {nulls_then:.0%} before"
    if len(then) < 2 or rows < FEWEST or then.sum() < FEWEST:
        return ""
    new, old = now / rows, then / then.sum()
    top = int(np.argmax((new - old) / (1.0 - old + 1e-9)))
    moved = float((new[top] - old[top]) / max(1.0 - old[top], 1e-9))
    rest_now, rest_old = np.delete(new, top), np.delete(old, top)
    is_gone = rest_now.sum() < GONE * rest_old.sum() and rest_old.sum() * rows > 30
    apart = _apart(rest_now, rest_old)
    if (
        is_gone
        or moved >= ALL_MOVED
        or (moved >= MOVED and apart <= ALIKE + 1.0 / np.sqrt(max(rest_now.sum() * rows, 1.0)))
    ):
        return f"has one value in {moved:.0%} of the predictions that had others before"
    unseen = float(new[old < EMPTY].sum())
    return f"has values that were never seen in {unseen:.0%} of the predictions" if unseen > NEW else ""


def _apart(now: NDArray[np.float64], then: NDArray[np.float64]) -> float:
    """Total variation between two parts, each taken as a whole."""
    if now.sum() <= 0 or then.sum() <= 0:
        return 1.0
    return float(np.abs(now / now.sum() - then / then.sum()).sum() / 2)

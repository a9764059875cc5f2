"""What a label may be, by the task of its model: whatever is measured by labels counts on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

TaskOf = Callable[[str], str]
"""The task of a model; empty where its contract is not known."""

TWO = frozenset({"binary_classification", "ranking"})
RULES = {
    "binary_classification": "must be 0 or 1",
    "ranking": "must be 1 (it was chosen) or 0 (it was offered in vain)",
    "multiclass_classification": "must be the whole number of a class",
}
"""Of other tasks a label is any number."""


def no_task(_: str) -> str:
    """Of models whose contract is not known."""
    return ""


def unfit(task: str, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which labels break the rule of a task."""
    if task in TWO:
        return np.asarray((values != 0) & (values != 1), dtype=np.bool_)
    if task == "multiclass_classification":
        return np.asarray(values != np.round(values), dtype=np.bool_)
    return np.zeros(len(values), dtype=np.bool_)

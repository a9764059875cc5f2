"""What a model can be asked to do, and by which metrics each task is measured."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

ROW_METRICS = {
    "binary_classification": ("average_precision", "roc_auc", "brier", "log_loss", "calibration_error"),
    "multiclass_classification": ("accuracy", "macro_f1"),
    "regression": ("mae", "rmse"),
    "forecasting": ("wape", "mase", "rmsse", "mae", "rmse"),
    "ranking": (),
}
"""Metrics by their names. Those of ranking carry their depth: ``recall@10``."""
OF_INTERVALS = ("coverage", "pinball", "width")
"""Metrics of the intervals beside answers that are numbers (:mod:`wellkept.ml.interval`)."""
NUMBERS = ("regression", "forecasting")
"""Tasks whose answers are numbers."""
LIVE = {"forecasting": "wape", "ranking": "roc_auc"}
"""What labelled answers tell one by one, of tasks whose own metrics need to know what else was there."""
TWO_CLASSES = frozenset({"binary_classification", "ranking"})
"""Tasks whose label is yes or no: in a ranking, whether what was scored was chosen."""
AT_K = ("recall", "ndcg", "map")
LOWER_IS_BETTER = frozenset(
    {"brier", "log_loss", "calibration_error", "mae", "rmse", "wape", "mase", "rmsse", "pinball", "width"}
)  # fmt: skip
CUSTOM = "custom."
"""What the names of a project's own metrics begin with."""

_AT = re.compile(rf"^({'|'.join(AT_K)})@([1-9][0-9]{{0,2}})$")
_OWN = re.compile(r"^custom\.[a-z][a-z0-9_]{0,40}$")
_NAMES = (*dict.fromkeys(name for names in ROW_METRICS.values() for name in names), *OF_INTERVALS)


def at_k(name: str) -> tuple[str, int] | None:
    """The parts of a ranking metric's name; None where it is none."""
    found = _AT.match(name)
    return (found[1], int(found[2])) if found else None


def is_own(name: str) -> bool:
    """Whether a metric is one that the project itself computes."""
    return name.startswith(CUSTOM)


def belongs(name: str, task: str) -> bool:
    """Whether a task can be measured by a metric."""
    if task == "ranking" and at_k(name) is not None:
        return True
    return is_own(name) or name in ROW_METRICS[task] or (task in NUMBERS and name in OF_INTERVALS)


def metrics_of(task: str) -> str:
    """The metrics of a task, in words."""
    own = [f"{name}@K" for name in AT_K] if task == "ranking" else list(ROW_METRICS[task])
    own += OF_INTERVALS if task in NUMBERS else ()
    return ", ".join(sorted(own))


def _known(name: str) -> str:
    if name in _NAMES or _AT.match(name) or _OWN.match(name):
        return name
    known = [*_NAMES, *(f"{name}@K" for name in AT_K), f"{CUSTOM}NAME"]
    raise ValueError(f"must be one of {', '.join(known)}")


Metric = Annotated[str, AfterValidator(_known)]

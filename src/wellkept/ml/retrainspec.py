"""The part ``retrain`` of a contract: what decides on a retrain, what one costs, and how often there may be one."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from wellkept.ml.runner import Runner

Seconds = Annotated[float, Field(gt=0)]
PolicyName = Literal["expected_value", "schedule", "volume", "drift", "performance"]
DAY_S = 86_400.0

POINTS, SHARE = 0.001, 0.002
"""What a retrain must gain where the contract names no cost: of a metric that is 1 at best, and of errors a share."""
MOST = 8.0
"""Windows of the contract's length that a retrain reads to choose among."""
BOUNDED = frozenset({"average_precision", "roc_auc", "accuracy", "macro_f1"})


class Retrain(Runner):
    """When, and on what, a retrain is proposed.

    ``cost`` is that of one retrain, and ``value_per_point`` what one point of the primary metric is worth over the
    horizon, in the same unit. Left out, the unit is the metric itself: a retrain must bring 0.003 on the average of
    the horizon (of an error, 0.6 % of what was promised).
    """

    policy: PolicyName = "expected_value"
    min_rows: Annotated[int, Field(ge=50)] = 1000
    window_s: Seconds = 7 * DAY_S
    """What is trained on: the newest so many seconds, or what a back-test finds better."""
    window: Literal["chosen", "fixed"] = "chosen"
    """``chosen``: shorter, longer and growing windows are tried on the labelled rows before those held out."""
    cooldown_s: Annotated[float, Field(ge=0)] = DAY_S
    most_a_month: Annotated[int, Field(ge=1, le=1000)] = 10
    """So many retrains in any 30 days, at most."""
    every_s: Seconds = 7 * DAY_S
    """Of the policy ``schedule``."""
    rows: Annotated[int, Field(ge=50)] = 10_000
    """Of the policy ``volume``: so many new labelled rows."""
    cost: Annotated[float, Field(ge=0)] | None = None
    value_per_point: Annotated[float, Field(gt=0)] = 1.0
    horizon_s: Seconds = 28 * DAY_S
    caution: Annotated[float, Field(ge=0, le=4)] = 0.9
    """The risk of a change: what so many standard errors of its gain explain does not count."""

    def cost_of(self, metric: str, promised: float) -> float:
        """What one retrain costs, in the unit of ``value_per_point``."""
        if self.cost is not None:
            return self.cost
        return self.value_per_point * point_of(metric, promised) * POINTS


def span_s(retrain: Retrain, task: str) -> float:
    """How far back a retrain reads: where a window is chosen, so many times its length as the longest one tried.

    What an outside runner trains is its own business, and a ranking needs every choice that a user ever made.
    """
    return retrain.window_s * (MOST if is_window_chosen(retrain, task) else 1.0)


def is_window_chosen(retrain: Retrain, task: str) -> bool:
    """Whether a retrain looks for a better window than the contract's."""
    return retrain.window == "chosen" and retrain.runner != "ci" and task != "ranking"


def point_of(metric: str, promised: float) -> float:
    """What counts as a point of a metric: 1 where it is 1 at best; of errors, twice what was promised."""
    is_scaled = metric not in BOUNDED and math.isfinite(promised) and promised != 0
    return abs(promised) * SHARE / POINTS if is_scaled else 1.0

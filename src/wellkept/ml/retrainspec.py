"""The part ``retrain`` of a contract: what decides on a retrain, what one costs, and how often there may be one."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from wellkept.ml.runner import Runner

Seconds = Annotated[float, Field(gt=0)]
PolicyName = Literal["expected_value", "schedule", "volume", "drift", "performance"]
DAY_S = 86_400.0

POINTS, SHARE = 0.003, 0.006
"""What a retrain must gain where the contract names no cost: of a metric that is 1 at best, and of errors a share."""
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
    """``chosen``: longer, shorter, growing and weighted windows are tried on the labelled history."""
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
    caution: Annotated[float, Field(ge=0, le=4)] = 0.65
    """The risk of a change: so many standard deviations of its gain count against it."""

    def cost_of(self, metric: str, promised: float) -> float:
        """What one retrain costs, in the unit of ``value_per_point``."""
        if self.cost is not None:
            return self.cost
        return self.value_per_point * point_of(metric, promised) * POINTS


def point_of(metric: str, promised: float) -> float:
    """What counts as a point of a metric: 1 where it is 1 at best; of errors, twice what was promised."""
    is_scaled = metric not in BOUNDED and math.isfinite(promised) and promised != 0
    return abs(promised) * SHARE / POINTS if is_scaled else 1.0

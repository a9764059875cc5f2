"""What a training tells of how fast versions age: what it scored above the champion on the same newest labels."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from wellkept.ml.contract import ModelContract
from wellkept.ml.outcome import Outcome
from wellkept.ml.retrain.casefile import more_rows, trained_until_of
from wellkept.ml.sample import TWO_SIDED_90, paired_interval_of, value_of
from wellkept.ml.tasks import LOWER_IS_BETTER
from wellkept.spine.registry import ModelVersion

SEED = 1
LEAST_ROWS = 50


def gains_told(
    contract: ModelContract, champion: ModelVersion | None, outcome: Outcome, trained_on: int, end: datetime
) -> list[dict[str, Any]]:
    """What a job keeps as ``gains``: the paired difference, with its error, of challenger and champion.

    ``end`` is that of the challenger's data, ``trained_on`` the number of its rows. Empty without a champion, without
    enough rows that it was not trained on, and where the metric has no interval.
    """
    metric = contract.live_metric
    if champion is None or outcome.rival is None:
        return []
    unseen = outcome.unseen
    if unseen.sum() < LEAST_ROWS:
        return []
    sample, rival = outcome.sample.where(unseen), outcome.rival.where(unseen)
    low, high = paired_interval_of(metric, sample, rival, SEED)
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    gain = sign * (value_of(metric, sample) - value_of(metric, rival))
    if not all(math.isfinite(one) for one in (gain, low, high)):
        return []
    until = end - timedelta(seconds=contract.label.delay_s)
    before = trained_until_of(champion) - timedelta(seconds=contract.label.delay_s)
    told = {
        "at": until.isoformat(),
        "age_s": max(0.0, (until - before).total_seconds()),
        "gain": gain,
        "error": (high - low) / TWO_SIDED_90,
        "more": more_rows(trained_on, champion),
        "metric": metric,
        "rows": int(unseen.sum()),
        "source": "challenger",
    }
    return [told]

"""What the served answers were worth, beside those of the first version alone and of weekly retraining."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.ml.metrics import METRICS
from wellkept.ml.process import run_worker
from wellkept.simulate.base import DAY_S, Floats, Plan, World
from wellkept.simulate.live import Live

WEEK_S = 7 * DAY_S
WEEKLY_S = 1800.0


def compare(live: Live, plan: Plan) -> tuple[dict[str, float], str, int]:
    """The mean weekly metric by policy, the metric's name, and the number of weekly retrainings.

    Raises:
        TrainingError: the project's code failed on a week's rows.
    """
    world = live.world
    metric = world.contract.live_metric
    cuts = [plan.start.timestamp() + week * WEEK_S for week in range(1, plan.days // 7 + 1)]
    weekly = _weekly(live, plan, cuts)
    scores = {"wellkept": live.scores, "never": live.never, "weekly": np.where(np.isnan(weekly), live.never, weekly)}
    found = {name: _mean(world, one, metric, plan) for name, one in scores.items()}
    return found, metric, len(cuts)


def _mean(world: World, scores: Floats, metric: str, plan: Plan) -> float:
    """The mean over the weeks; a week in which nothing was asked does not count."""
    week = ((world.at - plan.start.timestamp()) // WEEK_S).astype(np.int64)
    asked = np.isfinite(scores)
    values = [
        METRICS[metric](world.label[rows], scores[rows])
        for rows in (np.flatnonzero(asked & (week == one)) for one in np.unique(week[asked]))
    ]
    known = np.array([value for value in values if np.isfinite(value)])
    return float(known.mean()) if len(known) else float("nan")


def _weekly(live: Live, plan: Plan, cuts: list[float]) -> Floats:
    """What a model that is trained anew each week on what is known then would answer; NaN before the first."""
    world, folder = live.world, plan.folder / "weekly" / live.name
    contract = world.contract
    folder.mkdir(parents=True, exist_ok=True)
    is_known = np.arange(len(world.at)) < world.live
    table = pa.table(
        {
            "at": world.at,
            "known_at": np.where(is_known, world.known_at, live.told_at),
            "told": np.where(is_known, world.label, live.told),
            "asked": np.isfinite(live.scores),
            "key": pa.array(world.keys, pa.string()),
            **dict(zip(contract.features, world.inputs(live.served).columns, strict=True)),
        }
    )
    pq.write_table(table, folder / "rows.parquet")
    request = {
        "project": str(world.project),
        "features": list(contract.features),
        "columns": list(contract.columns),
        "kinds": [entry.type for entry in contract.inputs],
        "seed": contract.train.seed,
        "label": contract.label.name,
        "key": next(iter(contract.entity_keys), ""),
        "chosen_only": contract.ranking is not None,
        "window_s": contract.retrain.window_s,
        "cuts": cuts,
        "rows": str(folder / "rows.parquet"),
        "out": str(folder / "scores.parquet"),
    }
    run_worker("wellkept.simulate.weekly", request, folder, WEEKLY_S)
    return np.asarray(pq.read_table(folder / "scores.parquet")["score"].to_numpy(), dtype=np.float64)

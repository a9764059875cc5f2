"""``wellkept eval retrain``: what each policy reaches with how many retrainings, on recorded and on generated streams.

Constants were chosen on the generators' seeds below 100; some recorded streams were looked at, too: see
docs/retraining.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wellkept.evaluation.retrain_models import Bank
from wellkept.evaluation.retrain_replay import Drifted, Life, Never, Replayed, Weekly, live
from wellkept.evaluation.retrain_streams import MONTH_S, LiveStream, folders, generated, read
from wellkept.evaluation.retrain_worth import ExpectedValue
from wellkept.evaluation.streams_known import KNOWN, REPORTED
from wellkept.ml.retrainspec import Retrain
from wellkept.ml.tasks import LOWER_IS_BETTER

SEEDS = 20
ROWS = 60_000
LEAST_ROWS = 50

Tell = Callable[[str], None]


def evaluate(
    data: Path | None, *, seeds: int = SEEDS, first: int = REPORTED, rows: int = ROWS, tell: Tell = lambda _: None
) -> dict[str, Any]:
    """The figures of a folder, of folders, or of the generators without one.

    Raises:
        InputError: nothing in the folder is recognised.
    """
    if data is None:
        return _generated(range(first, first + seeds), rows, tell)
    found = {folder.name: _told(read(folder), tell) for folder in folders(data)}
    if len(found) == 1:
        return next(iter(found.values()))
    return {"folders": found, "policies": _together(list(found.values()))}


def policies_of(stream: LiveStream) -> dict[str, Replayed]:
    """The four policies, as one stream wants them; the contract's defaults where it does not.

    The budget of ``expected_value`` is half of what one retrain a period would be.
    """
    budget = max(1, int(MONTH_S / (2 * stream.period_s)))
    spec = Retrain(window_s=stream.first_s, cooldown_s=stream.tick_s, min_rows=LEAST_ROWS, most_a_month=budget)
    return {"never": Never(), "weekly": Weekly(), "drift": Drifted(), "expected_value": ExpectedValue(spec)}


def lives(stream: LiveStream) -> dict[str, Life]:
    """How each policy fares on a stream."""
    bank = Bank(stream)
    return {name: live(stream, policy, bank) for name, policy in policies_of(stream).items()}


def _told(stream: LiveStream, tell: Tell) -> dict[str, Any]:
    found = {}
    bank = Bank(stream)
    for name, policy in policies_of(stream).items():
        found[name] = _life(live(stream, policy, bank))
        reached, count = found[name]["performance"], found[name]["retrainings"]
        tell(f"{stream.name} {name}: {stream.metric} {reached}, {count} retrainings")
    return {
        "stream": stream.name,
        "task": stream.task,
        "metric": stream.metric,
        "lower_is_better": stream.metric in LOWER_IS_BETTER,
        "rows": len(stream.time),
        "drifts": stream.drifts,
        "natural_period_days": round(stream.period_s / 86_400, 3),
        "label_delay_days": round(stream.delay_s / 86_400, 3),
        "policies": found,
    }


def _life(one: Life) -> dict[str, Any]:
    return {
        "performance": round(one.performance, 5),
        "retrainings": one.retrainings,
        "backtests": one.backtests,
    }


def _generated(seeds: range, rows: int, tell: Tell) -> dict[str, Any]:
    """Every kind of known change with every seed."""
    kinds = {}
    for kind in KNOWN:
        found = [lives(generated(kind, seed, rows)) for seed in seeds]
        kinds[kind] = {name: _mean([one[name] for one in found]) for name in found[0]}
        said = ", ".join(f"{name} {row['performance']} ({row['retrainings']})" for name, row in kinds[kind].items())
        tell(f"{kind}: {said}")
    names = next(iter(kinds.values()))
    whole = {
        name: {key: round(float(np.mean([row[name][key] for row in kinds.values()])), 5) for key in names[name]}
        for name in names
    }
    return {"metric": "roc_auc", "seeds": [seeds.start, seeds.stop - 1], "policies": whole, "kinds": kinds}


def _mean(found: Sequence[Life]) -> dict[str, float]:
    names = ("performance", "retrainings", "backtests")
    return {name: round(float(np.mean([getattr(one, name) for one in found])), 5) for name in names}


def _together(found: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Of several folders: the mean performance, and all retrainings together (of metrics that say more is better)."""
    names = found[0]["policies"]
    return {
        name: {
            "performance": round(float(np.mean([_upwards(one, name) for one in found])), 5),
            **{key: sum(one["policies"][name][key] for one in found) for key in ("retrainings", "backtests")},
        }
        for name in names
    }


def _upwards(one: Mapping[str, Any], name: str) -> float:
    performance = float(one["policies"][name]["performance"])
    return 1.0 - performance if one["lower_is_better"] else performance

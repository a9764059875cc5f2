"""The replay of retraining: nothing is seen before its time, and each policy does what it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from wellkept.evaluation.retrain import evaluate, policies_of
from wellkept.evaluation.retrain_models import Bank, _logistic, better_by
from wellkept.evaluation.retrain_replay import Live, Never, Weekly, live
from wellkept.evaluation.retrain_streams import DAY_S, WEEK_S, LiveStream
from wellkept.kernel.errors import InputError
from wellkept.ml.windows import Window

ROWS_A_DAY = 40


def stream(turned_at: int | None, days: int = 56) -> LiveStream:
    """Two inputs, of which the first tells the label until the turn, and the second one afterwards."""
    random = np.random.default_rng(3)
    rows = days * ROWS_A_DAY
    x = random.normal(size=(rows, 2))
    day = np.arange(rows) // ROWS_A_DAY
    told = x[:, 0] if turned_at is None else np.where(day < turned_at, x[:, 0], x[:, 1])
    label = (random.random(rows) < 1 / (1 + np.exp(-2 * told))).astype(np.float64)
    return LiveStream(
        name="made",
        task="binary_classification",
        metric="roc_auc",
        time=np.arange(rows) * DAY_S / ROWS_A_DAY,
        x=x,
        label=label,
        tick_s=DAY_S,
        period_s=WEEK_S,
        delay_s=DAY_S,
        first_s=2 * WEEK_S,
        counted=np.ones(rows, dtype=np.bool_),
        drifts=turned_at is not None,
    )


@dataclass
class Peeking:
    """Retrains each tick, and notes what there was to see."""

    backtests: int = 0
    seen: list[tuple[float, float, int]] = field(default_factory=list)

    def look(self, live: Live) -> Window | None:
        answered = np.flatnonzero(np.isfinite(live.score))
        self.seen.append((live.now, live.known_until, int(answered.max())))
        return None


def test_no_policy_sees_a_row_before_its_time_or_a_label_before_its_delay() -> None:
    made, policy = stream(None), Peeking()
    live(made, policy, Bank(made))
    for now, known_until, last in policy.seen:
        assert known_until == now - made.delay_s
        assert made.time[last] < now


def test_what_comes_later_changes_nothing_before_it() -> None:
    made = stream(30)
    other = replace(made, label=np.where(made.time >= 40 * DAY_S, 1 - made.label, made.label))
    first, second = (live(one, policies_of(one)["expected_value"], Bank(one)).periods for one in (made, other))
    assert first[:3] == second[:3]


def test_weekly_retrains_once_a_period_and_never_does_not() -> None:
    made = stream(None)
    assert live(made, Never(), Bank(made)).retrainings == 0
    assert live(made, Weekly(), Bank(made)).retrainings == 5


def test_a_turned_world_is_worth_it_and_a_still_one_is_not() -> None:
    still, turned = stream(None), stream(30)
    quiet = live(still, policies_of(still)["expected_value"], Bank(still))
    assert quiet.retrainings <= 1
    never = live(turned, Never(), Bank(turned))
    found = live(turned, policies_of(turned)["expected_value"], Bank(turned))
    assert found.performance > never.performance + 0.05
    assert 1 <= found.retrainings <= 3


def test_better_is_positive_whatever_the_metric() -> None:
    label = np.linspace(1, 2, 80)
    assert better_by("wape", label, label, label + 0.5)[0] > 0
    assert better_by("accuracy", np.ones(80), np.ones(80), np.zeros(80))[0] == 1.0


def test_a_folder_that_is_not_known_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="recognised"):
        evaluate(tmp_path)


def test_a_column_of_which_nothing_is_known_tells_nothing() -> None:
    """Training rows of a time in which the pipe of one input was broken, without a warning."""
    random = np.random.default_rng(5)
    x = random.normal(size=(300, 2))
    label = (x[:, 0] > 0).astype(np.float64)
    broken = np.column_stack([x[:, 0], np.full(300, np.nan)])

    score = _logistic(broken, label, None)

    assert np.allclose(score(broken), score(x))
    assert ((score(x) > 0.5) == (label > 0)).mean() > 0.95

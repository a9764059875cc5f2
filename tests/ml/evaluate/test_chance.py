"""Gates that take the worst of many do not fail by chance, and do fail on what is there: simulations from a seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.evaluate.stage import CHECKS
from wellkept.ml.evidence import Window
from wellkept.ml.gates import FairnessGate
from wellkept.ml.metrics import Array, roc_auc
from wellkept.ml.outcome import Outcome
from wellkept.ml.sample import Sample, interval_of, value_of

TIMES = 120
MOST = 0.10
"""Of simulations without any difference so many may fail: the level is 5 %, and 120 of them tell it to about 4 %."""


def contract(gate: str, task: str = "binary_classification", primary: str = "roc_auc") -> ModelContract:
    part = "forecast: {horizon: 5}" if task == "forecasting" else ""
    return parse_contract(
        f"name: shop\ntask: {task}\nowner: us\ninputs: [{{name: risk}}]\nslices: [plan]\n{part}\n"
        f"output: {{threshold: 0.5}}\nmetrics: {{primary: {primary}}}\ngates: [{gate}]"
    )


def passes(wanted: ModelContract, outcome: Outcome) -> bool:
    gate = wanted.gates[0]
    return CHECKS[type(gate)](wanted, gate, outcome).passed


def drawn(random: np.random.Generator, count: int, values: int) -> tuple[Array, Array, np.ndarray]:
    """Labels, honest scores, and a column that has nothing to do with either."""
    score = random.beta(2, 3, count)
    label = (random.random(count) < score).astype(float)
    return label, score, np.array([f"v{n}" for n in random.integers(0, values, count)])


def outcome_of(label: Array, score: Array, plan: np.ndarray) -> Outcome:
    return Outcome(label, score, None, 1.0, {}, slices={"plan": plan})


@pytest.mark.parametrize(
    ("gate", "primary"),
    [
        ("{slice: plan, drop: 0.02, min_rows: 30}", "roc_auc"),
        ("{slice: plan, drop: 0.01, min_rows: 30}", "brier"),
        ("{fairness: {group: plan, metric: selection_rate, difference: 0.01, min_rows: 30}}", "roc_auc"),
        ("{fairness: {group: plan, metric: equalized_odds, difference: 0.01, min_rows: 20}}", "roc_auc"),
        ("{fairness: {group: plan, metric: true_positive_rate, ratio: 0.99, min_rows: 20}}", "roc_auc"),
        ("{fairness: {group: plan, metric: calibration, difference: 0.01, min_rows: 30}}", "roc_auc"),
        ("{fairness: {group: plan, metric: metric, difference: 0.01, min_rows: 30}}", "brier"),
    ],
)
def test_where_there_is_no_difference_a_gate_seldom_fails(gate: str, primary: str) -> None:
    wanted, random = contract(gate, primary=primary), np.random.default_rng(11)
    failed = sum(not passes(wanted, outcome_of(*drawn(random, 600, 8))) for _ in range(TIMES))

    assert failed / TIMES <= MOST


def test_the_value_alone_would_fail_nearly_always() -> None:
    """What the rule is for: of eight values without any difference, the worst looks bad."""
    wanted, random = contract("{slice: plan, drop: 0.02, min_rows: 30}"), np.random.default_rng(11)
    looked_bad = 0
    for _ in range(40):
        label, score, plan = drawn(random, 600, 8)
        worst = min(roc_auc(label[plan == one], score[plan == one]) for one in np.unique(plan))
        looked_bad += roc_auc(label, score) - worst > 0.02

    assert looked_bad >= 38
    assert wanted.gates


@pytest.mark.parametrize(
    ("gate", "least"),
    [
        ("{slice: plan, drop: 0.05, min_rows: 30}", 0.9),
        ("{fairness: {group: plan, metric: selection_rate, difference: 0.1, min_rows: 30}}", 0.9),
        ("{fairness: {group: plan, metric: equalized_odds, difference: 0.1, min_rows: 30}}", 0.9),
    ],
)
def test_what_is_there_is_found(gate: str, least: float) -> None:
    """One value of eight is scored by chance and higher: with 250 rows each it is found."""
    wanted, random, found = contract(gate), np.random.default_rng(12), 0
    for _ in range(30):
        label, score, plan = drawn(random, 2000, 8)
        wrong = plan == "v3"
        score = np.where(wrong, np.clip(random.beta(2, 3, 2000) + 0.25, 0, 1), score)
        found += not passes(wanted, outcome_of(label, score, plan))

    assert found / 30 >= least


def test_items_are_resampled_whole_when_groups_are_compared() -> None:
    """Forty days of an item err alike: taken as forty rows of their own, twelve items would often look unfair."""
    gate = "{fairness: {group: plan, metric: error, difference: 0.1, min_rows: 30}}"
    wanted, random, failed = contract(gate, "forecasting", "wape"), np.random.default_rng(13), 0
    for _ in range(TIMES):
        item = np.repeat(np.arange(12), 40)
        error = random.normal(0, 1, 12)[item] + random.normal(0, 0.3, 480)
        plan = np.array(["a", "b"])[item % 2]
        found = replace(outcome_of(np.full(480, 9.0), 9.0 + error, plan), group=item.astype(np.int64))
        failed += not passes(wanted, found)

    assert failed / TIMES <= 0.15, "a bootstrap of twelve items is a little too sure"


def windows(values: Array, error: float) -> tuple[Window, ...]:
    wide = 1.645 * error
    return tuple(Window("roc_auc", None, None, 100, 100, float(v), float(v - wide), float(v + wide)) for v in values)


def test_windows_that_differ_by_chance_fail_seldom_and_a_bad_one_is_found() -> None:
    wanted, random = contract("{backtest: roc_auc, windows: 6, worst_drop: 0.02}"), np.random.default_rng(14)
    nothing = Outcome(np.ones(1), np.ones(1), None, 1.0, {})
    same = [0.8 + random.normal(0, 0.03, 6) for _ in range(400)]
    bad = [np.r_[values[:5], 0.55] for values in same[:100]]

    failed = sum(not passes(wanted, replace(nothing, backtest=windows(values, 0.03))) for values in same)
    found = sum(not passes(wanted, replace(nothing, backtest=windows(values, 0.03))) for values in bad)

    assert failed / 400 <= MOST
    assert found == 100


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "brier", "log_loss"])
def test_a_90_percent_interval_holds_the_truth_nine_times_of_ten(name: str) -> None:
    random, held = np.random.default_rng(15), 0
    value = value_of(name, Sample(*drawn(random, 200_000, 2)[:2]))
    for seed in range(150):
        label, score, _ = drawn(random, 300, 2)
        low, high = interval_of(name, Sample(label, score), seed)
        held += low <= value <= high

    assert 0.82 <= held / 150 <= 0.97


def test_the_terms_of_a_group_that_is_too_small_are_not_guessed() -> None:
    random = np.random.default_rng(16)
    label, score, _ = drawn(random, 300, 2)
    plan = np.array(["small"] * 15 + ["a"] * 140 + ["b"] * 145)
    score[:15] = 1.0
    gate = "{fairness: {group: plan, metric: selection_rate, difference: 0.3, min_rows: 30}}"
    wanted = contract(gate)

    found = CHECKS[FairnessGate](wanted, wanted.gates[0], outcome_of(label, score, plan))

    assert found.passed
    assert "Too few rows to tell: small (15)" in found.sentence

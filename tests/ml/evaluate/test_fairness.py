"""Groups are compared by the right rows; small ones abstain; equal ones pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wellkept.kernel.verdict import Check
from wellkept.ml.contract import parse_contract
from wellkept.ml.evaluate.checks.fairness import figures
from wellkept.ml.evaluate.stage import CHECKS
from wellkept.ml.gates import FairnessGate
from wellkept.ml.outcome import Outcome


def checked(terms: str, outcome: Outcome, task: str = "binary_classification", primary: str = "roc_auc") -> Check:
    part = {"forecasting": "forecast: {horizon: 5}", "ranking": "ranking: {}"}.get(task, "")
    inputs = "[{name: user, type: int}, {name: item, type: int}]" if task == "ranking" else "[{name: risk}]"
    contract = parse_contract(
        f"name: shop\ntask: {task}\nowner: us\ninputs: {inputs}\n{part}\noutput: {{threshold: 0.5}}\n"
        f"metrics: {{primary: {primary}}}\ngates: [{{fairness: {{{terms}}}}}]"
    )
    return CHECKS[FairnessGate](contract, contract.gates[0], outcome)


def rows(*groups: tuple[str, int, int, int, int], **more: Any) -> Outcome:
    """Groups by name: true and false positives, false and true negatives."""
    label, score, name = [], [], []
    for group, true, false, missed, rejected in groups:
        label += [1] * true + [0] * false + [1] * missed + [0] * rejected
        score += [0.9] * (true + false) + [0.1] * (missed + rejected)
        name += [group] * (true + false + missed + rejected)
    return Outcome(
        np.array(label, dtype=float), np.array(score), None, 1.0, {}, slices={"region": np.array(name)}, **more
    )


NORTH_AND_SOUTH = (("north", 60, 20, 40, 180), ("south", 20, 60, 80, 140))


@pytest.mark.parametrize(
    ("metric", "gap", "words"),
    [
        ("selection_rate", 0.0, "0.267"),
        ("true_positive_rate", 0.4, "0.200 where region is south (100 rows), 0.600 where it is north (100)"),
        ("false_positive_rate", 0.2, "0.100 where region is north (200 rows), 0.300 where it is south (200)"),
        ("equalized_odds", 0.4, "share found of what happened"),
    ],
)
def test_each_figure_is_of_the_rows_that_count(metric: str, gap: float, words: str) -> None:
    found = checked(f"group: region, metric: {metric}, difference: 0.1", rows(*NORTH_AND_SOUTH))

    assert float(found.value) == pytest.approx(gap, abs=1e-4)
    assert words in found.sentence
    assert found.passed is (gap <= 0.1)


def test_four_fifths_of_the_best_group_is_a_ratio() -> None:
    outcome = rows(("north", 60, 20, 40, 180), ("south", 40, 10, 60, 190))

    assert not checked("group: region, metric: selection_rate, ratio: 0.8", outcome).passed
    found = checked("group: region, metric: selection_rate, ratio: 0.6", outcome)
    assert found.passed
    assert found.value == "0.6250"


def test_a_gap_between_few_rows_is_told_as_chance() -> None:
    outcome = rows(("north", 12, 0, 10, 10), ("south", 9, 0, 12, 10))

    found = checked("group: region, metric: true_positive_rate, difference: 0.01, min_rows: 20", outcome)
    surely = checked(
        "group: region, metric: true_positive_rate, difference: 0.01, min_rows: 20, confident: true", outcome
    )

    assert found.passed
    assert "so much comes by chance" in found.sentence
    assert not surely.passed


def test_a_confident_gate_wants_the_whole_interval() -> None:
    outcome = rows(*[(name, 300, 100, 200, 900) for name in ("north", "south")])

    assert checked("group: region, metric: equalized_odds, difference: 0.1, confident: true", outcome).passed
    assert not checked("group: region, metric: equalized_odds, difference: 0.01, confident: true", outcome).passed
    assert checked("group: region, metric: selection_rate, ratio: 0.8, confident: true", outcome).passed
    assert not checked("group: region, metric: selection_rate, ratio: 0.99, confident: true", outcome).passed


def test_many_groups_are_compared_by_the_two_that_are_farthest_apart() -> None:
    groups = [(f"g{n}", 10 + 8 * n, 0, 90 - 8 * n, 100) for n in range(10)]

    found = checked("group: region, metric: true_positive_rate, difference: 0.2", rows(*groups))

    assert not found.passed
    assert "0.100 where region is g0" in found.sentence
    assert "0.820 where it is g9" in found.sentence
    assert "45 pairs looked at" in found.sentence


def test_small_groups_abstain_and_are_named() -> None:
    groups = [("north", 60, 20, 40, 180), ("south", 60, 20, 40, 180), *[(f"tiny {n}", 1, 0, 0, 3) for n in range(9)]]

    found = checked("group: region, metric: selection_rate, difference: 0.1", rows(*groups))

    assert found.passed
    assert found.sentence.endswith("Too few rows to tell: tiny 0 (4), tiny 1 (4), tiny 2 (4), tiny 3 (4) and 5 more")


def test_one_large_group_alone_cannot_be_compared() -> None:
    outcome = rows(("north", 60, 20, 40, 180), ("south", 3, 0, 2, 4))

    assert (
        "fewer than two values of region"
        in checked("group: region, metric: selection_rate, difference: 1", outcome).sentence
    )


def numbers(task: str) -> Outcome:
    """Answers that are too high by one in the south."""
    random = np.random.default_rng(3)
    name = np.array(["north", "south"])[np.arange(400) // 10 % 2]
    label = random.normal(20, 3, 400)
    said = label + random.normal(0, 1, 400) + (name == "south")
    group = (np.arange(400) // 10).astype(np.int64) if task == "forecasting" else None
    return Outcome(label, said, None, 1.0, {}, group=group, slices={"region": name})


@pytest.mark.parametrize(("task", "primary"), [("regression", "mae"), ("forecasting", "wape")])
def test_numbers_are_compared_by_their_mean_error(task: str, primary: str) -> None:
    found = checked("group: region, metric: error, difference: 0.5", numbers(task), task, primary)

    assert not found.passed
    assert "where region is north" in found.sentence
    assert checked("group: region, metric: metric, difference: 3", numbers(task), task, primary).passed


def test_lists_are_compared_by_how_well_they_serve_groups_of_users() -> None:
    random = np.random.default_rng(4)
    user = np.repeat(np.arange(200), 5).astype(np.int64)
    region = np.array(["north", "south"])[user % 2]
    place = random.integers(1, 40, 1000).astype(float) + 40.0 * (region == "south")

    outcome = Outcome(np.ones(1000), place, None, 1.0, {}, group=user, slices={"region": region})

    found = checked("group: region, metric: metric, difference: 0.1", outcome, "ranking", "recall@20")
    assert not found.passed
    assert "0.000 where region is south" in found.sentence


def test_scores_that_are_too_high_in_one_group_are_a_gap_of_calibration() -> None:
    random = np.random.default_rng(5)
    name = np.array(["north", "south"])[np.arange(2000) % 2]
    score = random.random(2000) * 0.8
    label = (random.random(2000) < score).astype(float)

    fair = Outcome(label, score, None, 1.0, {}, slices={"region": name})
    unfair = Outcome(label, score + 0.2 * (name == "south"), None, 1.0, {}, slices={"region": name})

    assert checked("group: region, metric: calibration, difference: 0.05", fair).passed
    found = checked("group: region, metric: calibration, difference: 0.05", unfair)
    assert not found.passed
    assert float(found.value) == pytest.approx(0.2, abs=0.05)


def test_without_the_column_nothing_is_told() -> None:
    outcome = Outcome(np.ones(3), np.ones(3), None, 1.0, {})
    contract = parse_contract(
        "name: a\ntask: binary_classification\nowner: us\ninputs: [{name: risk}]\noutput: {threshold: 0.5}\n"
        "metrics: {primary: roc_auc}\ngates: [{fairness: {group: region, metric: selection_rate, difference: 0.1}}]"
    )
    gate = contract.gates[0]

    assert contract.carried == ("region",), "load must return it"
    assert isinstance(gate, FairnessGate)
    assert figures(contract, gate.fairness, outcome) == []

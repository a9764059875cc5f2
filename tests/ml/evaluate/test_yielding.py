"""Limits that yield to who is surely better than a champion that misses them, too, and to nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.ml.evaluate.test_gates import LABEL, POOR, check, contract, judged, outcome

from wellkept.kernel.errors import DocumentError
from wellkept.ml.evidence import COMPARED, NONE, Window
from wellkept.ml.interval import Bounds
from wellkept.ml.metrics import Array
from wellkept.ml.outcome import Outcome

FAIR = np.clip(LABEL * 0.4 + np.random.default_rng(5).random(400) * 0.6, 0, 1)
YIELDING = "[{metric: roc_auc, at_least: 0.995, yields_to_better: true}]"


def test_a_limit_yields_to_who_is_surely_better_than_a_champion_that_misses_it_too() -> None:
    found = check(judged(YIELDING, outcome(challenger=FAIR, champion=POOR)), "roc_auc")

    assert found.passed
    assert "; the champion has 0.6" in found.sentence
    assert found.sentence.endswith("and the limit yields to what is surely better")


@pytest.mark.parametrize(
    ("challenger", "champion", "why"),
    [
        (FAIR, None, "there is no champion"),
        (FAIR, LABEL, "the champion reaches the limit"),
        (POOR, FAIR, "the champion is better"),
        (FAIR, FAIR, "nobody is better"),
    ],
)
def test_a_limit_yields_to_nothing_else(challenger: Array, champion: Array | None, why: str) -> None:
    assert not check(judged(YIELDING, outcome(challenger=challenger, champion=champion)), "roc_auc").passed, why


@pytest.mark.parametrize(("wide", "passes"), [(2.0, True), (0.5, False)])
def test_where_answers_are_as_good_a_limit_yields_to_surely_better_intervals(wide: float, passes: bool) -> None:
    """Where the noise has grown nobody can answer better, but one knows how far off it may be."""
    near, far = (Bounds(0.8, FAIR - ends, FAIR + ends) for ends in (0.5, wide))
    given = replace(outcome(challenger=FAIR, champion=FAIR), bounds=near, champion_bounds=far)

    found = check(judged(YIELDING, given), "roc_auc")

    assert found.passed is passes
    assert "its intervals a pinball loss of" in found.sentence
    assert not check(judged(YIELDING, replace(given, champion=POOR, challenger=POOR - LABEL)), "roc_auc").passed


def test_a_limit_yields_only_where_the_contract_says_so() -> None:
    gates = "[{metric: roc_auc, at_least: 0.995}]"

    assert not check(judged(gates, outcome(challenger=FAIR, champion=POOR)), "roc_auc").passed


def test_a_limit_does_not_yield_on_rows_that_the_champion_was_trained_on() -> None:
    """On the older rows, which the champion knows, it is poor; on the others, which count, it is as good."""
    newer = np.arange(400) >= 150
    champion = np.where(newer, FAIR, POOR)
    given = replace(outcome(challenger=FAIR, champion=champion), at=np.arange(400.0), champion_until=149.0)

    assert not check(judged(YIELDING, given), "roc_auc").passed
    assert check(judged(YIELDING, replace(given, champion_until=None)), "roc_auc").passed


VERSUS_NOTHING = "[{versus_baseline: brier, confident: true, yields_to_better: true}]"
WORSE, WORST = np.clip(0.3 - LABEL * 0.2, 0, 1), np.clip(0.9 - LABEL * 0.8, 0, 1)
"""Both foretell less than one answer for all."""


@pytest.mark.parametrize(
    ("challenger", "champion", "passes"),
    [(WORSE, WORST, True), (WORSE, LABEL, False), (WORST, WORSE, False), (WORSE, WORSE, False), (WORSE, None, False)],
)
def test_the_simplest_model_may_be_missed_by_who_is_surely_better_than_a_champion_that_misses_it_too(
    challenger: Array, champion: Array | None, passes: bool
) -> None:
    given = replace(outcome(challenger=challenger, champion=champion), baseline=np.full(400, LABEL.mean()))
    strict = check(judged(VERSUS_NOTHING.replace(", yields_to_better: true", ""), given), "brier versus baseline")

    found = check(judged(VERSUS_NOTHING, given), "brier versus baseline")

    assert not strict.passed
    assert found.passed is passes
    assert found.sentence.endswith("the limit yields to what is surely better") is passes


def test_a_metric_of_the_projects_own_cannot_yield() -> None:
    with pytest.raises(DocumentError, match="not known of the champion and cannot yield"):
        contract("[{metric: custom.saved, at_least: 1.0, yields_to_better: true}]")


def back_test(last: float, champion: float | None, low: float = -0.1, high: float = 0.1) -> Outcome:
    """Three good windows, and a last one on which the champion had so much."""
    windows = [Window("brier", float(day), day + 1.0, 200, 400, 0.1, 0.09, 0.11) for day in range(3)]
    of_last = Window(
        "brier", 3.0, 4.0, 200, 400, last, last - 0.01, last + 0.01,
        NONE if champion is None else COMPARED, champion, low, high,
    )  # fmt: skip
    return replace(outcome(), backtest=(*windows, of_last))


@pytest.mark.parametrize(
    ("given", "passes"),
    [
        (back_test(0.4, 0.41), True),
        (back_test(0.4, 0.2, low=0.15, high=0.25), False),
        (back_test(0.4, None), False),
        (back_test(0.1, 0.1), True),
    ],
)
def test_the_worst_window_is_no_fault_where_the_champion_was_as_bad(given: Outcome, passes: bool) -> None:
    gate = "{backtest: brier, windows: 4, worst_drop: 0.1, yields_to_better: true}"

    found = check(judged(f"[{gate}]", given), "back-test of brier")
    strict = check(judged(f"[{gate.replace(', yields_to_better: true', '')}]", given), "back-test of brier")

    assert found.passed is passes
    assert strict.passed is (given.backtest[-1].value < 0.2)
    assert ("which yields: the champion had 0.410 there" in found.sentence) is (found.passed and not strict.passed)


def whole_back_test(values: list[float], champions: list[float | None]) -> Outcome:
    windows = [
        Window("brier", float(day), day + 1.0, 200, 400, value, value - 0.01, value + 0.01,
               NONE if champion is None else COMPARED, champion, -0.1, 0.1)
        for day, (value, champion) in enumerate(zip(values, champions, strict=True))
    ]  # fmt: skip
    return replace(outcome(), backtest=tuple(windows))


@pytest.mark.parametrize(
    ("values", "champions", "passes"),
    [
        ([0.30, 0.25, 0.20], [None, 0.30, 0.40], True),
        ([0.30, 0.25, 0.20], [None, None, 0.40], False),  # one window is no comparison
        ([0.30, 0.25, 0.20], [None, 0.10, 0.12], False),  # the champion keeps within the limit
        ([0.30, 0.35, 0.40], [None, 0.30, 0.32], False),  # the champion is better
        ([0.10, 0.12, 0.11], [None, 0.30, 0.40], True),
    ],
)
def test_the_mean_of_a_back_test_yields_where_the_champion_misses_its_limit_by_more(
    values: list[float], champions: list[float | None], passes: bool
) -> None:
    gate = "{backtest: brier, windows: 3, at_most: 0.15, yields_to_better: true}"
    given = whole_back_test(values, champions)

    found = check(judged(f"[{gate}]", given), "back-test of brier")
    strict = check(judged(f"[{gate.replace(', yields_to_better: true', '')}]", given), "back-test of brier")

    assert found.passed is passes
    assert strict.passed is (sum(values) < 3 * 0.15)
    assert ("and the limit yields to what is better" in found.sentence) is (found.passed and not strict.passed)

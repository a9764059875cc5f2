"""Weights are learned from confirmed causes, and used only where they pass on those that they were not learned from."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ops.diagnose.tracing import START

from wellkept.kernel.diagnosis import Confirmation
from wellkept.kernel.verdict import Judgement
from wellkept.ops.diagnose.base import WEIGHTS, DiagnoseSettings
from wellkept.ops.diagnose.learn import learn, with_weights
from wellkept.ops.diagnose.probability import probabilities


def confirmed(count: int, seed: int = 0, liar: str = "starved", honest: str = "gap") -> list[Confirmation]:
    """Incidents in which one kind of clue speaks against the innocent, and another, more softly, against the guilty."""
    dice = random.Random(seed)
    return [
        Confirmation(
            incident=f"inc-{number}",
            entity="service:guilty",
            by="ann",
            at=START,
            evidence={
                "service:guilty": {honest: 0.5 + 0.1 * dice.random()},
                "service:innocent": {liar: 0.85 + 0.1 * dice.random()},
            },
        )
        for number in range(count)
    ]


def test_a_clue_that_misleads_loses_weight_and_the_new_weights_are_used() -> None:
    found = learn(confirmed(40), DiagnoseSettings(), 1, START)
    assert found.weights["starved"] < WEIGHTS["starved"]
    assert found.verdict.judgement is Judgement.PASS
    changed = with_weights(DiagnoseSettings(), 1, found.weights)
    assert changed.version == f"{DiagnoseSettings().version}+learned.1"


def test_with_few_cases_nothing_is_changed_and_nothing_passes() -> None:
    found = learn(confirmed(10), DiagnoseSettings(), 1, START)
    assert dict(found.weights) == dict(WEIGHTS)
    assert found.verdict.judgement is Judgement.FAIL
    assert "enough confirmed causes" in found.verdict.sentence


def test_what_would_make_a_kind_of_evidence_deaf_does_not_pass() -> None:
    settings = DiagnoseSettings(weights={**WEIGHTS, "starved": 0.4})
    found = learn(confirmed(60), settings, 1, START)
    deaf = next(check for check in found.verdict.checks if "alone" in check.name)
    assert deaf.passed == (found.weights["starved"] >= settings.floor)
    assert (found.verdict.judgement is Judgement.PASS) == all(check.passed for check in found.verdict.checks)


def test_confirmations_without_evidence_teach_nothing() -> None:
    empty = [Confirmation(f"inc-{number}", "service:x", "ann", START) for number in range(50)]
    assert learn(empty, DiagnoseSettings(), 1, START).cases == 0


@given(st.permutations(range(24)))
@settings(max_examples=5)
def test_the_order_of_confirmations_does_not_matter(order: Sequence[int]) -> None:
    cases = confirmed(24)
    shuffled = [cases[number] for number in order]
    assert learn(shuffled, DiagnoseSettings(), 1, START) == learn(cases, DiagnoseSettings(), 1, START)


@given(st.lists(st.floats(0, 1), max_size=8), st.floats(-3, 3), st.floats(0.2, 3))
def test_probabilities_are_one_together_and_in_the_order_of_confidence(
    sure: list[float], outside: float, steepness: float
) -> None:
    ordered = sorted(sure, reverse=True)
    chances, none = probabilities(ordered, (outside, steepness))
    assert abs(sum(chances) + none - 1.0) < 0.001
    assert chances == sorted(chances, reverse=True)


def test_a_weak_suspect_beside_a_strong_one_keeps_a_probability() -> None:
    """It would be shown by its confidence otherwise, as where no probability is known."""
    (_, weak), _ = probabilities([0.99, 0.31], DiagnoseSettings().calibration)
    assert 0.0 < weak < 0.001

"""No gate passes on no data: every kind of gate, on nothing, on next to nothing, on one class, on what is no number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ml.workshop import NOON

from wellkept.kernel.verdict import Judgement
from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.evaluate.checks.rows import MIN_POSITIVES
from wellkept.ml.evaluate.stage import CHECKS, judge
from wellkept.ml.evidence import Change, Load, Parity, Served, Shared, Shift, Window
from wellkept.ml.gates import GATES
from wellkept.ml.outcome import Outcome

EASIEST = {
    "metric": "{metric: roc_auc, at_least: 0}",
    "versus_champion": "{versus_champion: brier, margin: -9}",
    "changed_at_most": "{changed_at_most: 1}",
    "versus_baseline": "{versus_baseline: brier, margin: -9}",
    "backtest": "{backtest: brier, at_most: 9, worst_drop: 9, champion_margin: -9}",
    "slice": "{slice: plan, drop: 9, min_rows: 10}",
    "fairness": "{fairness: {group: plan, metric: selection_rate, difference: 9, min_rows: 20}}",
    "invariant": "{invariant: risk, at_most: 9, share: 0.99}",
    "raising": "{raising: risk, must_not: lower, by: 1, share: 0.99}",
    "missing_drop": "{missing_drop: 9}",
    "shifted_drop": "{shifted_drop: 9}",
    "alone_at_most": "{alone_at_most: 1}",
    "shared_rows_at_most": "{shared_rows_at_most: 1}",
    "latency_p99_ms": "{latency_p99_ms: 1000000}",
    "budget": "{budget: {requests_per_s: 1, p99_ms: 1000000, memory_mb: 1000000}}",
    "parity_at_most": "{parity_at_most: 1000000}",
}
"""Every kind of gate as one that nearly everything passes."""
NONE, NAN = np.empty(0), float("nan")


def contract(*kinds: str) -> ModelContract:
    gates = ", ".join(EASIEST[kind] for kind in kinds)
    return parse_contract(
        "name: shop\ntask: binary_classification\nowner: us\ninputs: [{name: risk, nullable: true}]\nslices: [plan]\n"
        f"output: {{threshold: 0.5}}\nmetrics: {{primary: roc_auc}}\ngates: [{gates}]"
    )


def outcome(label: Any = NONE, score: Any = NONE, **more: Any) -> Outcome:
    """Rows with all that any gate asks for, told by the same rows; nothing of it is bad, and nothing is much."""
    label, score = np.asarray(label, dtype=float), np.asarray(score, dtype=float)
    count = len(label)
    found = Outcome(label, score, score, 1.0, {}, baseline=score, at=np.arange(count, dtype=float))
    plan = np.array([f"plan {n % 2}" for n in range(count)], dtype=np.str_)
    return replace(found, slices={"plan": plan}, missing={"risk": score}, **more)


NOTHING_TRIED: dict[str, Any] = {
    "backtest": (Window("brier", None, None, 0, 0, NAN, NAN, NAN), Window("brier", 0.0, 1.0, 3, 0, NAN, NAN, NAN)),
    "changes": (Change(0, 0, 0, 0.0),),
    "shifts": (Shift("risk", "noise", 0, NAN, NAN),),
    "shared": Shared(0),
    "alone": {},
    "served": Served(Parity(0, 0.0), (Load(0, 1.0, 0.0, 0, 0, 0.0, 0.0, [], 0.0, 0.0),)),
}


def test_every_kind_of_gate_is_here_and_has_its_judge() -> None:
    assert EASIEST.keys() == GATES.keys()
    assert CHECKS.keys() == set(GATES.values())


@pytest.mark.parametrize("kind", EASIEST)
@pytest.mark.parametrize("tried", [{}, NOTHING_TRIED], ids=["nothing", "nothing in all that was tried"])
def test_no_gate_passes_on_nothing(kind: str, tried: dict[str, Any]) -> None:
    wanted = contract(kind)

    found = CHECKS[type(wanted.gates[0])](wanted, wanted.gates[0], outcome(**tried))

    assert not found.passed, found.sentence
    assert found.sentence


@pytest.mark.parametrize("kind", EASIEST)
def test_a_gate_that_looks_at_what_was_tried_fails_when_nothing_was(kind: str) -> None:
    """There are rows enough, but nothing beside them: the gate must not hide behind the others."""
    wanted, random = contract(kind), np.random.default_rng(1)
    label = (random.random(400) < 0.4).astype(float)
    rows = replace(outcome(label, label * 0.5 + random.random(400) / 2), missing={})

    found = CHECKS[type(wanted.gates[0])](wanted, wanted.gates[0], rows)

    compared = {"versus_champion", "changed_at_most", "versus_baseline"}
    by_rows_alone = {"metric", *compared, "slice", "fairness", "latency_p99_ms"}
    assert found.passed == (kind in by_rows_alone), found.sentence


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(EASIEST)),
    st.lists(st.sampled_from([0.0, 1.0]), max_size=2 * MIN_POSITIVES - 1),
    st.sampled_from([0.0, 0.5, 1.0, NAN, float("inf")]),
)
def test_no_gate_lets_next_to_nothing_pass(kind: str, label: list[float], score: float) -> None:
    given_rows = outcome(label, np.full(len(label), score), **NOTHING_TRIED)

    assert judge(contract(kind), given_rows, "sha256:0", NOON).judgement is Judgement.FAIL


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(EASIEST)), st.integers(1, 300), st.sampled_from([0.0, 1.0]), st.booleans())
def test_no_gate_lets_one_class_or_no_numbers_pass(kind: str, count: int, label: float, numbers: bool) -> None:
    truth = np.full(count, label) if numbers else np.arange(count) % 2.0
    score = np.linspace(0, 1, count) if numbers else np.full(count, NAN)

    assert judge(contract(kind), outcome(truth, score), "sha256:0", NOON).judgement is Judgement.FAIL


def test_all_kinds_together_fail_on_nothing_and_say_why_one_by_one() -> None:
    verdict = judge(contract(*EASIEST), outcome(), "sha256:0", NOON)

    assert verdict.judgement is Judgement.FAIL
    assert sum(not check.passed for check in verdict.checks) == len(EASIEST) + 1, "and there are no rows"

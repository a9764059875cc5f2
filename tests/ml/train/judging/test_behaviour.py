"""Inputs that are changed on purpose: what moves the score against the contract is counted, and the worst row shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.ml.evidence import Change
from wellkept.ml.gates import KINDS
from wellkept.ml.metrics import Array
from wellkept.ml.sample import Sample
from wellkept.ml.train.judging.asked import asked
from wellkept.ml.train.judging.behaviour import changes
from wellkept.ml.train.judging.shifts import changed, shifts

NAMES = ["amount", "region", "night"]
RANDOM = np.random.default_rng(5)
ROWS = np.column_stack([RANDOM.gamma(2, 20, 300), RANDOM.integers(0, 3, 300), RANDOM.integers(0, 2, 300)]).astype(float)


def request(*gates: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = {"features": NAMES, "kinds": ["float", "int", "bool"], "nullable": ["amount"], "gates": list(gates)}
    return {**found, "task": "binary_classification", "primary": "roc_auc", **more}


def one(gate: dict[str, Any], score: Any, rows: Array = ROWS) -> Change:
    [found] = changes(rows, score, request(gate))
    return Change.of(found)


def by_amount(rows: Array) -> Array:
    return np.asarray(rows[:, 0] / 100)


def test_a_score_that_ignores_an_input_does_not_move() -> None:
    found = one({"invariant": "region", "at_most": 0.0}, by_amount)

    assert found.rows > 100, "rows whose own value came back are not counted"
    assert (found.beyond, found.largest, found.example) == (0, 0.0, None)


def test_the_row_whose_score_moves_most_is_shown() -> None:
    found = one({"invariant": "region", "at_most": 0.3, "values": [0, 2]}, lambda rows: rows[:, 1] * 0.2)

    assert found.rows == 300, "every row has another value than one of the two"
    assert 0 < found.beyond < 300
    assert found.largest == pytest.approx(0.4)
    assert found.example is not None
    assert abs(found.example["then"] - found.example["score"]) == pytest.approx(0.4)
    assert found.example["row"].keys() == set(NAMES)


def test_a_greater_input_that_lowers_the_score_is_counted() -> None:
    def hump(rows: Array) -> Array:
        return np.asarray(-np.abs(rows[:, 0] - 50) / 100)

    found = one({"raising": "amount", "must_not": "lower", "by": 1.0, "tolerance": 1e-6}, hump)

    assert found.beyond == int((np.abs(ROWS[:, 0] + 1 - 50) > np.abs(ROWS[:, 0] - 50)).sum())
    assert found.example is not None
    assert found.example["row"]["amount"] > 49
    assert found.example["to"] == pytest.approx(found.example["row"]["amount"] + 1)
    assert one({"raising": "amount", "must_not": "lower", "times": 1.5, "tolerance": 0.0}, by_amount).beyond == 0
    against = one({"raising": "amount", "must_not": "raise", "times": 1.5, "tolerance": 0.0}, by_amount)
    assert against.beyond == against.rows == 300


def test_raising_a_yes_or_no_makes_yes_of_no() -> None:
    found = one({"raising": "night", "must_not": "lower", "by": 0.1, "tolerance": 0.0}, lambda rows: -rows[:, 2])

    assert (found.rows, found.beyond) == ((ROWS[:, 2] == 0).sum(), (ROWS[:, 2] == 0).sum())


def test_missing_values_are_not_raised() -> None:
    rows = ROWS.copy()
    rows[:100, 0] = np.nan

    found = one(
        {"raising": "amount", "must_not": "lower", "by": 1, "tolerance": 0.0}, lambda r: -np.nan_to_num(r[:, 0]), rows
    )

    assert (found.rows, found.beyond) == (200, 200)


def test_a_score_that_is_no_number_any_more_is_against_every_rule() -> None:
    def breaks(rows: Array) -> Array:
        return np.where(rows[:, 0] > 500, np.nan, 0.5)

    found = one({"raising": "amount", "must_not": "lower", "times": 1000, "tolerance": 0.0}, breaks)

    assert found.beyond > 290
    assert np.isfinite(found.largest)


@pytest.mark.parametrize(
    "gate", [{"invariant": "region", "at_most": 0.0}, {"raising": "amount", "must_not": "lower", "by": 1}]
)
def test_without_rows_nothing_is_said(gate: dict[str, Any]) -> None:
    assert changes(np.empty((0, 3)), by_amount, request({"tolerance": 0.0, **gate})) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=30), st.sampled_from(KINDS))
def test_a_changed_column_keeps_its_nulls_and_its_length(values: list[float | None], kind: str) -> None:
    column = np.array([np.nan if value is None else value for value in values], dtype=float)

    found = changed(kind, column, "float")

    if found is not None:
        assert np.array_equal(np.isnan(found), np.isnan(column))
        assert not np.array_equal(found, column, equal_nan=True)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0]), max_size=40), st.sampled_from(KINDS))
def test_a_changed_yes_or_no_is_one(values: list[float], kind: str) -> None:
    found = changed(kind, np.array(values), "bool")

    assert found is None or set(found.tolist()) <= {0.0, 1.0}


def test_whole_numbers_stay_whole() -> None:
    for kind in KINDS:
        found = changed(kind, np.array([1.0, 2, 3, 4, 5]), "int")
        assert found is None or np.array_equal(found, np.round(found)), kind


def test_the_loss_of_every_changed_input_is_measured_on_the_same_rows() -> None:
    label = (ROWS[:, 0] > 40).astype(float)
    gate = {"shifted_drop": 0.2, "kinds": list(KINDS)}

    found = shifts(ROWS, Sample(label, by_amount(ROWS)), by_amount, request(gate))

    lost = {(shift["input"], shift["kind"]): shift["whole"] - shift["value"] for shift in found}
    assert lost["amount", "negated"] == pytest.approx(1.0)
    assert lost["amount", "stuck"] == pytest.approx(0.5)
    assert lost["amount", "scaled_up"] == 0.0, "an area under the curve knows no unit"
    assert lost["region", "negated"] == 0.0
    assert ("night", "scaled_up") not in lost
    only = shifts(ROWS, Sample(label, by_amount(ROWS)), by_amount, request({**gate, "only": ["night"]}))
    assert {shift["input"] for shift in only} == {"night"}


def test_rows_to_ask_have_nulls_and_extremes_and_no_score_that_is_no_number() -> None:
    def refuses(rows: Array) -> Array:
        if (np.abs(rows[:, 0]) > 1e6).any():
            raise ValueError("nobody pays so much")
        return np.where(rows[:, 0] == 0, np.inf, np.nan_to_num(rows[:, 0]))

    found = asked(ROWS, by_amount, request())
    careful = asked(ROWS, refuses, request())

    assert found["real"] == 100
    assert any(row[0] is None for row in found["rows"]) is False, "a score that is null is left out"
    assert {row[1] for row in found["rows"]} > {0.0, 1.0, 2.0}
    assert max(row[0] for row in found["rows"]) > 1000 * ROWS[:, 0].max() * 0.99
    assert all(row[2] in (0.0, 1.0) for row in found["rows"])
    assert any(row[0] is None for row in careful["rows"])
    assert np.isfinite(careful["expected"]).all()
    assert careful["real"] == 100

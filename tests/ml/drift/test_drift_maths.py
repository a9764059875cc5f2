"""The mathematics of drift: chances are those that resampling finds, budgets add up, changes are dated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.ml.drift.budget import CONCEPT, INPUTS, MONTH_S, OVERLAP, PARTS, Budget, by_importance
from wellkept.ml.drift.calibrate import Wobble, chance, unlucky, usual, wobble
from wellkept.ml.drift.columns import moved
from wellkept.ml.drift.distances import divergence, jensen_shannon, ordered, psi
from wellkept.ml.drift.importance import importance, matters
from wellkept.ml.drift.joint import apart, joint, rank_values
from wellkept.ml.drift.onset import onset
from wellkept.ml.drift.relation import relation, since, turned
from wellkept.ml.drift.segments import segments
from wellkept.ml.drift.tails import gamma_tail, normal_tail, student_tail

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12)


@pytest.mark.parametrize(("x", "freedom", "expected"), [(3.841, 1, 0.05), (16.919, 9, 0.05), (27.877, 9, 0.001)])
def test_chi_square_tails_are_those_of_the_tables(x: float, freedom: int, expected: float) -> None:
    assert gamma_tail(x, freedom, 2 * freedom) == pytest.approx(expected, rel=1e-3)


def test_student_tails_are_those_of_the_tables_and_become_normal() -> None:
    assert student_tail(2.228, 10) == pytest.approx(0.025, rel=0.02)
    assert student_tail(4.0, math.inf) == normal_tail(4.0) == pytest.approx(3.17e-5, rel=1e-2)


@given(st.floats(0.01, 200), st.floats(0.1, 50), st.floats(0.1, 200))
def test_a_tail_is_a_chance_and_falls(x: float, mean: float, variance: float) -> None:
    near, far = gamma_tail(x, mean, variance), gamma_tail(2 * x, mean, variance)
    assert 0 <= far <= near <= 1


@given(COUNTS)
def test_the_same_spread_is_at_no_distance_whatever_the_number_of_rows(counts: list[int]) -> None:
    reference = np.asarray(counts, dtype=np.float64) + 1
    for distance in (divergence, ordered):
        assert distance(3 * reference, reference) == pytest.approx(0.0, abs=1e-6)
    assert psi(1000 * reference, 1000 * reference) == 0.0
    assert jensen_shannon(reference, reference) == pytest.approx(0.0, abs=1e-6)


@given(COUNTS, st.data())
def test_distances_are_not_negative_and_a_stack_is_judged_as_one_by_one(counts: list[int], data: st.DataObject) -> None:
    size = st.lists(st.integers(0, 300), min_size=len(counts), max_size=len(counts))
    windows = np.asarray([data.draw(size), data.draw(size)], dtype=np.float64)
    reference = np.asarray(counts, dtype=np.float64)
    for distance in (divergence, ordered, psi, jensen_shannon):
        together = distance(windows, reference)
        assert (together >= -1e-9).all()
        assert together == pytest.approx([float(distance(one, reference)) for one in windows])


def test_chances_of_windows_that_did_not_change_are_spread_evenly() -> None:
    random = np.random.default_rng(1)
    reference = random.multinomial(5000, np.full(10, 0.1)).astype(np.float64)
    found = np.asarray(
        [
            chance(
                "divergence",
                float(divergence(random.multinomial(400, np.full(10, 0.1)).astype(np.float64), reference)),
                400,
                reference,
            )
            for _ in range(600)
        ]
    )
    assert 0.4 < found.mean() < 0.6
    assert (found < 0.01).mean() < 0.03


def test_a_reference_whose_own_windows_differ_makes_differences_less_unusual() -> None:
    random = np.random.default_rng(2)
    shares = random.dirichlet(np.full(5, 40.0), size=30)
    own = np.stack([random.multinomial(500, one) for one in shares])
    told = wobble(own)
    reference = own.sum(axis=0).astype(np.float64)
    window = random.multinomial(500, random.dirichlet(np.full(5, 40.0))).astype(np.float64)
    value = float(divergence(window, reference))
    assert told.windows == 30
    assert told.divergence > 0
    assert chance("divergence", value, 500, reference, told) > 10 * chance("divergence", value, 500, reference)
    assert wobble(own[:3]).windows == 0
    assert unlucky(5.0, usual("divergence", 500, reference), 0.0, 30) <= 1.0


def test_a_constant_that_begins_to_move_is_told_and_one_odd_value_is_not() -> None:
    reference = np.asarray([50_000.0, 0.0])
    assert moved(np.asarray([0.0, 500.0]), reference, Wobble(), has_order=True).counts(0.1, 1e-9)
    assert moved(np.asarray([499.0, 1.0]), reference, Wobble(), has_order=True).chance > 1e-4


def test_the_levels_of_all_tests_add_up_to_the_budget() -> None:
    budget = Budget(2.0, 86_400.0)
    shares = by_importance([0.7, 0.2, 0.1])
    assert sum(shares) == pytest.approx(1.0)
    assert shares == sorted(shares, reverse=True)
    assert sum(PARTS.values()) == pytest.approx(1.0)
    windows = MONTH_S / 86_400.0
    assert sum(budget.level(INPUTS, share) for share in shares) * windows * OVERLAP == pytest.approx(
        2.0 * PARTS[INPUTS]
    )
    assert by_importance([0.5, None]) == [0.5, 0.5]
    assert by_importance([]) == []
    assert Budget(100.0, MONTH_S).level(CONCEPT) == 0.05


@settings(max_examples=20)
@given(st.integers(2, 18), st.integers(0, 50))
def test_the_onset_is_where_the_counts_change(at: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    before, after = np.asarray([0.25, 0.25, 0.25, 0.25]), np.asarray([0.05, 0.15, 0.3, 0.5])
    slices = np.stack([random.multinomial(300, after if i >= at else before) for i in range(20)])
    assert onset(slices, 10_000 * before, 19) == at


def test_a_shift_of_the_whole_is_told_on_fewer_rows_than_by_the_likelihood_ratio_alone() -> None:
    reference = np.full(10, 1000.0)
    tilted = 50 * (1 + np.linspace(-0.35, 0.35, 10))
    found = moved(tilted, reference, wobble(np.zeros((0, 10))), has_order=True)
    unordered = moved(tilted, reference, wobble(np.zeros((0, 10))), has_order=False)
    assert found.chance < unordered.chance
    assert found.counts(0.01, 1e-3)
    assert not found.counts(0.5, 1e-3)


def test_importance_is_of_what_moves_the_score() -> None:
    rows = np.random.default_rng(3).normal(size=(400, 3))
    found = importance(lambda x: 2 * x[:, 0] + x[:, 1], rows, ["a", "b", "c"])
    assert found["a"] > found["b"] > found["c"] == 0
    assert sum(found.values()) == pytest.approx(1.0)
    assert importance(lambda x: np.zeros(len(x)), rows, ["a", "b", "c"]) == {}
    assert [matters(share, 3) for share in (None, 0.5, 0.01)] == [True, True, False]


def test_inputs_that_stop_to_hang_together_are_told_apart_though_each_is_as_before() -> None:
    random = np.random.default_rng(5)
    factor = random.normal(size=(4000, 1))
    rows = 0.8 * factor + 0.6 * random.normal(size=(4000, 4))
    usual_ = joint(rows, ["a", "b", "c", "d"])
    assert usual_ is not None
    now = rows[:800].copy()
    assert apart(usual_, now, now).error_chance > 0.01
    now[:, 2] = random.permutation(now[:, 2])
    found = apart(usual_, now, now)
    assert found.error_chance < 1e-6
    assert max(found.off, key=lambda name: found.off[name]) == "c"
    assert joint(rows[:, :1], ["a"]) is None
    assert rank_values(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]


def test_classes_that_turn_and_numbers_that_move_are_told_and_dated() -> None:
    random = np.random.default_rng(6)
    score = random.random(6000)
    label = (random.random(6000) < score).astype(np.float64)
    usual_ = relation((0.25, 0.5, 0.75), score[:3000], label[:3000])
    assert usual_ is not None
    assert turned(usual_, score[3000:4000], label[3000:4000]).chance > 1e-3
    label[5000:] = 1 - label[5000:]
    found = turned(usual_, score[5000:], label[5000:])
    assert found.chance < 1e-9
    assert abs(since(usual_, score[3000:], label[3000:], 2500) - 2000) < 30
    value = 10 * score + random.normal(size=6000)
    numbers = relation((2.5, 5.0, 7.5), 10 * score[:3000], value[:3000])
    assert numbers is not None
    assert turned(numbers, 10 * score[3000:4000], value[3000:4000]).chance > 1e-3
    assert turned(numbers, 10 * score[3000:4000], value[3000:4000] + 0.5).chance < 1e-6
    assert relation((0.5,), score[:10], label[:10]) is None


def test_levels_of_a_series_are_told_and_a_wandering_one_has_none() -> None:
    random = np.random.default_rng(7)
    steps = np.concatenate([random.normal(size=60), random.normal(5, 1, 50), random.normal(-2, 1, 70)])
    assert all(abs(found - true) <= 2 for found, true in zip(segments(steps), [60, 110], strict=True))
    assert segments(random.normal(size=200)) == []
    assert segments(np.full(40, 3.0)) == []

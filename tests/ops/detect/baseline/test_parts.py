"""The parts of the baseline against plain computations of what they promise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ops.detect.baseline import SHIPPED, Parameters, budget, channels, records, residuals, season
from wellkept.ops.detect.baseline.engine import Baseline
from wellkept.ops.detect.baseline.entities import Entities, ranked, together
from wellkept.ops.detect.baseline.state import Slot, State, fresh
from wellkept.ops.detect.baseline.tails import ABSENT, Tails

Singles = NDArray[np.float32]
DAY_S = 86_400.0


def column(values: list[float]) -> Singles:
    return np.array(values, dtype=np.float32)[:, None]


@given(st.lists(st.integers(-9, 9) | st.none(), min_size=1, max_size=60))
def test_range3_is_the_distance_outside_the_last_three_values_that_were_seen(drawn: list[int | None]) -> None:
    values = [np.nan if value is None else float(value) for value in drawn]
    got = residuals.recent(fresh(residuals.LAYOUT, 1), column(values))["range3"][:, 0]

    for row, value in enumerate(values):
        before = [v for v in values[:row] if not np.isnan(v)][-3:]
        if np.isnan(value) or len(before) < 3:
            assert np.isnan(got[row])
        else:
            assert got[row] == max(value - max(before), 0) + min(value - min(before), 0)


def test_a_jump_that_stayed_is_told_at_its_second_value() -> None:
    got = residuals.recent(fresh(residuals.LAYOUT, 1), column([1, 1, 1, 1, 9, 8, 8, 1]))["stayed"][:, 0]

    assert got[5] == 7
    assert not got[[4, 6]].any()


def test_the_mean_of_five_is_compared_with_the_three_fives_before() -> None:
    values = [float(i % 5) for i in range(20)] + [20.0] * 5
    got = residuals.recent(fresh(residuals.LAYOUT, 1), column(values))["blocks"][:, 0]

    assert got[-1] == pytest.approx(18)
    assert got[19] == 0


def test_an_old_record_fades_towards_the_mean() -> None:
    scales = np.array([DAY_S, DAY_S / 10], dtype=np.float32)
    state = fresh(records.LAYOUT, 1)
    first = column([0.0, 100.0])
    records.records(state, first, np.full_like(first, 60), scales)

    out = records.records(state, column([70.0]), column([DAY_S / 2]), scales)

    assert out[0, 0, 0] == pytest.approx(70 - 100 * np.exp(-0.5 - 0), abs=0.5)
    assert out[1, 0, 0] > out[0, 0, 0]


def minutes(days: float, step_s: float = 300.0) -> NDArray[np.float64]:
    return np.asarray(1_700_006_400.0 + np.arange(0, days * DAY_S, step_s), dtype=np.float64)


def test_what_was_seen_at_this_time_yesterday_is_no_surprise_and_its_size_may_be_huge() -> None:
    times = minutes(3)
    values = column((1e9 + 1e6 * np.sin(times / DAY_S * 2 * np.pi)).tolist()) - np.float32(1e9)

    out = season.Season().distance(fresh(season.LAYOUT, 1), times, values)[0][:, 0]

    assert np.isnan(out[:280]).all()
    assert np.abs(out[300:]).max() < 2e4


def test_the_nearer_of_yesterday_and_last_week_counts() -> None:
    times = minutes(8)
    day = (times - times[0]) // DAY_S
    values = column(np.where((day == 0) | (day == 7), 50.0, 10.0).tolist())

    out = season.Season().distance(fresh(season.LAYOUT, 1), times, values)[0][:, 0]

    assert (out[day == 1][5:-5] == -40).all()
    assert not out[day == 7][20:-20].any()


def test_a_series_that_leaves_the_range_of_half_precision_is_coded_anew() -> None:
    times = minutes(4)
    values = column(
        np.where(times < times[0] + DAY_S, np.arange(len(times)) % 3, 1e7 + np.arange(len(times)) % 3).tolist()
    )

    out = season.Season().distance(fresh(season.LAYOUT, 1), times, values)[0][:, 0]

    assert np.abs(out[2 * 288 + 5 :]).max() < 2e4


def test_a_gap_of_weeks_forgets_the_days() -> None:
    times = np.concatenate((minutes(2), minutes(1) + 40 * DAY_S))
    out = season.Season().distance(fresh(season.LAYOUT, 1), times, column([1.0] * len(times)))[0][:, 0]

    assert np.isnan(out[2 * 288 : -3]).all()  # midnight is a neighbour of the last bin


@settings(max_examples=10, deadline=None)
@given(st.floats(1e-3, 1e6), st.integers(0, 99))
def test_a_tail_learns_the_quantile_and_the_excess_of_what_it_sees(scale: float, seed: int) -> None:
    tails = Tails([0.95], 0, 0.0, 30 * DAY_S, 20.0)
    state = fresh(tails.layout, 1)
    seen = np.random.default_rng(seed).exponential(scale, size=(1, 8000, 1)).astype(np.float32)

    out = _run(tails, state, seen)

    assert state["tail_quantile"][0, 0] == pytest.approx(3 * scale, rel=0.3)
    assert state["tail_excess"][0, 0] == pytest.approx(scale, rel=0.3)
    assert (out[4000:] > 1 + np.log(10)).mean() == pytest.approx(0.005, abs=0.004)


def test_a_residual_that_is_absent_teaches_nothing_and_scores_nothing() -> None:
    tails = Tails([0.95], 0, 0.0, 30 * DAY_S, 20.0)
    state = fresh(tails.layout, 1)

    out = _run(tails, state, np.full((1, 64, 1), ABSENT))

    assert not out.any()
    assert not state["tail_count"].any()


def test_a_side_on_which_nothing_happened_is_judged_by_the_other() -> None:
    tails = Tails([0.95, 0.95], 1, 0.6, 30 * DAY_S, 20.0)
    state = fresh(tails.layout, 1)
    seen = np.zeros((2, 4000, 1), dtype=np.float32)
    seen[0, :, 0] = np.random.default_rng(0).exponential(10, 4000)
    seen[1, 100, 0] = 0.01

    _run(tails, state, seen)

    assert state["tail_excess"][1, 0] == pytest.approx(0.6 * state["tail_excess"][0, 0], rel=0.15)


def _run(tails: Tails, state: State, seen: Singles) -> Singles:
    pieces, none = [], np.zeros(1, dtype=np.float32)
    for start in range(0, seen.shape[1], 16):
        pieces.append(tails.excess(state, seen[:, start : start + 16])[0][0, :, 0])
        tails.settle(state, np.full(1, 60, dtype=np.float32), none)
    return np.concatenate(pieces)


def test_the_gate_lets_through_what_is_higher_than_the_faded_last() -> None:
    state: State = fresh(channels.LAYOUT, 1)
    halves = column([1.0] * 5)

    passed = channels.gate(state, column([8, 3, 2.5, 4, 0]), halves)[:, 0]

    assert passed.tolist() == [True, False, True, True, False]


@given(st.lists(st.tuples(st.floats(0, 2.0**100, width=32), st.floats(0, 1000, width=32)), min_size=1, max_size=16))
def test_the_gate_is_never_shut_for_good(drawn: list[tuple[float, float]]) -> None:
    state: State = fresh(channels.LAYOUT, 1)
    channels.gate(state, column([value for value, _ in drawn]), column([halvings for _, halvings in drawn]))

    assert np.isfinite(state["highest"]).all()
    assert channels.gate(state, column([1e10]), column([1.0]))[0, 0]


def test_the_plateau_is_the_highest_of_the_last_ten() -> None:
    state = fresh(channels.LAYOUT, 1)
    values = np.random.default_rng(0).random((50, 1)).astype(np.float32)

    got = np.concatenate([channels.plateau(state, values[:7]), channels.plateau(state, values[7:])])[:, 0]

    assert got.tolist() == [values[max(0, row - 9) : row + 1].max() for row in range(50)]


def test_the_threshold_follows_the_budget_and_feedback() -> None:
    baseline = Baseline(2)
    times = minutes(10)
    baseline.advance(times, np.random.default_rng(0).normal(size=(len(times), 2)))
    one, ten = baseline.thresholds(1), baseline.thresholds(10)
    baseline.adjust(np.array([1]), 0.5)

    np.testing.assert_allclose(one - ten, 1, atol=1e-5)
    np.testing.assert_allclose(baseline.thresholds(1) - one, [0, 0.5], atol=1e-5)
    assert 3.3 < one[0] < 4.0  # 2,016 steps a week


def test_a_series_that_often_comes_close_above_its_threshold_gets_a_higher_one_but_trouble_teaches_nothing() -> None:
    state = fresh({**budget.LAYOUT, "count": Slot()}, 2)
    state["count"][...] = 10_000
    for _ in range(20):
        limits = budget.thresholds(state, SHIPPED, 1)
        state["peak"][...] = limits + np.array([0.2, 3.0])
        budget.learn(state, SHIPPED, np.full(2, 960, dtype=np.float32))

    assert state["learned"][0] == pytest.approx(SHIPPED.learn_most, abs=0.2)
    assert state["learned"][1] == 0


def test_the_score_of_an_entity_is_the_mean_of_its_three_worst_metrics() -> None:
    standard = np.array([[1, 9, 5, 7, 2, 4]], dtype=np.float32)

    got = together(standard, np.array([0, 0, 0, 0, 1, -1]), 3)

    assert got.tolist() == [[7.0, 2.0, 0.0]]


def test_an_entity_is_rare_by_its_own_past() -> None:
    size = np.random.default_rng(0).exponential(1, (3000, 2)).astype(np.float32)
    size[2900, 1] = 40

    entities = Entities(2)
    said = entities.advance(size, 60.0 * np.arange(3000, dtype=np.float64))

    assert said.rarity[2900, 1] > 4
    assert said.lasting[2905, 1] > 2 * np.median(said.lasting[:, 0])
    assert (said.rarity[1000:, 0] > entities.thresholds(1.0)[0]).sum() <= 2


@pytest.mark.parametrize("steps", [700, 20_000])
def test_steps_of_one_trouble_follow_each_other_and_an_entity_alarms_within_its_budget_all_the_same(steps: int) -> None:
    """Before there are enough half hours, too. Sizes stay high or low for ten minutes."""
    random = np.random.default_rng(3)
    size = np.repeat(random.exponential(1, (steps // 10, 40)), 10, axis=0).astype(np.float32) + 0.1
    entities, alarms = Entities(40), 0
    for first in range(0, steps, 500):
        limits = entities.thresholds(budget=1)
        part = size[first : first + 500]
        said = entities.advance(part, 60.0 * np.arange(first, first + len(part), dtype=np.float64))
        above = said.rarity >= limits
        alarms += int((above & ~np.roll(above, 1, axis=0)).sum())
    weeks = steps * 60 / (7 * DAY_S)
    assert alarms <= 1.5 * 40 * weeks + 2


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 399), max_size=6), st.integers(0, 9))
def test_a_block_of_sizes_is_its_steps_one_by_one_also_over_a_restart(cuts: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    size = random.exponential(1, (400, 3)).astype(np.float32) * (random.random((400, 3)) > 0.2)
    times = 300.0 * np.arange(400, dtype=np.float64)
    whole, parts, found = Entities(3), Entities(3), []
    wanted = whole.advance(size, times)
    for first, last in itertools.pairwise([0, *sorted(set(cuts)), 400]):
        found.append(parts.advance(size[first:last], times[first:last]))
        saved, parts = parts.save(), Entities(0)
        parts.restore(saved)
    for name in ("rarity", "lasting"):
        got = np.concatenate([getattr(one, name) for one in found])
        np.testing.assert_allclose(got, getattr(wanted, name), rtol=1e-3, atol=1e-3)


def test_entities_come_and_go_without_touching_the_others() -> None:
    size = np.random.default_rng(0).exponential(1, (900, 2)).astype(np.float32)
    times = 300.0 * np.arange(900, dtype=np.float64)
    alone, other = Entities(1), Entities(2)
    wanted = alone.advance(size[:, :1], times).rarity[600:, 0]
    other.advance(size[:300], times[:300])
    other.grow(1)
    other.advance(np.concatenate((size[300:600], size[300:600, :1]), axis=1), times[300:600])
    other.keep(np.array([0]))
    np.testing.assert_allclose(other.advance(size[600:, :1], times[600:]).rarity[:, 0], wanted, rtol=1e-4)


def test_state_of_entities_of_another_version_is_refused() -> None:
    saved = Entities(2).save()
    with pytest.raises(InputError, match=r"entities\.state\.worst"):
        Entities(2).restore({**saved, "worst": saved["worst"].astype(np.float64)})


def test_the_metric_to_blame_comes_first() -> None:
    assert ranked(np.array([[0.1, 5, 2], [0.2, 4, 3]], dtype=np.float32)).tolist() == [1, 2, 0]


@pytest.mark.parametrize("wrong", [{"sudden_level": 1.0}, {"unusual_level": 0.2}, {"horizon_s": 0.0}])
def test_parameters_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Parameters(**wrong)  # type: ignore[arg-type]

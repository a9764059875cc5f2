"""The baseline as a whole: blocks, gaps, memory, and what it says of a plain spike."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ops.detect.baseline import SHIPPED, Baseline, Scores

Floats = NDArray[np.float64]


def shop(rows: int, series: int, seed: int = 0, missing: float = 0.0) -> tuple[Floats, Floats]:
    """Minutes of series with a daily rhythm, noise, and gaps."""
    rng = np.random.default_rng(seed)
    times = np.asarray(1.7e9 + 60.0 * np.arange(rows), dtype=np.float64)
    wave = 10 * np.sin(times / 86_400 * 2 * np.pi)[:, None] + rng.normal(size=(rows, series)) + 100
    wave[rng.random(wave.shape) < missing] = np.nan
    return times, np.asarray(wave, dtype=np.float64)


def in_pieces(baseline: Baseline, times: Floats, values: Floats, cuts: list[int]) -> Scores:
    edges = [0, *sorted(cuts), len(times)]
    parts = [baseline.advance(times[a:b], values[a:b]) for a, b in itertools.pairwise(edges)]
    names = ("sudden", "unusual", "low", "high", "alarm")
    sudden, unusual, low, high, alarm = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return Scores(sudden, unusual, low, high, parts[-1].ready, alarm=alarm)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 700), max_size=6), st.sampled_from([0.0, 0.1, 0.9]), st.integers(0, 99))
def test_a_block_is_its_steps_one_by_one(cuts: list[int], missing: float, seed: int) -> None:
    times, values = shop(700, 4, seed, missing)
    whole = Baseline(4).advance(times, values)

    parts = in_pieces(Baseline(4), times, values, cuts)

    for name in ("sudden", "unusual", "low", "high", "alarm"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-3, atol=1e-3)


def test_a_spike_is_sudden_and_the_way_back_less_so() -> None:
    times, values = shop(3000, 3)
    values[2500, 1] += 40

    scores = Baseline(3).advance(times, values)

    assert scores.sudden[2500, 1] > 6
    assert scores.sudden[2501, 1] < scores.sudden[2500, 1] - 1
    assert scores.sudden[2502:2600, 1].max() < 3
    assert scores.sudden[1000:2500, 1].max() < 5
    assert scores.ready.all()


def test_trouble_alarms_once_and_again_only_when_it_gets_worse() -> None:
    times, values = shop(6000, 1)
    values[5000:5060] += 40
    values[5060:5120] += 400

    alarm = Baseline(1).advance(times, values).alarm

    assert alarm is not None
    over = np.flatnonzero(alarm[4900:, 0] >= SHIPPED.alarm) + 4900
    assert over[0] == 5000
    assert 5060 in over
    assert len(over) < 20
    assert over[-1] < 5130


def test_nothing_is_said_before_the_warm_up_or_of_a_step_without_a_value() -> None:
    times, values = shop(600, 2)
    values[100, 0] = 1e6
    values[500:510, 1] = np.nan

    scores = Baseline(2).advance(times, values)

    assert not scores.sudden[:200].any()
    assert not scores.sudden[500:510, 1].any()


def test_what_was_saved_goes_on_exactly() -> None:
    times, values = shop(1500, 3, missing=0.1)
    whole, first = Baseline(3), Baseline(3)
    expected = whole.advance(times, values)
    first.advance(times[:777], values[:777])
    second = Baseline(3)

    second.restore(first.save())

    got = second.advance(times[777:], values[777:])
    for name in ("sudden", "unusual", "alarm"):
        np.testing.assert_allclose(getattr(got, name), getattr(expected, name)[777:], rtol=1e-3, atol=1e-3)


def test_series_come_and_go_without_touching_the_others() -> None:
    times, values = shop(900, 3)
    alone = Baseline(3).advance(times, values).sudden
    baseline = Baseline(2)
    baseline.advance(times[:300], values[:300, :2])
    baseline.grow(1)
    baseline.advance(times[300:600], values[300:600])
    baseline.keep(np.array([1, 2]))

    got = baseline.advance(times[600:], values[600:, 1:])

    np.testing.assert_allclose(got.sudden[:, 0], alone[600:, 1], rtol=1e-3, atol=1e-3)


def test_the_state_of_a_series_is_small() -> None:
    assert Baseline(0).state_bytes < 1800


def test_times_that_go_back_are_refused() -> None:
    baseline = Baseline(1)
    baseline.advance(np.array([10.0]), np.array([[1.0]]))
    with pytest.raises(InputError, match="times"):
        baseline.advance(np.array([5.0]), np.array([[1.0]]))


def test_a_deploy_makes_a_new_level_usual_soon_and_keeps_the_old_one_readable() -> None:
    times, values = shop(3000, 1)
    values[2000:] += 50
    baseline = Baseline(1)
    baseline.advance(times[:2000], values[:2000])
    baseline.fork(np.array([0]), at=float(times[2000]))

    scores = baseline.advance(times[2000:], values[2000:])

    assert not scores.sudden[:150].any()
    level, width = baseline.before_fork(np.array([0]))
    assert abs(level[0] - 100) < 15
    assert width[0] > 10

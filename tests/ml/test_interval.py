"""Intervals by split conformal prediction: they hold what they say, for small answers and large ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.errors import InputError
from wellkept.ml.interval import Bounds, Interval, binomial, crossed, learned
from wellkept.ml.sample import Sample, interval_of, paired_interval_of, spreads_of, value_of


def sold(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pieces, and what is foretold of them: rightly, and the more there are the more it is off by."""
    expected = random.gamma(2, 20, count)
    return random.poisson(expected).astype(float), expected


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_as_many_truths_lie_inside_as_are_promised_whatever_the_size_of_the_answer(share: float) -> None:
    random, inside = np.random.default_rng(0), []
    for _ in range(40):
        interval = learned(share, *sold(random, 1000))
        truth, answer = sold(random, 4000)
        hits = interval.bounds(answer).within(truth)
        inside.append([hits.mean(), hits[answer < 20].mean(), hits[answer > 80].mean()])
    everywhere, small, large = np.mean(inside, axis=0)
    assert everywhere == pytest.approx(share + 0.005, abs=0.012)  # never less for few rows, hardly more
    assert (small, large) == (pytest.approx(share, abs=0.04), pytest.approx(share, abs=0.04))


@given(st.integers(20, 400), st.sampled_from([0.5, 0.8, 0.9]), st.integers(0, 5))
def test_what_was_learned_holds_on_the_rows_that_it_was_learned_from(count: int, share: float, decimals: int) -> None:
    random = np.random.default_rng(count)
    score = np.round(random.normal(size=count), decimals)
    label = score + random.standard_t(2, count)
    interval = learned(share, label, score)
    assert interval.bounds(score).within(label).mean() >= share - 1e-9
    assert Interval.of(json.loads(json.dumps(interval.values()))) == interval


def test_ranges_are_as_many_as_have_rows_enough() -> None:
    random = np.random.default_rng(2)
    counts = [len(learned(0.8, *sold(random, rows)).below) for rows in (99, 250, 700, 5000)]
    assert counts == [1, 2, 7, 10]
    same = np.full(1000, 3.0)
    assert len(learned(0.8, same + random.normal(size=1000), same).below) == 1


def test_too_few_rows_are_refused_in_words() -> None:
    with pytest.raises(InputError, match=r"output\.interval: of 0\.9 needs 40 held-out rows at least"):
        crossed(0.9, np.zeros(38), np.zeros(38), None)


def test_no_row_is_judged_by_an_interval_that_saw_it() -> None:
    random = np.random.default_rng(3)
    score = np.zeros(200)
    label = np.r_[random.normal(0, 1, 100), random.normal(0, 3, 100)]
    order = random.permutation(200)
    bounds = crossed(0.8, label[order], score, np.arange(200.0)[order])
    older = order < 100
    width = bounds.width(label)
    assert width[older].min() > 2 * width[~older].max()  # the older half has the width of the wild half
    inside = bounds.within(label[order])
    assert inside[~older].mean() < 0.6
    assert inside[older].mean() > 0.97


def test_the_metrics_of_intervals_by_hand_and_with_their_chance() -> None:
    bounds = Bounds(0.8, np.array([0.0, 0.0, np.nan]), np.array([10.0, 10.0, np.nan]))
    label = np.array([5.0, 12.0, 1.0])
    assert bounds.within(label)[:2].tolist() == [1.0, 0.0]
    # The two quantile losses of 5: 0.1 * 5 and 0.1 * 5; of 12: 0.1 * 12 and 0.9 * 2.
    assert bounds.pinball(label)[:2].tolist() == pytest.approx([0.5, 1.5])
    random = np.random.default_rng(4)
    truth, answer = sold(random, 600)
    sample = Sample(truth, answer, bounds=learned(0.8, *sold(random, 600)).bounds(answer))
    coverage, (low, high) = value_of("coverage", sample), interval_of("coverage", sample, 1)
    assert low < coverage < high
    assert high - low == pytest.approx(2 * 1.645 * (0.16 / 600) ** 0.5, rel=0.2)
    twice = sample.scored(answer, learned(0.95, *sold(random, 600)).bounds(answer))
    worse = paired_interval_of("width", twice, sample, 1)
    assert worse[0] > 0
    assert np.isnan(value_of("pinball", sample.scored(answer)))
    assert np.isfinite(spreads_of("coverage", sample, [np.arange(100)], 1)).all()
    assert len(sample.where(np.arange(7)).bounds.lower) == 7  # type: ignore[union-attr]


def test_the_interval_of_a_share_is_that_of_wilson() -> None:
    assert binomial(8, 10) == pytest.approx((0.541, 0.931), abs=0.002)
    assert binomial(10, 10)[1] == pytest.approx(1.0)
    assert np.isnan(binomial(0, 0)).all()

"""Metrics of forecasts and rankings are as defined; their intervals keep together what belongs together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.ml.metrics import Array
from wellkept.ml.sample import Sample, interval_of, paired_interval_of, value_of


@st.composite
def rankings(draw: st.DrawFn) -> Sample:
    """Held-out choices of some users, each at a place of its own."""
    users = draw(st.lists(st.sets(st.integers(1, 40), min_size=1, max_size=8), min_size=1, max_size=6))
    group = np.repeat(np.arange(len(users)), [len(user) for user in users]).astype(np.int64)
    place = np.array([float(one) for user in users for one in user])
    return Sample(np.ones(len(place)), place, group)


def by_hand(kind: str, depth: int, places: Array) -> float:
    """The metric of one user, as it is defined."""
    hits = sorted(place for place in places if place <= depth)
    best = min(depth, len(places))
    if kind == "recall":
        return len(hits) / len(places)
    if kind == "ndcg":
        return sum(1 / math.log2(p + 1) for p in hits) / sum(1 / math.log2(n + 2) for n in range(best))
    return float(sum((index + 1) / place for index, place in enumerate(hits)) / best)


@given(rankings(), st.sampled_from(["recall", "ndcg", "map"]), st.integers(1, 30))
def test_a_ranking_metric_is_the_mean_of_its_users(sample: Sample, kind: str, depth: int) -> None:
    assert sample.group is not None
    users = [by_hand(kind, depth, sample.score[sample.group == user]) for user in np.unique(sample.group)]

    assert value_of(f"{kind}@{depth}", sample) == pytest.approx(np.mean(users))


@given(rankings(), st.randoms(use_true_random=False))
def test_the_order_of_choices_does_not_matter(sample: Sample, random: object) -> None:
    order = np.random.default_rng(len(sample)).permutation(len(sample))

    for name in ("recall@5", "ndcg@5", "map@5"):
        assert value_of(name, sample.where(order)) == pytest.approx(value_of(name, sample))


def forecast(count: int, items: int = 3, seed: int = 0) -> Sample:
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(items), count).astype(np.int64)
    label = random.poisson(10.0, count * items).astype(np.float64)
    scale = (1.0 + group).astype(np.float64)
    return Sample(label, label + random.normal(size=len(label)), group, scale, scale**2)


def test_scaled_errors_are_the_mean_of_the_items() -> None:
    sample = forecast(20)
    error = np.abs(sample.label - sample.score).reshape(3, 20)

    assert value_of("mase", sample) == pytest.approx(np.mean(error.mean(axis=1) / [1, 2, 3]))
    assert value_of("rmsse", sample) == pytest.approx(np.mean(np.sqrt((error**2).mean(axis=1)) / [1, 2, 3]))
    assert value_of("wape", sample) == pytest.approx(error.sum() / sample.label.sum())


def test_an_item_without_a_scale_does_not_count() -> None:
    sample = forecast(20)
    assert sample.group is not None
    scale = np.where(sample.group == 0, np.nan, 1.0)
    with_hole = Sample(sample.label, sample.score, sample.group, scale, scale)

    assert value_of("mase", with_hole) == pytest.approx(np.abs(sample.label - sample.score)[20:].mean())


@pytest.mark.parametrize("name", ["mase", "rmsse", "recall@10", "ndcg@10", "map@10", "wape"])
def test_nothing_has_no_metric_and_no_interval(name: str) -> None:
    nothing = Sample(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))

    assert np.isnan(value_of(name, nothing))
    assert np.isnan(interval_of(name, nothing, 1)).all()
    assert np.isnan(paired_interval_of(name, nothing, nothing, 1)).all()


def test_rows_that_know_no_group_have_no_metric_of_groups() -> None:
    assert np.isnan(value_of("mase", Sample(np.ones(3), np.ones(3))))
    assert np.isnan(value_of("ndcg@10", Sample(np.ones(3), np.ones(3))))


@pytest.mark.parametrize("name", ["wape", "mase", "rmsse"])
def test_an_interval_holds_the_value(name: str) -> None:
    sample = forecast(10, items=40)
    low, high = interval_of(name, sample, 1)

    assert low < value_of(name, sample) < high
    assert interval_of(name, sample, 1) == (low, high), "the same seed, the same interval"


def test_rows_of_an_item_are_drawn_together() -> None:
    """A hundred times the same day of an item is no news, so that the interval must not narrow."""
    few = forecast(1, items=30)
    many = few.where(np.repeat(np.arange(30), 100))

    widths = [np.diff(interval_of("wape", sample, 1))[0] for sample in (few, many)]

    assert widths[1] == pytest.approx(widths[0], rel=0.2)


def test_more_rows_than_are_drawn_narrow_the_interval_all_the_same() -> None:
    random = np.random.default_rng(1)
    widths = []
    for count in (20_000, 80_000):
        label = random.normal(size=count)
        low, high = interval_of("mae", Sample(label, np.zeros(count)), 1)
        widths.append(high - low)

    assert widths[1] == pytest.approx(widths[0] / 2, rel=0.3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100))
def test_models_that_say_the_same_differ_by_nothing(seed: int) -> None:
    sample = forecast(5, seed=seed)

    for name in ("wape", "mase", "mae"):
        assert paired_interval_of(name, sample, sample, seed) == (0.0, 0.0)


def test_the_area_of_a_ranking_is_the_mean_share_of_offers_below_what_each_user_chose() -> None:
    sample = Sample(np.ones(3), np.array([1.0, 3.0, 7.0]), np.array([4, 4, 9]), offered=np.array([5.0, 5.0, 6.0]))

    assert value_of("roc_auc", sample) == pytest.approx(((1.0 + 0.5) / 2 + 0.0) / 2)
    assert value_of("roc_auc", sample.where(np.array([0, 1]))) == pytest.approx(0.75)
    better = np.array([1.0, 1.0, 1.0])
    low, high = paired_interval_of("roc_auc", sample.scored(better), sample, seed=1)
    assert 0.0 < low <= 1 - value_of("roc_auc", sample) <= high
    assert math.isnan(value_of("mae", sample))


@pytest.mark.parametrize("items", [1, 3])
@pytest.mark.parametrize("name", ["wape", "mae", "mase", "rmsse"])
def test_an_interval_of_few_items_is_as_wide_as_chance_makes_it(name: str, items: int) -> None:
    samples = [forecast(200, items, seed) for seed in range(60)]
    values = [value_of(name, sample) for sample in samples]
    widths = [high - low for low, high in (interval_of(name, sample, 1) for sample in samples)]

    assert np.mean(widths) == pytest.approx(2 * 1.645 * np.std(values), rel=0.35)


@pytest.mark.parametrize("name", ["wape", "mase"])
def test_of_one_item_two_models_differ_within_an_interval(name: str) -> None:
    sample = forecast(200, 1)
    other = sample.score + np.random.default_rng(5).normal(size=len(sample))

    low, high = paired_interval_of(name, sample, sample.scored(other), 1)

    assert low < value_of(name, sample) - value_of(name, sample.scored(other)) < high


def test_stretches_keep_moments_of_one_item_together() -> None:
    sample = forecast(27, 2)
    shuffled = sample.where(np.argsort(np.tile(np.arange(27), 2), kind="stable"))  # by time, as rows are judged

    for one in (sample, shuffled):
        assert one.together is not None
        assert one.group is not None
        stretches = [set(one.group[one.together == stretch]) for stretch in np.unique(one.together)]
        assert (len(stretches), {len(items) for items in stretches}) == (18, {1})
    assert forecast(5, 10).together is not None
    assert np.array_equal(forecast(5, 10).together, forecast(5, 10).group)  # type: ignore[arg-type]

"""Leakage between training and held-out rows: mistakes that published figures rest on are found, honest rows pass."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.ml.workshop import NOON

from wellkept.ml.evidence import Shared
from wellkept.ml.metrics import Array
from wellkept.ml.train.judging.shared import shared

NAMES = ["tenure", "charges", "total", "calls", "fibre"]


def customers(count: int = 1500, seed: int = 3) -> tuple[Array, Array]:
    """Inputs and whether each left; a fifth did."""
    random = np.random.default_rng(seed)
    tenure, fibre = random.exponential(30, count).round(), (random.random(count) < 0.4).astype(float)
    charges = 20 + 30 * fibre + random.normal(0, 5, count)
    rows = np.column_stack(
        [tenure, charges, tenure * charges * random.uniform(0.9, 1.1, count), random.gamma(2, 1, count), fibre]
    )
    chance = 1 / (1 + np.exp(-(-2 - 0.03 * (tenure - 30) + 0.5 * fibre + 0.3 * rows[:, 3])))
    return rows, (random.random(count) < chance).astype(float)


def oversampled(rows: Array, label: Array, seed: int = 4) -> tuple[Array, Array]:
    """Rows of the rarer class again, until there are as many."""
    random, rare = np.random.default_rng(seed), np.flatnonzero(label == 1)
    again = random.choice(rare, int((label == 0).sum()) - len(rare))
    return np.vstack([rows, rows[again]]), np.r_[label, np.ones(len(again))]


def smote(rows: Array, label: Array, seed: int = 4) -> tuple[Array, Array]:
    """Rows between each rare row and one of its five nearest, until there are as many (Chawla et al., 2002)."""
    random, rare = np.random.default_rng(seed), rows[label == 1]
    scaled = (rare - rare.mean(axis=0)) / rare.std(axis=0)
    apart = ((scaled[:, None] - scaled[None]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1)[:, :5]
    count = int((label == 0).sum()) - len(rare)
    one = random.integers(0, len(rare), count)
    other = nearest[one, random.integers(0, 5, count)]
    made = rare[one] + random.random((count, 1)) * (rare[other] - rare[one])
    return np.vstack([rows, made]), np.r_[label, np.ones(count)]


def jittered(rows: Array, label: Array, seed: int = 4) -> tuple[Array, Array]:
    """Every row again with a thousandth of noise."""
    noise = np.random.default_rng(seed).normal(0, 1e-3, rows.shape) * rows.std(axis=0) * (np.arange(5) != 4)
    return np.vstack([rows, rows + noise]), np.r_[label, label]


def table(rows: Array, label: Array) -> pa.Table:
    return pa.table({**{name: rows[:, index] for index, name in enumerate(NAMES)}, "label": label})


def looked(rows: Array, label: Array, task: str = "binary_classification", seed: int = 6, **more: Any) -> Shared:
    """A random quarter held out, as most do."""
    order = np.random.default_rng(seed).permutation(len(rows))
    cut = len(rows) * 3 // 4
    older, newer = (table(rows[part], label[part]) for part in (order[:cut], order[cut:]))
    return Shared.of(shared(older, newer, "label", {"task": task, "features": NAMES, "group_by": None, **more}))


@pytest.mark.parametrize("seed", range(4))
def test_honest_rows_share_nothing(seed: int) -> None:
    found = looked(*customers(seed=seed))

    assert found.telling
    assert found.share <= 0.005


def test_smote_before_the_split_is_found() -> None:
    """The mistake behind published areas of 0.91 to 0.99 on telephone churn, whose honest level is 0.84."""
    found = looked(*smote(*customers()))

    assert found.made / found.sampled > 0.15
    assert found.share > 0.15
    assert found.example is not None


def test_oversampling_before_the_split_is_found() -> None:
    found = looked(*oversampled(*customers()))

    assert found.same / found.rows > 0.3


def test_noisy_copies_before_the_split_are_found() -> None:
    found = looked(*jittered(*customers()))

    assert found.near / found.sampled > 0.3


def counts(random: np.random.Generator, count: int) -> Array:
    return random.poisson(15, (count, 3)).astype(float)


def profiles(random: np.random.Generator, count: int) -> Array:
    """What is known of each of three hundred cards, the same in every payment by it."""
    return np.asarray(random.normal(size=(300, 3))[random.integers(0, 300, count)])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("first", [counts, profiles])
def test_equal_counts_or_profiles_make_no_copies_of_rows_with_one_more_column(first: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = np.column_stack([first(random, 4000), random.lognormal(3, 1, 4000), random.random(4000) < 0.4])

    found = looked(rows, (random.random(4000) < 0.3).astype(float), seed=seed)

    assert found.near <= 0.001 * found.sampled, "as many as chance makes of them"


def test_smote_of_the_training_rows_alone_is_no_leak() -> None:
    rows, label = customers()
    cut = len(rows) * 3 // 4
    more, of_more = smote(rows[:cut], label[:cut])
    older, newer = table(more, of_more), table(rows[cut:], label[cut:])

    found = Shared.of(
        shared(older, newer, "label", {"task": "binary_classification", "features": NAMES, "group_by": None})
    )

    assert found.share <= 0.01


def test_rows_of_a_few_yes_and_no_share_theirs_by_chance() -> None:
    rows = np.random.default_rng(1).integers(0, 2, (800, 5)).astype(float)

    found = looked(rows, rows[:, 0])

    assert not found.telling
    assert found.share == 0.0


def test_a_column_that_is_the_mean_label_of_all_rows_is_found() -> None:
    rows, label = customers()
    town = np.random.default_rng(2).integers(0, 40, len(rows))
    mean = np.bincount(town, label) / np.bincount(town)
    rows[:, 3] = mean[town]

    assert list(looked(rows, label).encoded) == ["calls"]


def test_a_column_that_is_the_mean_label_of_the_training_rows_is_no_leak() -> None:
    rows, label = customers()
    town = np.random.default_rng(2).integers(0, 40, len(rows))
    order = np.random.default_rng(6).permutation(len(rows))
    old = order[: len(rows) * 3 // 4]
    mean = np.bincount(town[old], label[old]) / np.bincount(town[old])
    rows[:, 3] = mean[town]

    assert list(looked(rows, label).encoded) == []


def with_time(count: int, first: int, cards: int) -> pa.Table:
    moments = [NOON + timedelta(minutes=first + n) for n in range(count)]
    columns = {name: np.random.default_rng(first).random(count) for name in NAMES}
    card = [f"card {n % cards}" for n in range(count)]
    return pa.table(
        {**columns, "time": pa.array(moments, pa.timestamp("us", tz="UTC")), "card": card, "label": np.zeros(count)}
    )


def test_newer_training_rows_and_entities_on_both_sides_are_counted() -> None:
    request = {"task": "regression", "features": NAMES, "group_by": "card"}

    found = Shared.of(shared(with_time(50, 0, 9), with_time(50, 45, 5), "label", request))

    assert (found.late, found.entities) == (4, 5)
    ranking = Shared.of(shared(with_time(50, 0, 9), with_time(50, 45, 5), "label", {**request, "task": "ranking"}))
    assert (ranking.late, ranking.rows) == (0, 0)


@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_few_rows_and_columns_without_values_are_looked_at_without_a_fault(count: int) -> None:
    rows, label = customers(count + 3)
    rows[:, 3] = np.nan
    rows[0] = np.nan

    assert looked(rows, label).rows >= 1
    assert looked(rows, label, task="regression").share <= 1.0

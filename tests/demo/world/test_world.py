"""The simulator: the same seed gives the same world, and fraud goes the way that it should."""

from __future__ import annotations

import numpy as np
import pytest

from wellkept.demo.world.purchases import DAY_S, Purchases
from wellkept.demo.world.world import Customs, World

START = 1_790_000_000.0
COLUMNS = ("at", "card", "terminal", "amount", "card_present", "terminal_age_days", "fraud")


def month(seed: int = 1, *, is_new: bool = False, days: float = 30.0) -> Purchases:
    world = World(seed, START)
    world.is_new = is_new
    return world.purchases(START + days * DAY_S)


def test_the_same_seed_gives_the_same_purchases_and_another_seed_others() -> None:
    one, same, other = month(1), month(1), month(2)
    assert all(np.array_equal(getattr(one, name), getattr(same, name)) for name in COLUMNS)
    assert not np.array_equal(one.amount[:100], other.amount[:100])


def test_purchases_come_by_time_within_what_was_asked_for() -> None:
    world = World(1, START)
    parts = [world.purchases(START + 5.0 * (k + 1)) for k in range(4)]
    for k, part in enumerate(parts):
        assert (np.diff(part.at) >= 0).all()
        assert part.at.min() >= START + 5.0 * k
        assert part.at.max() < START + 5.0 * (k + 1)


def test_history_and_the_present_are_alike_whatever_the_steps_of_asking() -> None:
    """The past is asked for at once, the present a quarter of a second at a time."""
    whole = month(3)
    world = World(3, START)
    small = Purchases.joined([world.purchases(START + 0.25 * (k + 1)) for k in range(int(30 * DAY_S * 4))])
    assert len(small) == pytest.approx(len(whole), rel=0.05)
    assert small.fraud.mean() == pytest.approx(whole.fraud.mean(), rel=0.25)
    for quantile in (0.1, 0.5, 0.9):
        expected = np.quantile(whole.amount, quantile)
        assert np.quantile(small.amount, quantile) == pytest.approx(expected, rel=0.1)


def test_fraud_of_the_old_ways_is_large_or_at_few_terminals() -> None:
    p = month()
    assert 0.05 < p.fraud.mean() < 0.12
    assert np.median(p.amount[p.fraud]) > 2 * np.median(p.amount[~p.fraud])
    _, counts = np.unique(p.terminal[p.fraud], return_counts=True)
    assert np.sort(counts)[::-1][:20].sum() > 0.4 * p.fraud.sum()


def test_fraud_of_the_new_way_is_small_and_at_terminals_that_are_new_and_soon_gone() -> None:
    p = month(is_new=True, days=4)
    mine = p.fraud
    assert 0.05 < mine.mean() < 0.15
    assert p.amount[mine].max() <= 12
    assert not p.card_present[mine].any()
    assert p.terminal_age_days[mine].max() < Customs().popup_age_days + 2 * Customs().popup_days
    for terminal in np.unique(p.terminal[mine]):
        used = p.at[mine & (p.terminal == terminal)]
        assert used.max() - used.min() < 5.0, "chargebacks would give it away"


def test_what_is_left_out_is_not_made_up_for() -> None:
    world = World(1, START)
    world.skip(START + 100.0)
    assert world.purchases(START + 101.0).at.min() >= START + 100.0

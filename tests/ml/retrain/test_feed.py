"""A retrain waits for labels that have paused for longer than ever, and for a storm of them to be understood."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from wellkept.ml.retrain.feed import SLICES, doubt, grid_of
from wellkept.store.telemetry.labelfeed import LabelFeed

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WEEK_S = 7 * 86_400.0


def feed(labels: list[int], made: int = 100, again: list[int] | None = None) -> LabelFeed:
    count = np.asarray(labels, dtype=np.int64)
    none = np.zeros_like(count)
    twice = none if again is None else np.asarray(again, dtype=np.int64)
    return LabelFeed(grid_of(WEEK_S, NOON).times, count, twice, none, none, none, np.full_like(count, made), none)


def every(step: int, quiet: int) -> list[int]:
    """Labels in each ``step``-th slice, none in the last ``quiet`` whole ones, nor in the one that has not ended."""
    count = SLICES - quiet - 1
    return [50 if (count - 1 - k) % step == 0 else 0 for k in range(count)] + [0] * (quiet + 1)


@pytest.mark.parametrize(
    ("labels", "waits"),
    [
        (every(1, 0), False),
        (every(1, 1), False),
        (every(1, 2), True),
        (every(2, 2), False),
        (every(2, 3), True),
        (every(7, 7), False),
        (every(40, 80), False),
    ],
    ids=["as ever", "a slice", "two", "every other", "longer than ever", "batches", "too few to know"],
)
def test_a_pause_longer_than_any_before_is_waited_out(labels: list[int], waits: bool) -> None:
    assert doubt(feed(labels))[0] == ("labels late" if waits else "")


def test_it_says_since_when_and_what_was_usual() -> None:
    _, said = doubt(feed(every(2, 3)))

    assert said == (
        "Held until labels come again: none has come since 2026-11-23 23:00 UTC, "
        "and a pause of 7 h was the longest before."
    )


def test_where_nobody_asks_there_is_nothing_to_wait_for() -> None:
    assert doubt(feed(every(1, 5), made=0)) == ("", "")


STEADY = [50] * SLICES


@pytest.mark.parametrize(
    ("labels", "again", "waits"),
    [
        ([*STEADY[:-1], 5000], None, True),
        ([*STEADY[:-4], 5000, 50, 50, 50], None, True),
        ([*STEADY[:-1], 240], None, False),
        ([*STEADY[:-1], 120], [*[0] * (SLICES - 1), 120], False),
        ([*STEADY[:-1], 300], [*[0] * (SLICES - 1), 300], True),
        ([*STEADY[:-1], 300], [40] * SLICES, True),
        ([0] * (SLICES - 1) + [5000], None, False),
        ([5] * (SLICES - 1) + [60], None, False),
    ],
    ids=["a flood", "hours ago", "a busy hour", "few anew", "most anew", "anew as ever", "the first ones", "few"],
)
def test_a_storm_of_the_last_hours_holds_before_it_is_told(
    labels: list[int], again: list[int] | None, waits: bool
) -> None:
    word, said = doubt(feed(labels, again=again))

    assert word == ("labels storm" if waits else "")
    assert ("came within 3.5 h" in said) == waits

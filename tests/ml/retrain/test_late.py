"""A retrain waits for labels that have paused for longer than ever."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from wellkept.ml.retrain.late import SLICES, grid_of, late
from wellkept.store.telemetry.labelfeed import LabelFeed

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WEEK_S = 7 * 86_400.0


def feed(labels: list[int], made: int = 100) -> LabelFeed:
    count = np.asarray(labels, dtype=np.int64)
    none = np.zeros_like(count)
    return LabelFeed(grid_of(WEEK_S, NOON).times, count, none, none, none, none, np.full_like(count, made), none)


def every(step: int, quiet: int) -> list[int]:
    """Labels in each ``step``-th slice, and none in the last ``quiet``."""
    count = SLICES - quiet
    return [50 if (count - 1 - k) % step == 0 else 0 for k in range(count)] + [0] * quiet


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
    assert bool(late(feed(labels))) == waits


def test_it_says_since_when_and_what_was_usual() -> None:
    said = late(feed(every(2, 3)))

    assert said == (
        "Held until labels come again: none has come since 2026-11-23 23:00 UTC, "
        "and a pause of 7 h was the longest before."
    )


def test_where_nobody_asks_there_is_nothing_to_wait_for() -> None:
    assert late(feed(every(1, 5), made=0)) == ""

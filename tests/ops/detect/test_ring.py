"""The ring: moved on step by step it shows what a whole array would, however the series come and go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.kernel.errors import InputError
from wellkept.ops.detect.ring import Ring
from wellkept.store.telemetry.window import SeriesInfo, Window

STEPS, STEP_S = 6, 10.0
NAMES = tuple(SeriesInfo(number, f"m{number}", "1", "gauge", f"service:s{number % 3}") for number in range(30))


def block(first: int, last: int, values: dict[int, float]) -> Window:
    """The steps from ``first`` to ``last``; series ``number`` shows ``values[number]`` plus the step in all of them."""
    series = tuple(NAMES[number] for number in sorted(values))
    times = STEP_S * np.arange(first, last + 1).astype(np.float64)
    grid = np.array([[values[info.id] + step for info in series] for step in range(first, last + 1)])
    return Window(times, grid.reshape(len(times), len(series)), series)


def by_name(window: Window) -> dict[str, list[float]]:
    return {info.name: window.values[:, column].tolist() for column, info in enumerate(window.series)}


looks = st.lists(
    st.tuples(st.integers(1, 9), st.integers(0, 3), st.dictionaries(st.integers(0, 29), st.integers(0, 99))),
    min_size=1,
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(looks=looks)
def test_a_ring_shows_the_end_of_everything_that_was_put(looks: list[tuple[int, int, dict[int, int]]]) -> None:
    """Each look moves on by some steps, and lays some late ones over what was there."""
    ring, whole, end = Ring(STEPS, STEP_S), np.full((400, len(NAMES)), np.nan), 20
    for moved, late, values in looks:
        part = block(end - late + 1, end + moved, {number: float(value) for number, value in values.items()})
        ring.put(part)
        for column, info in enumerate(part.series):
            whole[end - late + 1 : end + moved + 1, info.id] = part.values[:, column]
        end += moved
        window = ring.window()
        seen = whole[end - STEPS + 1 : end + 1]
        wanted = {
            NAMES[number].name: seen[:, number].tolist()
            for number in range(len(NAMES))
            if np.isfinite(seen[:, number]).any()
        }
        np.testing.assert_equal(by_name(window), wanted)
        assert window.times.tolist() == [STEP_S * step for step in range(end - STEPS + 1, end + 1)]


def test_while_the_series_are_the_same_their_tuple_is_the_very_same() -> None:
    ring = Ring(STEPS, STEP_S)
    ring.put(block(1, 6, {0: 1.0, 1: 2.0}))
    first = ring.window()
    ring.put(block(7, 7, {0: 1.0, 1: 2.0}))
    assert ring.window().series is first.series
    ring.put(block(8, 8, {0: 1.0, 1: 2.0, 2: 3.0}))
    assert [info.id for info in ring.window().series] == [0, 1, 2]


def test_a_window_cannot_be_written_to() -> None:
    ring = Ring(STEPS, STEP_S)
    ring.put(block(1, 6, {0: 1.0}))
    with pytest.raises(ValueError, match="read-only"):
        ring.window().values[0, 0] = 1.0


def test_a_hole_between_two_readings_is_refused() -> None:
    ring = Ring(STEPS, STEP_S)
    ring.put(block(1, 6, {0: 1.0}))
    with pytest.raises(InputError, match="the step after 6 must come next"):
        ring.put(block(8, 8, {0: 1.0}))


def test_a_series_that_goes_on_under_another_id_is_one() -> None:
    ring = Ring(STEPS, STEP_S)
    old = SeriesInfo(1, "load", "1", "gauge", "host:h1", {"cpu": "0"})
    new = SeriesInfo(2, "load", "1", "gauge", "host:h1", {"cpu": "0"})
    times = STEP_S * np.arange(1, 7).astype(np.float64)
    values = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, np.nan], [np.nan, 4.0], [np.nan, 5.0], [np.nan, 6.0]])
    ring.put(Window(times, values, (old, new)))
    window = ring.window()
    assert [info.id for info in window.series] == [2]
    assert window.values[:, 0].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert ring.window().series is window.series


def test_what_was_not_seen_for_a_whole_ring_is_given_up() -> None:
    ring = Ring(STEPS, STEP_S)
    ring.put(block(1, 6, dict.fromkeys(range(30), 0.0)))
    before = ring.bytes
    ring.put(block(7, 20, {0: 1.0}))
    assert by_name(ring.window()).keys() == {"m0"}
    assert ring.bytes < before / 10
    ring.put(block(21, 21, {5: 1.0}))
    assert by_name(ring.window()).keys() == {"m0", "m5"}

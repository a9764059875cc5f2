"""A grid that is remembered is what reading anew would give, whatever is stored meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.store.telemetry.promql.grids import Grid
from wellkept.store.telemetry.promql.remembered import Remembered
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import Vector
from wellkept.store.telemetry.remote.encoded import request_of
from wellkept.store.telemetry.remote.writer import Version
from wellkept.store.telemetry.telemetry import Telemetry

MOMENTS = st.integers(0, 400)
ASKED = st.tuples(st.just("ask"), st.integers(0, 300), st.integers(1, 40), st.sampled_from([5, 10]))
STORED = st.tuples(st.just("store"), MOMENTS, st.integers(1, 9), st.just(0))
DAY_MS, MINUTE_MS = 86_400_000, 60_000
NOON_MS = 1_795_608_000_000


class Store:
    """Points of one series, and the sum of all up to each step; ``steps`` counts how many were computed."""

    def __init__(self) -> None:
        self.points: list[tuple[int, int]] = []
        self.steps = 0

    def read(self, steps: Steps) -> Grid:
        self.steps += steps.count
        sums = [float(sum(value for at, value in self.points if at <= step)) for step in steps.millis.tolist()]
        return Grid(np.array([7], np.uint64), np.array([sums]), np.array([[total > 0 for total in sums]]))


def same(one: Grid, other: Grid) -> bool:
    return (
        np.array_equal(one.series, other.series)
        and np.array_equal(one.values, other.values)
        and np.array_equal(one.present, other.present)
    )


@given(st.lists(st.one_of(ASKED, STORED), max_size=40))
def test_what_is_remembered_is_what_is_read_anew(turns: list[tuple[str, int, int, int]]) -> None:
    remembered, store = Remembered(), Store()
    for what, at, number, step in turns:
        if what == "store":
            store.points.append((at, number))
            remembered.stored(at)
        else:
            steps = Steps(at, step, number)
            assert same(remembered.grid("sum", steps, store.read), store.read(steps))


def test_only_new_steps_are_read() -> None:
    remembered, store = Remembered(), Store()
    remembered.grid("sum", Steps(0, 10, 100), store.read)
    assert store.steps == 100
    remembered.stored(985)
    remembered.grid("sum", Steps(20, 10, 100), store.read)
    assert store.steps == 100 + 3


def test_points_that_come_while_a_grid_is_read_count_as_unseen() -> None:
    remembered, store = Remembered(), Store()

    def slow(steps: Steps) -> Grid:
        grid = store.read(steps)
        store.points.append((500, 1))
        remembered.stored(500)
        return grid

    remembered.grid("sum", Steps(0, 10, 100), slow)
    steps = Steps(0, 10, 100)
    assert same(remembered.grid("sum", steps, store.read), store.read(steps))


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    remembered, store = Remembered(memory=5 * 100 * 9), Store()
    for key in "abcd":
        remembered.grid(key, Steps(0, 10, 100), store.read)
    remembered.grid("a", Steps(0, 10, 100), store.read)
    for key in "ef":
        remembered.grid(key, Steps(0, 10, 100), store.read)
    read = store.steps
    remembered.grid("a", Steps(0, 10, 100), store.read)
    assert store.steps == read
    remembered.grid("b", Steps(0, 10, 100), store.read)
    assert store.steps == read + 100


def test_a_grid_too_large_to_be_kept_is_given_all_the_same() -> None:
    remembered, store = Remembered(memory=1000), Store()
    for _ in range(2):
        assert remembered.grid("sum", Steps(0, 10, 100), store.read).values.shape == (1, 100)
    assert store.steps == 200


def write(telemetry: Telemetry, queue: str, samples: Sequence[tuple[int, float]]) -> None:
    labels = (("__name__", "depth"), ("queue", queue))
    body = b"".join(request_of([(labels, value)], at) for at, value in samples)
    telemetry.remote.insert(Version.V1, [body], NOON_MS * 10**6)


@pytest.fixture
def day(telemetry: Telemetry) -> Telemetry:
    for queue in "ab":
        write(telemetry, queue, [(NOON_MS - ago * MINUTE_MS, float(ago)) for ago in range(0, 1440, 2)])
    return telemetry


@pytest.mark.parametrize("query", ["depth", "rate(depth[5m])", "timestamp(depth)", "max(depth) - min(depth)"])
def test_late_points_are_seen_by_who_asks_again(day: Telemetry, query: str) -> None:
    def ask() -> Vector:
        value = day.promql.range(query, NOON_MS - DAY_MS, NOON_MS, MINUTE_MS).value
        assert isinstance(value, Vector)
        return value

    for late_ms in (60_001, 61 * MINUTE_MS + 1, 1401 * MINUTE_MS + 1):
        before = ask()
        write(day, "a", [(NOON_MS - late_ms, 10_000.0)])
        after = ask()
        day.promql.remembered.stored(-1)
        anew = ask()
        assert after.labels == anew.labels
        assert np.array_equal(after.present, anew.present)
        assert np.array_equal(after.values, anew.values, equal_nan=True)
        assert not np.array_equal(before.values, after.values, equal_nan=True)

"""Arithmetic over whole grids gives what the rules of Prometheus give series by series and step by step."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.store.telemetry.promql.aggregation import Grouping, aggregated
from wellkept.store.telemetry.promql.buckets import histogram_quantile
from wellkept.store.telemetry.promql.errors import EvaluationError
from wellkept.store.telemetry.promql.figures import all_shown, lists_of, positional, shown
from wellkept.store.telemetry.promql.limits import Limits
from wellkept.store.telemetry.promql.operators import Matching, Operator, between, in_sets
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import Labels, Vector, labels_of

STEPS = 3
NUMBERS = st.one_of(st.sampled_from([0.0, 1.0, -2.0, 2.5, math.nan, math.inf, -math.inf]), st.floats(-1e6, 1e6))
CELLS = st.lists(st.one_of(st.none(), NUMBERS), min_size=STEPS, max_size=STEPS)
NAMES = st.sampled_from(["a", "b", "c"])

pytestmark = pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")

Row = tuple[Labels, list[float | None]]


def vectors(*label: str) -> st.SearchStrategy[Vector]:
    """Series with these labels, some of which may be missing, and values at some of the steps."""
    labels = st.fixed_dictionaries({name: st.one_of(NAMES, st.just("")) for name in label})
    rows = st.dictionaries(labels.map(lambda own: labels_of(own.items())), CELLS, max_size=6)
    return rows.map(lambda found: vector(list(found.items())))


def vector(rows: Sequence[Row]) -> Vector:
    values = np.array([[0.0 if v is None else v for v in row] for _, row in rows]).reshape(-1, STEPS)
    present = np.array([[v is not None for v in row] for _, row in rows], dtype=bool).reshape(-1, STEPS)
    return Vector([labels for labels, _ in rows], values, present)


def at_step(found: Vector, step: int) -> dict[Labels, float]:
    """The series of one step, which is what Prometheus works on."""
    pairs = zip(found.labels, found.values[:, step].tolist(), found.present[:, step].tolist(), strict=True)
    return {labels: value for labels, value, there in pairs if there}


def same(one: dict[Labels, float], other: dict[Labels, float]) -> bool:
    return one.keys() == other.keys() and all(equal(value, other[labels]) for labels, value in one.items())


def equal(one: float, other: float) -> bool:
    return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def by_hand(name: str, values: list[float], number: float) -> float:
    """An aggregation of the values of one group."""
    numbers = [value for value in values if not math.isnan(value)]
    with np.errstate(all="ignore"):
        match name:
            case "sum":
                return float(np.sum(values))
            case "avg":
                return float(np.sum(values) / len(values))
            case "min":
                return min(numbers, default=math.nan)
            case "max":
                return max(numbers, default=math.nan)
            case "count":
                return float(len(values))
            case _:
                ordered = sorted(values, key=lambda value: -math.inf if math.isnan(value) else value)
                rank = number * (len(values) - 1)
                low, high = ordered[math.floor(rank)], ordered[min(math.floor(rank) + 1, len(values) - 1)]
                weight = rank - math.floor(rank)
                return low if weight == 0 else low * (1 - weight) + high * weight


@given(vectors("x", "y"), st.sampled_from(["sum", "avg", "min", "max", "count", "quantile"]), st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_aggregations_are_those_of_each_group_and_step(found: Vector, name: str, number: float) -> None:
    given_numbers = np.full(STEPS, number)
    result = aggregated(name, Grouping(found, ["x"], without=False), given_numbers)

    for step in range(STEPS):
        groups: dict[Labels, list[float]] = {}
        for labels, value in at_step(found, step).items():
            groups.setdefault(tuple(pair for pair in labels if pair[0] == "x"), []).append(value)
        assert same(at_step(result, step), {key: by_hand(name, values, number) for key, values in groups.items()})


@given(vectors("x", "y"), st.integers(0, 4), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_largest_and_smallest_of_a_group_are_no_worse_than_the_others(
    found: Vector, count: int, largest: bool
) -> None:
    name = "topk" if largest else "bottomk"
    result = aggregated(name, Grouping(found, ["x"], without=False), np.full(STEPS, float(count)))

    for step in range(STEPS):
        chosen, everything = at_step(result, step), at_step(found, step)
        for key in {tuple(p for p in labels if p[0] == "x") for labels in everything}:
            members = {labels: v for labels, v in everything.items() if tuple(p for p in labels if p[0] == "x") == key}
            kept = [value for labels, value in chosen.items() if labels in members]
            left = [value for labels, value in members.items() if labels not in chosen]
            assert len(kept) == min(count, len(members))
            if any(math.isnan(value) for value in kept):
                assert all(math.isnan(value) for value in left)
            pairs = [(a, b) for a in kept for b in left if not math.isnan(a) and not math.isnan(b)]
            assert all(a >= b if largest else a <= b for a, b in pairs)


@given(vectors("x", "y"), vectors("x", "z"), st.sampled_from(["+", ">", "=="]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_series_find_each_other_as_at_each_step_alone(left: Vector, right: Vector, sign: str, many: bool) -> None:
    matching = Matching(frozenset({"x"}), on=True, many="left" if many else "")
    try:
        result = between(Operator(sign), left, right, matching, Limits())
    except EvaluationError:
        assert any(is_ambiguous(at_step(left, step), at_step(right, step), many) for step in range(STEPS))
        return
    for step in range(STEPS):
        expected: dict[Labels, float] = {}
        for one, value in at_step(left, step).items():
            for other, number in at_step(right, step).items():
                if matching.signature(one) != matching.signature(other):
                    continue
                if sign == "+":
                    expected[one if many else matching.signature(one)] = value + number
                elif (value > number) if sign == ">" else (value == number):
                    expected[one if many else matching.signature(one)] = value
        assert same(at_step(result, step), expected)


def is_ambiguous(left: dict[Labels, float], right: dict[Labels, float], many: bool) -> bool:
    keys = [[tuple(p for p in labels if p[0] == "x") for labels in side] for side in (left, right)]
    twice_right = len(set(keys[1])) < len(keys[1])
    twice_left = len(set(keys[0])) < len(keys[0])
    return twice_right or (twice_left and not many)


@given(vectors("x", "y"), vectors("x", "z"), st.sampled_from(["and", "or", "unless"]))
@settings(max_examples=100, deadline=None)
def test_sets_are_those_of_each_step(left: Vector, right: Vector, sign: str) -> None:
    matching = Matching(frozenset({"x"}), on=True)
    try:
        result = in_sets(sign, left, right, matching)
    except EvaluationError:
        raise AssertionError("sets never clash") from None
    for step in range(STEPS):
        ours, theirs = at_step(left, step), at_step(right, step)
        left_keys, right_keys = ({matching.signature(labels) for labels in side} for side in (ours, theirs))
        if sign == "or":
            more = {labels: v for labels, v in theirs.items() if matching.signature(labels) not in left_keys}
            expected = {**more, **ours}
        else:
            wanted = sign == "and"
            expected = {labels: v for labels, v in ours.items() if (matching.signature(labels) in right_keys) == wanted}
        assert same(at_step(result, step), expected)


BOUNDS = ["-1", "0", "0.5", "1", "1.0", "2", "+Inf"]
COUNTS = st.lists(st.one_of(st.none(), st.integers(0, 50).map(float)), min_size=STEPS, max_size=STEPS)


@given(
    st.dictionaries(st.tuples(NAMES, st.sampled_from(BOUNDS)), COUNTS, max_size=12),
    st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, -0.5, 1.5, math.nan])),
)
@settings(max_examples=200, deadline=None)
def test_quantiles_of_histograms_are_those_of_each_one_and_step(
    rows: dict[tuple[str, str], list[float | None]], wanted: float
) -> None:
    found = vector([(labels_of([("le", le), ("x", x)]), row) for (x, le), row in rows.items()])
    result = histogram_quantile(np.full(STEPS, wanted), found)

    for step in range(STEPS):
        histograms: dict[Labels, list[tuple[float, float]]] = {}
        for labels, count in at_step(found, step).items():
            own = dict(labels)
            histograms.setdefault(labels_of([("x", own["x"])]), []).append((float(own["le"]), count))
        expected = {key: bucket_quantile(wanted, buckets) for key, buckets in histograms.items()}
        assert same(at_step(result, step), expected)


def bucket_quantile(wanted: float, buckets: list[tuple[float, float]]) -> float:
    """The rules as Prometheus has them, one after another."""
    if math.isnan(wanted):
        return math.nan
    if wanted < 0 or wanted > 1:
        return math.copysign(math.inf, wanted)
    merged: dict[float, float] = {}
    for bound, count in sorted(buckets):
        merged[bound] = merged.get(bound, 0.0) + count
    bounds, counts = list(merged), list(np.maximum.accumulate(list(merged.values())))
    if bounds[-1] != math.inf or len(bounds) < 2 or counts[-1] == 0:
        return math.nan
    rank = wanted * counts[-1]
    bucket = next((i for i, count in enumerate(counts[:-1]) if count >= rank), len(bounds) - 1)
    if bucket == len(bounds) - 1:
        return bounds[-2]
    if bucket == 0 and bounds[0] <= 0:
        return bounds[0]
    start, before = (bounds[bucket - 1], counts[bucket - 1]) if bucket else (0.0, 0.0)
    with np.errstate(all="ignore"):
        return float(start + (bounds[bucket] - start) * ((rank - before) / np.float64(counts[bucket] - before)))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_so_that_it_is_read_again(number: float) -> None:
    assert float(positional(number)) == number
    assert "e" not in positional(number)
    assert float(shown(number)) == number
    assert all_shown([number]) == [shown(number)]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"), (-0.0, "-0"), (1.0, "1"), (0.1, "0.1"), (1e-5, "0.00001"), (1e-7, "1e-07"),
        (1e20, "100000000000000000000"), (1e21, "1e+21"), (1.5e300, "1.5e+300"), (math.nan, "NaN"), (math.inf, "+Inf"),
        (-math.inf, "-Inf"), (123456789.125, "123456789.125"), (1e16, "10000000000000000"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_prometheus_writes_them(number: float, text: str) -> None:
    assert shown(number) == text
    assert all_shown([number]) == [text]


@given(st.integers(0, 10**13), st.integers(1, 10**6), st.integers(1, 50), st.integers(1, 10**7), st.integers(1, 10**6))
def test_a_subquery_looks_at_multiples_of_its_step_in_the_windows(
    start: int, step: int, count: int, length: int, inner: int
) -> None:
    outer = Steps(start, step, count)
    inside = outer.within(length, inner)

    assert all(moment % inner == 0 for moment in (inside.start_ms, inside.step_ms))
    assert start - length < inside.start_ms <= start - length + inner
    if inside.count:
        assert outer.end_ms - inner < inside.end_ms <= outer.end_ms


SHOWN = st.floats() | st.integers(-(10**6), 10**6).map(float) | st.sampled_from([-0.0, 100.0, 1.05, 10.0])


@settings(deadline=None)
@given(st.integers(0, 4).flatmap(lambda steps: st.lists(st.lists(st.none() | SHOWN, min_size=steps, max_size=steps))))
def test_lists_are_written_as_their_values_are_shown_one_by_one(rows: list[list[float | None]]) -> None:
    steps = len(rows[0]) if rows else 0
    moments = [1_795_000_000 + 0.5 * place for place in range(steps)]
    grid = np.array([[0.0 if cell is None else cell for cell in row] for row in rows]).reshape(len(rows), steps)
    present = np.array([[cell is not None for cell in row] for row in rows], bool).reshape(len(rows), steps)
    order = range(len(rows) - 1, -1, -1)
    for text, row in zip(lists_of(moments, grid, present, order), reversed(rows), strict=True):
        there = [(at, cell) for at, cell in zip(moments, row, strict=True) if cell is not None]
        assert json.loads(text) == [[at, shown(cell)] for at, cell in there]


def test_more_values_than_are_written_at_once_stay_in_their_rows() -> None:
    grid = np.arange(40_000.0).reshape(40, 1000) / 4
    present = np.ones(grid.shape, bool)
    present[7, 3:] = present[39] = False
    for row, text in enumerate(lists_of(range(1000), grid, present, range(40))):
        assert json.loads(text) == [[at, shown(float(grid[row, at]))] for at in np.flatnonzero(present[row]).tolist()]

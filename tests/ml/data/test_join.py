"""Joins at a point in time, against a search through all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.kernel.errors import InputError
from wellkept.ml.data.join import NONE, Events, codes, first_after, latest_known
from wellkept.ml.data.moments import NEVER
from wellkept.ml.data.order import content_order

MOMENTS = st.integers(-5, 12)
MAYBE = st.one_of(MOMENTS, st.just(NEVER))
EVENTS = st.lists(st.tuples(st.integers(NONE, 3), MAYBE, MAYBE), max_size=25)
ROWS = st.lists(st.tuples(st.integers(NONE, 3), MOMENTS), max_size=12)
SCALES = st.sampled_from([1, 10**6, 10**15])


def whole(values: list[Any]) -> Any:
    return np.array(values, dtype=np.int64)


def scaled(values: list[int], scale: int) -> Any:
    found = whole(values)
    return np.where(found == NEVER, NEVER, np.where(found == NEVER, 0, found) * scale)


def searched(rows: Any, events: Events, delay: int, ttl: int | None) -> list[int]:
    """The rule, as a person would apply it."""
    found = []
    for code, when in rows:
        fitting = []
        for index in range(len(events.code)):
            at = int(events.at[index])
            known = at if events.known is None else int(events.known[index])
            is_there = events.code[index] == code != NONE and NEVER not in (at, known)
            if is_there and at + delay <= when and known <= when and (ttl is None or when - at <= ttl):
                fitting.append((at, known, index))
        found.append(max(fitting)[2] if fitting else NONE)
    return found


@settings(max_examples=300, deadline=None)
@given(EVENTS, ROWS, st.integers(0, 3), st.none() | st.integers(1, 5), st.booleans(), SCALES)
def test_a_row_gets_the_newest_event_that_was_known_then(
    made: Any, rows: Any, delay: int, ttl: int | None, has_known: bool, scale: int
) -> None:
    code, at, known = (list(column) for column in zip(*made, strict=True)) if made else ([], [], [])
    events = Events(whole(code), scaled(at, scale), scaled(known, scale) if has_known else None)
    asked = [(key, when * scale) for key, when in rows]
    most = None if ttl is None else ttl * scale

    found = latest_known(whole([k for k, _ in asked]), whole([w for _, w in asked]), events, delay * scale, most)

    assert found.tolist() == searched(asked, events, delay * scale, most)


@settings(max_examples=200, deadline=None)
@given(EVENTS, ROWS, st.integers(1, 5), SCALES)
def test_a_row_gets_the_first_event_after_it(made: Any, rows: Any, within: int, scale: int) -> None:
    events = Events(whole([e[0] for e in made]), scaled([e[1] for e in made], scale))

    found = first_after(whole([k for k, _ in rows]), whole([w * scale for _, w in rows]), events, within * scale)

    for (key, when), index in zip(rows, found.tolist(), strict=True):
        fitting = [
            (int(events.at[i]), i)
            for i in range(len(made))
            if made[i][0] == key != NONE and made[i][1] != NEVER and when < made[i][1] <= when + within
        ]
        assert index == (min(fitting)[1] if fitting else NONE)


def test_a_value_that_was_written_later_never_serves_an_earlier_row() -> None:
    """The correction of 12:00 that came at 15:00 serves from 15:00 on, and the first value until then."""
    noon, correction = 12, 15
    events = Events(whole([0, 0]), whole([noon, noon]), whole([noon, correction]))

    found = latest_known(whole([0, 0, 0, 0]), whole([11, 12, 14, 15]), events)

    assert found.tolist() == [NONE, 0, 0, 1]


def test_an_old_event_that_comes_late_does_not_displace_a_newer_one() -> None:
    events = Events(whole([0, 0]), whole([10, 5]), whole([10, 20]))

    assert latest_known(whole([0]), whole([30]), events).tolist() == [0]


KEYS = st.lists(st.tuples(st.sampled_from(["a", "b", "1", None]), st.sampled_from([1, 2, None])), max_size=8)


@settings(max_examples=100, deadline=None)
@given(KEYS, KEYS)
def test_codes_are_equal_where_keys_are(mine: Any, theirs: Any) -> None:
    def columns(rows: Any) -> list[Any]:
        kinds = (pa.string(), pa.int64())
        return [pa.chunked_array([pa.array([row[n] for row in rows], kinds[n])]) for n in range(2)]

    left, right = codes(columns(mine), columns(theirs), ["text", "number"])

    for one, code in zip(mine, left.tolist(), strict=True):
        assert (code == NONE) == (None in one)
        for other, number in zip(theirs, right.tolist(), strict=True):
            assert (code == number != NONE) == (one == other and None not in one)


def test_keys_of_other_types_are_refused_in_words() -> None:
    texts, numbers = pa.chunked_array([["1"]]), pa.chunked_array([[1]])

    with pytest.raises(InputError, match=r"key card: must be of one type on both sides.*int64 and string"):
        codes([texts], [numbers], ["card"])
    with pytest.raises(InputError, match="must be whole numbers or texts"):
        codes([pa.chunked_array([[1.5]])], [numbers], ["card"])


def test_whole_floats_of_a_column_with_nulls_are_keys() -> None:
    left, right = codes([pa.chunked_array([[1.0, None, float("nan")]])], [pa.chunked_array([[1]])], ["card"])

    assert (left.tolist(), right.tolist()) == ([0, NONE, NONE], [0])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from(["x", "y", None])), max_size=12),
    st.randoms(),
)
def test_the_order_depends_on_what_rows_hold_alone(rows: Any, random: Any) -> None:
    shuffled = random.sample(rows, len(rows))

    def ordered(made: Any) -> list[Any]:
        table = pa.table(
            {"n": pa.array([r[1] for r in made], pa.int64()), "t": pa.array([r[2] for r in made], pa.string())}
        )
        order = content_order(table, [whole([r[0] for r in made])])
        return [made[index] for index in order]

    assert ordered(rows) == ordered(shuffled)
    assert [row[0] for row in ordered(rows)] == sorted(row[0] for row in rows)

"""The backlog gives out everything once, and no entity waits for the storm of another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wellkept.ops.correlate.backlog import Backlog
from wellkept.store.state.findings import Mark

MARKS = st.lists(st.builds(Mark, st.integers(0, 30).map(str), st.sampled_from(["", "a", "b", "c"])), max_size=60)


@given(marks=MARKS, most=st.integers(1, 10))
def test_everything_that_was_added_is_given_out_once(marks: list[Mark], most: int) -> None:
    backlog, taken = Backlog(), list[Mark]()
    backlog.add(marks)
    while len(backlog):
        part = backlog.take(most)
        assert 0 < len(part) <= most
        taken += part
    assert sorted(mark.finding for mark in taken) == sorted({mark.finding for mark in marks})


def test_what_changes_while_it_waits_is_given_out_as_it_is_now() -> None:
    backlog = Backlog()
    backlog.add([Mark("f", "a", 1), Mark("f", "a", 7)])
    assert backlog.take(10) == [Mark("f", "a", 7)]


@given(storm=st.integers(1, 400), others=st.integers(1, 5))
def test_a_storm_of_one_entity_keeps_no_other_waiting(storm: int, others: int) -> None:
    backlog = Backlog()
    backlog.add(Mark(f"storm-{n}", "a") for n in range(storm))
    backlog.add(Mark(f"other-{n}", f"b{n}") for n in range(others))
    first = [mark.finding for mark in backlog.take(10)]
    assert {f"other-{n}" for n in range(others)} <= set(first)


def test_what_names_no_entity_is_no_lane_with_the_others_that_name_none() -> None:
    backlog = Backlog()
    backlog.add(Mark(f"storm-{n}", "a") for n in range(100))
    backlog.add([Mark("x", ""), Mark("y", "")])
    assert {"x", "y"} <= {mark.finding for mark in backlog.take(6)}

"""The life of an incident, step by step."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.errors import ConflictError
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState, Member

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
OPEN, ACKNOWLEDGED, MITIGATED, RESOLVED, CLOSED = IncidentState
STEPS = {
    (OPEN, ACKNOWLEDGED),
    (OPEN, MITIGATED),
    (OPEN, RESOLVED),
    (ACKNOWLEDGED, MITIGATED),
    (ACKNOWLEDGED, RESOLVED),
    (MITIGATED, OPEN),
    (MITIGATED, RESOLVED),
    (RESOLVED, CLOSED),
}


def incident(state: IncidentState = OPEN) -> Incident:
    return Incident("inc-1", "disk fills", state, Severity.ERROR, NOON, NOON, ())


@pytest.mark.parametrize(("start", "to"), sorted(STEPS))
def test_a_step_of_its_life_is_taken_and_told(start: IncidentState, to: IncidentState) -> None:
    moved = incident(start).move(to, NOON + timedelta(minutes=1), "ann", "because")

    assert moved.state is to
    assert moved.timeline[-1].what == f"{to}: because"
    assert moved.timeline[-1].actor == "ann"


@pytest.mark.parametrize(("start", "to"), sorted(set(itertools.product(IncidentState, repeat=2)) - STEPS))
def test_every_other_step_is_refused_by_name(start: IncidentState, to: IncidentState) -> None:
    with pytest.raises(ConflictError, match=rf"^incident inc-1: cannot go from {start} to {to}$"):
        incident(start).move(to, NOON, "ann", "because")


def test_live_is_what_may_still_grow() -> None:
    assert [state for state in IncidentState if state.is_live] == [OPEN, ACKNOWLEDGED, MITIGATED]


def test_the_moments_of_its_end_are_kept() -> None:
    later, last = NOON + timedelta(minutes=5), NOON + timedelta(minutes=9)

    closed = incident().move(RESOLVED, later, "ann", "quiet").move(CLOSED, last, "ann", "done")

    assert (closed.resolved_at, closed.closed_at, closed.updated_at) == (later, last, last)


def test_a_late_note_does_not_turn_the_clock_back() -> None:
    noted = incident().note(NOON - timedelta(hours=1), "ann", "it began before lunch")

    assert noted.updated_at == NOON


def test_a_note_leaves_the_original_alone() -> None:
    first = incident()

    assert first.note(NOON, "ann", "hm").timeline != first.timeline == ()


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12))
def test_entities_are_named_once_in_the_order_in_which_they_joined(names: list[str]) -> None:
    members = tuple(Member(f"fnd-{index}", name, NOON, "why") for index, name in enumerate(names))
    grown = Incident("inc-1", "t", OPEN, Severity.INFO, NOON, NOON, members)

    assert list(grown.entities) == sorted(set(names), key=names.index)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_two_who_write_at_once_both_stay_in_the_story() -> None:
    read = incident().note(at(1), "correlate", "opened")
    remedied = read.note(at(3), "wellkept", "plan succeeded").move(MITIGATED, at(3), "wellkept", "verified")
    grown = replace(read, members=(Member("fnd-1", "disk:h1:/", at(2), "near"),), title="two things")
    grown = grown.note(at(2), "correlate", "over: disk")

    for first, second in ((remedied, grown), (grown, remedied)):
        both = second.rebased(first)

        assert [entry.what for entry in both.timeline] == [
            "opened",
            "over: disk",
            "plan succeeded",
            "mitigated: verified",
        ]
        assert both.state is MITIGATED
        assert [member.finding for member in both.members] == ["fnd-1"]
        assert both.title == "two things"
        assert both.updated_at == at(3)


@pytest.mark.parametrize("end", [RESOLVED, CLOSED])
def test_an_end_is_not_undone_by_who_did_not_know_of_it(end: IncidentState) -> None:
    read = incident()
    ended = read.move(RESOLVED, at(1), "correlate", "quiet")
    if end is CLOSED:
        ended = ended.move(CLOSED, at(2), "correlate", "done")
    late = read.move(MITIGATED, at(3), "wellkept", "verified")

    both = late.rebased(ended)

    assert (both.state, both.resolved_at) == (end, at(1))
    assert both.timeline[-1].what == "mitigated: verified"


def test_who_read_what_is_stored_saves_what_he_wrote() -> None:
    stored = incident().note(at(1), "correlate", "opened")
    moved = stored.move(MITIGATED, at(2), "wellkept", "verified").move(OPEN, at(3), "correlate", "it came back")

    assert moved.rebased(stored) is moved


NOTES = st.lists(st.tuples(st.integers(2, 60), st.sampled_from(["a", "b", "c"])), max_size=6)


@given(NOTES, NOTES)
def test_no_line_of_a_story_is_lost_whoever_saves_first(
    ours: list[tuple[int, str]], theirs: list[tuple[int, str]]
) -> None:
    read = incident().note(at(1), "correlate", "opened")
    mine, yours = read, read
    for minute, what in ours:
        mine = mine.note(at(minute), "me", what)
    for minute, what in theirs:
        yours = yours.note(at(minute), "you", what)

    one, other = mine.rebased(yours), yours.rebased(mine)

    assert set(one.timeline) == set(other.timeline) == {*mine.timeline, *yours.timeline}
    assert one.rebased(other).timeline == one.timeline

"""The life of an incident, step by step."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.codec import decode, encode
from wellkept.kernel.errors import ConflictError
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import (
    Extent,
    Incident,
    IncidentState,
    Member,
    Reopening,
    StoryKind,
    Tie,
    reopening_of,
)

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


def member(finding: str, minute: float = 0) -> Member:
    return Member(finding, f"service:{finding}", at(minute), "why", Tie.SAME_ENTITY)


def test_what_was_written_before_its_newer_fields_were_there_is_read() -> None:
    """A row of the first version: members without ties, lines without kinds, none of the people's fields."""
    body = encode(replace(incident(), members=(member("a"),)).note(at(1), "correlate", "opened"))
    for name in ("detected_at", "owner", "left", "held", "extent", "touched_at", "severity_why"):
        del body[name]
    for name in ("tie", "values", "via", "held"):
        del body["members"][0][name]
    del body["timeline"][0]["kind"]

    old = decode(Incident, body)

    assert (old.members[0].tie, old.timeline[0].kind) == (Tie.GROUPED_BEFORE, StoryKind.NOTE)
    assert (old.noticed_at, old.owner, old.left, old.count) == (at(1), "", (), 1)


def test_what_was_taken_out_stays_out_whoever_saves_later_and_may_come_back() -> None:
    read = replace(incident(), members=(member("a"), member("b")))
    split = read.without({"b"}, at(5), "inc-2")
    late = read.note(at(6), "correlate", "over: a")

    for one, other in ((late, split), (split, late)):
        both = one.rebased(other)
        assert [found.finding for found in both.members] == ["a"]
        assert "over: a" in [entry.what for entry in both.timeline]

    back = split.joined([member("b")], at(5))
    assert [found.finding for found in back.rebased(late.rebased(split)).members] == ["a", "b"]
    assert [found.finding for found in late.rebased(back).members] == ["a", "b"]


def test_who_owns_it_is_not_undone_by_a_stage_that_read_it_before() -> None:
    read = incident()
    owned = replace(read, assignee="bo", related=("inc-9",), touched_at=at(2))
    late = read.note(at(3), "correlate", "over: disk")

    assert late.rebased(owned).assignee == "bo"
    assert owned.rebased(late).related == ("inc-9",)
    assert replace(owned, assignee="cy", touched_at=at(4)).rebased(owned).assignee == "cy"


def test_each_step_of_its_life_has_its_moment_and_one_that_did_not_last_has_none() -> None:
    moved = incident().move(ACKNOWLEDGED, at(1), "ann", "looking").move(MITIGATED, at(2), "ann", "restarted")

    assert (moved.acknowledged_at, moved.mitigated_at) == (at(1), at(2))
    again = moved.move(OPEN, at(3), "correlate", "it came back")
    assert (again.acknowledged_at, again.mitigated_at) == (at(1), None)
    assert again.timeline[-1].kind is StoryKind.STATE


def test_it_is_never_noticed_before_it_began() -> None:
    assert replace(incident(), detected_at=at(-5)).noticed_at == NOON
    assert replace(incident(), detected_at=at(5)).noticed_at == at(5)


def test_a_list_knows_how_many_members_there_are_without_having_them() -> None:
    listed = replace(incident(), extent=Extent(100_000, ("host:h1",)))

    assert (listed.count, listed.entities, listed.members) == (100_000, ("host:h1",), ())


DEEDS = st.lists(st.tuples(st.sampled_from(["take", "give"]), st.sampled_from("abcd"), st.integers(2, 9)), max_size=5)


def done(incident: Incident, deeds: list[tuple[str, str, int]]) -> Incident:
    for deed, finding, minute in deeds:
        if deed == "take":
            incident = incident.without({finding}, at(minute), "inc-2")
        else:
            incident = incident.joined([member(finding)], at(minute))
    return incident


@given(DEEDS, DEEDS)
def test_whoever_saves_first_the_same_findings_are_in_it(
    ours: list[tuple[str, str, int]], theirs: list[tuple[str, str, int]]
) -> None:
    """Two took findings out and put some in, each without knowing of the other: both saves come to the same."""
    read = replace(incident(), members=(member("a"), member("b")))
    mine, yours = done(read, ours), done(read, theirs)

    one, other = mine.rebased(yours), yours.rebased(mine)

    assert {found.finding for found in one.members} == {found.finding for found in other.members}
    assert {d.finding: d.at for d in one.left} == {d.finding: d.at for d in other.left}
    assert {found.finding for found in one.rebased(other).members} == {found.finding for found in one.members}


def test_of_what_went_on_over_an_end_the_return_counts() -> None:
    back = replace(incident(), opened_at=at(20), reopening=Reopening(at(10), at(20)))

    assert back.onset([NOON]) == at(20)
    assert back.onset([NOON, at(15)]) == at(15), "the first sign after the end"
    assert incident().onset([at(1), NOON]) == NOON


@pytest.mark.parametrize(("minutes", "is_kept"), [(5, False), (15, True), (30, True)])
def test_one_problem_with_a_return_is_the_return_unless_it_is_older(minutes: int, is_kept: bool) -> None:
    reopening = Reopening(at(10), at(20))
    back = replace(incident(), opened_at=at(20), reopening=reopening)
    other = replace(incident(), opened_at=at(minutes))
    assert reopening_of(back, other) == reopening_of(other, back) == (reopening if is_kept else None)

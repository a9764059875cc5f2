"""The life of an incident, step by step."""

from __future__ import annotations

import itertools
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

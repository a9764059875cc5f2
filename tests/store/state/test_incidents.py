"""Incidents, diagnoses and verdicts come back whole, and are found by what one asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.store.telemetry.scenes import at

from wellkept.kernel.diagnosis import Cause, Diagnosis, Reason
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState, Member, TimelineEntry
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.store.state.conclusions import ConclusionRows
from wellkept.store.state.incidents import IncidentRows
from wellkept.store.state.state import State


@pytest.fixture
def rows(state: State) -> IncidentRows:
    return IncidentRows(state)


@pytest.fixture
def conclusions(state: State) -> ConclusionRows:
    return ConclusionRows(state)


def incident(name: str, opened: float = 0, state: IncidentState = IncidentState.OPEN) -> Incident:
    member = Member("fnd-1", "service:shop", at(opened), "the first")
    story = (TimelineEntry(at(opened), "correlate", "opened", "fnd-1"),)
    return Incident(name, "Shop is slow", state, Severity.ERROR, at(opened), at(opened), (member,), story)


def test_an_incident_comes_back_whole_and_is_saved_over(rows: IncidentRows) -> None:
    first = incident("inc-1")
    rows.save(first)
    assert rows.get("inc-1") == first
    second = replace(first.move(IncidentState.RESOLVED, at(60), "ana", "it is well"), ticket="T-1", reopens="inc-0")
    rows.save(second)
    assert rows.get("inc-1") == second
    assert rows.recent(None, None, 10) == [second]
    assert rows.get("unknown") is None


def test_live_and_over_and_since(rows: IncidentRows) -> None:
    for number, state in enumerate(IncidentState):
        rows.save(incident(f"inc-{number}", opened=number * 10, state=state))

    def names(live: bool | None = None, start: float | None = None, limit: int = 10) -> list[str]:
        return [found.id for found in rows.recent(live, None if start is None else at(start), limit)]

    assert names() == ["inc-4", "inc-3", "inc-2", "inc-1", "inc-0"]
    assert names(live=True) == ["inc-2", "inc-1", "inc-0"]
    assert names(live=False) == ["inc-4", "inc-3"]
    assert names(start=20) == ["inc-4", "inc-3", "inc-2"]
    assert names(live=True, start=20) == ["inc-2"]
    assert names(limit=2) == ["inc-4", "inc-3"]


def test_the_last_diagnosis_counts(conclusions: ConclusionRows) -> None:
    cause = Cause("service:db", 0.9, (Reason("deepest", 0.8, "its calls failed first"),), "chg-1")
    for version in ("1", "2"):
        conclusions.save_diagnosis(Diagnosis("inc-1", at(5), version, (cause,), "the database"))
    assert conclusions.diagnosis("inc-1") == Diagnosis("inc-1", at(5), "2", (cause,), "the database")
    assert conclusions.diagnosis("inc-2") is None


def test_verdicts_by_subject_and_kind_newest_first(conclusions: ConclusionRows) -> None:
    check = Check("auc", True, "0.9", "0.8", "better")
    made = [
        Verdict(f"v{n}", subject, kind, Judgement.PASS, at(n), (check,), "it passes", "inc-1")
        for n, (subject, kind) in enumerate([("a", "gate"), ("b", "gate"), ("a", "triage"), ("a", "gate")])
    ]
    for verdict in made:
        conclusions.save_verdict(verdict)
    assert conclusions.verdicts(None, None, 10) == made[::-1]
    assert conclusions.verdicts("a", None, 10) == [made[3], made[2], made[0]]
    assert conclusions.verdicts("a", "gate", 10) == [made[3], made[0]]
    assert conclusions.verdicts("a", "gate", 1) == [made[3]]

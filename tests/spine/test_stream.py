"""What one stage publishes, the next one reads: once, whole, and in order."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from tests.spine.scene import NOON, Changes, finding

from wellkept.kernel.diagnosis import Diagnosis
from wellkept.kernel.entity import Entity, EntityKind
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.kernel.verdict import Judgement, Verdict
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.state.state import State


@pytest.fixture
def stream(state: State) -> Stream:
    return Stream(state, Changes())


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def seen(signal: str, seconds: float, score: float = 0.5) -> Finding:
    return replace(finding(signal), starts_at=at(seconds), score=score)


def test_a_finding_that_is_seen_again_keeps_its_id_and_takes_the_newer_rest(stream: Stream) -> None:
    first = seen("disk", 0)
    stream.publish([first], at(0))

    (again,) = stream.publish([seen("disk", 30, 0.9)], at(30))

    assert (again.id, again.starts_at, again.score) == (first.id, first.starts_at, 0.9)
    assert stream.open_findings() == [again]
    assert stream.last_seen(first.id) == at(30)


def test_a_finding_after_its_end_is_another_one(stream: Stream) -> None:
    first = seen("disk", 0)
    stream.publish([first], at(0))
    (ended,) = stream.close([first.fingerprint], at(10))
    (second,) = stream.publish([seen("disk", 30)], at(30))

    assert ended.ends_at == at(10)
    assert second.id != first.id
    assert [found.id for found in stream.open_findings()] == [second.id]
    assert stream.finding(first.id) == ended


def test_findings_say_the_name_of_their_host_as_soon_as_it_is_known(stream: Stream, state: State) -> None:
    machine = "3d1219c7c4c5404aaa1f6d2a48adfda4"
    about = f"{machine}:/var"
    full = replace(
        seen("disk", 0),
        entity=f"disk:{about}",
        sentence=f"{about} is running out.",
        attributes={"title": f"Disk of {about}", "resource": "disk"},
    )

    (found,) = stream.publish([full], at(0))
    assert found.sentence == f"{about} is running out."

    Topology(state).observe([Entity(EntityKind.HOST, f"host:{machine}", "web-1")], [], at(1))
    (found,) = stream.publish([full], at(2))
    assert (found.entity, found.sentence) == (f"disk:{about}", "web-1:/var is running out.")
    assert found.attributes == {"title": "Disk of web-1:/var", "resource": "disk"}
    assert stream.open_findings() == [found]

    Topology(state).observe([Entity(EntityKind.HOST, f"host:{machine}", "web-2")], [], at(3))
    (found,) = stream.publish([full], at(4))
    assert found.sentence == "web-2:/var is running out.", "a host that was called anew"


def test_all_hosts_of_what_is_published_together_are_asked_for_at_once(
    stream: Stream, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has no better name would be asked for at each look again, one by one."""
    asked, reading = list[State](), State.reading

    def counted(self: State) -> AbstractContextManager[Connection]:
        asked.append(self)
        return reading(self)

    monkeypatch.setattr(State, "reading", counted)
    many = [replace(seen(f"disk {n}", 0), entity=f"host:machine-{n:04}") for n in range(50)]
    stream.publish(many, at(0))
    alone = len(asked)
    stream.publish(many[:1], at(1))
    assert len(asked) == 2 * alone


def test_closing_what_is_not_open_does_nothing(stream: Stream) -> None:
    assert stream.close(["fp-unknown"], at(0)) == []
    assert stream.close([], at(0)) == []


def test_a_cursor_tells_every_change_once(stream: Stream) -> None:
    stream.publish([seen("a", 0), seen("b", 0)], at(0))
    first, cursor = stream.findings_since(0)
    nothing, same = stream.findings_since(cursor)
    stream.close([finding("a").fingerprint], at(5))
    changed, after = stream.findings_since(cursor)

    assert {found.evidence for found in first} == {()}
    assert len(first) == 2
    assert (nothing, same) == ([], cursor)
    assert [found.ends_at for found in changed] == [at(5)]
    assert after > cursor


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(edits=st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=12), every=st.integers(1, 4))
def test_who_reads_by_cursor_ends_up_with_what_is_stored(
    stream: Stream, edits: list[tuple[str, bool]], every: int
) -> None:
    stream.close([found.fingerprint for found in stream.open_findings()], at(10_000))
    read: dict[str, Finding] = {}
    _, cursor = stream.findings_since(0)
    for number, (signal, is_seen) in enumerate(edits):
        moment = at(20_000 + number)
        if is_seen:
            stream.publish([seen(signal, 20_000 + number)], moment)
        else:
            stream.close([finding(signal).fingerprint], moment)
        if number % every == 0:
            new, cursor = stream.findings_since(cursor)
            read |= {found.id: found for found in new}
    new, cursor = stream.findings_since(cursor)
    read |= {found.id: found for found in new}

    assert {key: value for key, value in read.items() if value.is_open} == {f.id: f for f in stream.open_findings()}
    assert all(stream.finding(key) == value for key, value in read.items())


def test_findings_of_a_span_are_those_that_were_open_in_it(stream: Stream) -> None:
    stream.publish([seen("early", 0), seen("late", 100), seen("long", 0)], at(100))
    stream.close([finding("early").fingerprint], at(10))

    def signals(start: float, end: float) -> set[str]:
        return {found.sentence.split()[0] for found in stream.findings(start=at(start), end=at(end))}

    assert signals(20, 50) == {"long"}
    assert signals(5, 50) == {"early", "long"}
    assert signals(50, 200) == {"late", "long"}


def test_when_an_unknown_finding_was_seen_is_an_error(stream: Stream) -> None:
    with pytest.raises(NotFoundError, match=r"^finding fnd-0: is not known$"):
        stream.last_seen("fnd-0")
    assert stream.finding("fnd-0") is None


def test_incidents_diagnoses_and_verdicts_are_kept_by_their_subject(stream: Stream) -> None:
    incident = Incident(
        "inc-1", "disk", IncidentState.OPEN, finding("a").severity, at(0), at(0), (Member("fnd-1", "e", at(0), "why"),)
    )
    diagnosis = Diagnosis("inc-1", at(1), "1", (), "no cause found")
    verdict = Verdict("v1", "model:fraud", "triage", Judgement.REAL_SHIFT, at(2), (), "it is real")
    stream.save_incident(incident)
    stream.save_diagnosis(diagnosis)
    stream.save_verdict(verdict)
    stream.save_incident(replace(incident, id="inc-2", state=IncidentState.CLOSED, opened_at=at(9)))

    assert stream.incident("inc-1") == incident
    assert stream.incident("inc-0") is None
    assert [found.id for found in stream.incidents()] == ["inc-2", "inc-1"]
    assert [found.id for found in stream.incidents(live=True)] == ["inc-1"]
    assert stream.diagnosis("inc-1") == diagnosis
    assert stream.verdicts("model:fraud", "triage") == [verdict]
    assert stream.verdicts("model:churn") == []


def test_what_others_wrote_into_an_incident_stays_in_it(stream: Stream) -> None:
    """Correlation and a remedy's end read the same incident and save it one after the other."""
    severity = finding("a").severity
    stream.save_incident(Incident("inc-1", "disk", IncidentState.OPEN, severity, at(0), at(0), ()))
    read = stream.incident("inc-1")
    assert read is not None
    stream.save_incident(read.note(at(2), "wellkept", "plan succeeded"))
    stream.save_incident(replace(read, title="disk and host").note(at(3), "correlate", "over: disk"))

    found = stream.incident("inc-1")
    assert found is not None
    assert [entry.what for entry in found.timeline] == ["plan succeeded", "over: disk"]
    assert found.title == "disk and host"

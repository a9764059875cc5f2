"""What people say was the cause: kept with what was named, in the story and the audit log, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.spine.scene import NOON, Scene

from wellkept.kernel.diagnosis import Cause, Diagnosis, Fault, Weighting
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.spine.causes import CauseDesk


@pytest.fixture
def desk(scene: Scene) -> CauseDesk:
    scene.stream.save_incident(Incident("inc-1", "cart is slow", IncidentState.OPEN, Severity.ERROR, NOON, NOON, ()))
    cause = Cause("service:cart", 0.9, (), fault=Fault.CPU)
    scene.stream.save_diagnosis(Diagnosis("inc-1", NOON, "2", (cause,), "It is cart."))
    return CauseDesk(scene.state, scene.stream, scene.audit, scene.clock)


def weighting(number: int, *, passed: bool, used: bool) -> Weighting:
    check = Check("named rightly", passed, "80 %", "at least 70 %")
    judgement = Judgement.PASS if passed else Judgement.FAIL
    verdict = Verdict(f"ver-{number}", "weights", "gate", judgement, NOON, (check,), "")
    return Weighting(number, NOON, "ann", {"gap": 0.8}, (0.0, 1.0), 30, verdict, used)


def test_a_cause_that_was_named_is_confirmed_with_its_kind_of_fault(desk: CauseDesk, scene: Scene) -> None:
    desk.gather = lambda _incident, _diagnosis: {"service:cart": {"headroom": 0.9}}
    desk.confirm("inc-1", "service:cart", by="ann", why="the graph says so")

    said = desk.confirmed("inc-1")
    assert said is not None
    assert (said.entity, said.named, said.fault, said.version) == ("service:cart", "service:cart", Fault.CPU, "2")
    assert said.evidence == {"service:cart": {"headroom": 0.9}}
    incident = scene.stream.incident("inc-1")
    assert incident is not None
    assert "cause confirmed: service:cart, as was said: the graph says so" in incident.timeline[-1].what
    assert scene.audit.entries(limit=1)[0].verb == "diagnosis.confirm"


def test_the_latest_word_counts_and_none_of_the_suspects_is_a_word(desk: CauseDesk) -> None:
    desk.confirm("inc-1", "service:cart", by="ann")
    desk.confirm("inc-1", "none", by="bob")
    (said,) = desk.confirmations()
    assert (said.entity, said.by, said.named) == ("", "bob", "service:cart")


def test_what_makes_no_sense_is_refused(desk: CauseDesk) -> None:
    with pytest.raises(NotFoundError):
        desk.confirm("inc-9", "service:cart", by="ann")
    with pytest.raises(InputError, match="entity"):
        desk.confirm("inc-1", " ", by="ann")
    with pytest.raises(InputError, match="by"):
        desk.confirm("inc-1", "service:cart", by=" ")
    with pytest.raises(InputError, match="fault"):
        desk.confirm("inc-1", "service:cart", by="ann", fault="gremlins")
    assert desk.confirmations() == []


def test_one_version_at_most_is_used_and_only_one_that_passed(desk: CauseDesk, scene: Scene) -> None:
    for number, passed in ((1, True), (2, True), (3, False)):
        desk.keep(weighting(number, passed=passed, used=passed))
    assert desk.in_use == 0, "what is kept is not in use yet"
    assert desk.use(1, by="pln-1:0")
    assert desk.use(2, by="pln-2:0")
    assert not desk.use(2, by="pln-2:0"), "the same again changes nothing"
    assert [(one.number, one.is_used) for one in desk.weightings()] == [(3, False), (2, True), (1, False)]
    with pytest.raises(ConflictError, match="did not pass"):
        desk.use(3, by="pln-3:0")
    with pytest.raises(NotFoundError, match="version 9"):
        desk.use(9, by="pln-9:0")
    assert desk.next_number() == 4
    assert desk.use(0, by="pln-4:0")
    assert desk.used() is None
    entry = scene.audit.entries(1)[0]
    assert (entry.verb, entry.actor, entry.details) == ("diagnosis.use", "pln-4:0", {"before": 2})


def test_confirmations_are_listed_newest_first(desk: CauseDesk, scene: Scene) -> None:
    scene.stream.save_incident(Incident("inc-2", "pay fails", IncidentState.CLOSED, Severity.ERROR, NOON, NOON, ()))
    desk.confirm("inc-1", "service:cart", by="ann")
    scene.clock.advance(timedelta(minutes=1))
    desk.confirm("inc-2", "service:pay", by="ann")
    assert [one.incident for one in desk.confirmations()] == ["inc-2", "inc-1"]

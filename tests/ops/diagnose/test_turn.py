"""Which incidents a turn of diagnosis takes, and in which order."""

from datetime import UTC, datetime, timedelta

from wellkept.kernel.diagnosis import Diagnosis
from wellkept.kernel.entity import Entity, EntityKind
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.ops.diagnose.base import DiagnoseSettings
from wellkept.ops.diagnose.turn import MOST, chosen
from wellkept.ops.diagnose.unmeasured import is_unmeasured
from wellkept.spine.graph import Graph

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SETTINGS = DiagnoseSettings()


def incident(name: str, *, age_s: float = 60.0, severity: Severity = Severity.ERROR) -> Incident:
    at = NOW - timedelta(seconds=age_s)
    return Incident(name, name, IncidentState.OPEN, severity, at, at, ())


def diagnosis(name: str, age_s: float) -> Diagnosis:
    return Diagnosis(incident=name, at=NOW - timedelta(seconds=age_s), version="", causes=(), sentence="")


def names(*live: Incident, known: tuple[Diagnosis, ...] = ()) -> list[str]:
    return [one.id for one in chosen(live, {one.incident: one for one in known}, NOW, SETTINGS)]


def test_the_worst_of_those_without_a_diagnosis_comes_first_and_of_like_ones_the_newest() -> None:
    live = (incident("old", age_s=90), incident("new"), incident("bad", age_s=300, severity=Severity.CRITICAL))

    assert names(*live) == ["bad", "new", "old"]


def test_what_was_diagnosed_waits_for_what_was_not_and_the_oldest_diagnosis_is_made_anew_first() -> None:
    live = (incident("a", age_s=90), incident("b", age_s=90), incident("c"))

    assert names(*live, known=(diagnosis("a", 31), diagnosis("b", 40))) == ["c", "b", "a"]


def test_a_fresh_diagnosis_of_what_has_not_changed_stays() -> None:
    assert names(incident("a"), known=(diagnosis("a", 10),)) == []


def test_a_changed_incident_is_diagnosed_at_once() -> None:
    assert names(incident("a", age_s=5), known=(diagnosis("a", 10),)) == ["a"]


def test_nothing_is_diagnosed_again_when_all_of_the_trouble_that_is_looked_at_was_measured() -> None:
    whole = SETTINGS.during_s + SETTINGS.step_s

    assert names(incident("a", age_s=whole + 100), known=(diagnosis("a", 101),)) == ["a"]
    assert names(incident("a", age_s=whole + 100), known=(diagnosis("a", 100),)) == []


def test_of_very_many_the_newest_are_diagnosed() -> None:
    live = [incident(f"{number:03}", age_s=number) for number in range(MOST + 10)]

    assert names(*live) == [f"{number:03}" for number in range(MOST)]


def test_alerts_about_what_sends_no_telemetry_are_not_measured() -> None:
    alert = Finding(
        fingerprint="1",
        kind=FindingKind.EXTERNAL,
        detector="alertmanager",
        detector_version="1",
        entity="service:a",
        severity=Severity.ERROR,
        score=1.0,
        score_meaning="",
        starts_at=NOW,
        sentence="It is down.",
    )
    known = Graph([Entity(EntityKind.SERVICE, "service:a", "a")], [])

    assert is_unmeasured([alert], ["service:a"], Graph((), ()))
    assert not is_unmeasured([alert], ["service:a"], known)

"""Trouble under both versions voids a comparison; what the challenger does, and what is no trouble, does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.ml.deploy.arms import Side
from tests.ml.deploy.hall import Hall
from tests.ml.workshop import NOON

from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.ml.deploy.guard import MODEL_SERVER
from wellkept.ml.deploy.paired import is_hit
from wellkept.ml.rollout import Rollout as Policy

GOOD = Side(10_000, 10, 50, 5000)


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    found = Hall(tmp_path)
    found.seen.champion, found.seen.challenger = GOOD, Side()
    yield found
    found.close()


def sicken(hall: Hall, entity: str, ends: bool = False, signal: str = "host.cpu") -> None:
    """An open incident on an entity; or its end."""
    finding = Finding(
        "fp-1", "anomaly", "1", entity, FindingKind.ANOMALY, Severity.ERROR, 0.9, "-", NOON, "CPU is at 100 %."
    )
    finding = replace(finding, evidence=(Evidence(signal),))
    if ends:
        hall.stream.close(["fp-1"], hall.clock.now())
        return
    (kept,) = hall.stream.publish([finding], hall.clock.now())
    member = Member(kept.id, entity, NOON, "first")
    hall.stream.save_incident(Incident("inc-1", "sick", IncidentState.OPEN, Severity.ERROR, NOON, NOON, (member,)))


def on_a_host(hall: Hall) -> None:
    host = Entity(EntityKind.HOST, "host:a", "a")
    server = Entity(EntityKind.SERVICE, MODEL_SERVER, "model-server")
    hall.topology.observe([host, server], [Edge(MODEL_SERVER, "host:a", EdgeKind.RUNS_ON, NOON)], hall.clock.now())


def test_while_the_host_of_both_is_sick_the_comparison_is_void(hall: Hall) -> None:
    hall.begin()
    on_a_host(hall)
    hall.seen.challenger = Side(300, 60)
    sicken(hall, "host:a")

    assert hall.look() == ["hold"]
    (look,) = hall.rollouts.looks(hall.rollout().id)
    assert look.sentence.startswith("the comparison is void: host:a is under both and sick (incident inc-1)")
    began = hall.rollout().step_at
    assert hall.rollout().void == ((began, None),)

    hall.pass_time(100)
    sicken(hall, "host:a", ends=True)
    hall.seen.challenger = Side()
    assert hall.look() == ["hold"]
    assert hall.seen.asked[-1].void == ((began, hall.clock.now() + timedelta(milliseconds=1)),)


def test_what_the_challenger_does_to_the_model_server_is_no_excuse(hall: Hall) -> None:
    hall.begin()
    sicken(hall, MODEL_SERVER)
    hall.seen.challenger = Side(300, 60)

    assert hall.look() == ["stop"]


def test_trouble_of_the_model_server_that_hits_the_champion_too_is_one(hall: Hall) -> None:
    hall.begin()
    sicken(hall, MODEL_SERVER)
    hall.seen.champion, hall.seen.challenger = replace(GOOD, failed=2000), Side(300, 120)

    assert hall.look() == ["hold"]


@pytest.mark.parametrize(
    ("during", "hit"),
    [(Side(2000, 2, 400), False), (Side(2000, 100, 400), True), (Side(2000, 2, 600), True), (Side(), False)],
)
def test_the_champion_is_hit_by_what_is_more_than_usual(during: Side, hit: bool) -> None:
    before = Side(8000, 8, 1600).asked()

    assert is_hit(before + during.asked(), before, Policy()) is hit


def test_fewer_requests_are_no_trouble(hall: Hall) -> None:
    hall.begin()
    sicken(hall, MODEL_SERVER, signal="span.rate")
    hall.seen.champion, hall.seen.challenger = replace(GOOD, slow=2000), Side(300, 120)

    assert hall.look() == ["stop"]


def test_trouble_elsewhere_is_none_of_its_business(hall: Hall) -> None:
    hall.begin()
    on_a_host(hall)
    sicken(hall, "host:elsewhere")
    hall.seen.challenger = Side(300, 60)

    assert hall.look() == ["stop"]

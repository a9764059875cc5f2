"""Incidents, diagnoses and verdicts come back whole, and are found by what one asks for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import JSON, bindparam, create_engine, text
from tests.store.state.test_findings import finding
from tests.store.telemetry.scenes import at

from wellkept.kernel.codec import encode
from wellkept.kernel.diagnosis import Cause, Diagnosis, Reason
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState, Member, TimelineEntry
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.store.state.conclusions import ConclusionRows
from wellkept.store.state.findings import FindingRows
from wellkept.store.state.incidents import IncidentRows
from wellkept.store.state.state import MIGRATIONS, State


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


def grown(name: str, *findings: str, entity: str = "service:shop") -> Incident:
    """An incident as who groups hands it over: no other members than new ones."""
    return replace(
        incident(name), members=tuple(Member(finding, entity, at(1), "near") for finding in findings), timeline=()
    )


def test_every_save_is_news_once_and_in_order(rows: IncidentRows) -> None:
    start = rows.last_revision()
    for name in ("inc-1", "inc-2", "inc-1"):
        rows.save(incident(name))
    found, revision = rows.since(start, 10)
    assert [one.id for one in found] == ["inc-2", "inc-1"]
    assert rows.since(revision, 10) == ([], revision)
    _, half = rows.since(start, 1)
    assert [one.id for one in rows.since(half, 10)[0]] == ["inc-1"]
    heads, last = rows.heads_since(start, 10)
    assert [(one.id, one.count, one.members) for one in heads] == [(one.id, one.count, ()) for one in found]
    assert (last, rows.heads_since(last, 10)) == (revision, ([], revision))


def test_it_grows_by_what_is_new_and_knows_how_large_it_is(rows: IncidentRows) -> None:
    rows.grow([grown("inc-1", "f1", "f2")])
    (head,), _ = rows.grow([grown("inc-1", "f2", "f3", entity="service:pay")])
    assert (head.count, head.entities, head.members) == (3, ("service:shop", "service:pay"), ())
    whole = rows.get("inc-1")
    assert whole is not None
    assert [member.finding for member in whole.members] == ["f1", "f2", "f3"]
    assert rows.member_ids(["inc-1"]) == {"inc-1": ["f1", "f2", "f3"]}
    assert rows.holding(["f3", "f9"]) == {"f3": ["inc-1"]}
    assert [member.finding for member in rows.members("inc-1", 1, 1)] == ["f2"]


def test_a_list_holds_a_part_of_a_large_one_and_saving_that_takes_nothing_out(rows: IncidentRows) -> None:
    many = [f"f{number}" for number in range(3_000)]
    rows.grow([grown("inc-1", *many)])
    (listed,) = rows.recent(True, None, 10)
    assert (listed.count, len(listed.members)) == (3_000, 200)
    saved = rows.save(listed.note(at(5), "ana", "I look at it").move(IncidentState.ACKNOWLEDGED, at(6), "ana", "mine"))
    assert saved.count == 3_000
    whole = rows.get("inc-1")
    assert whole is not None
    assert [member.finding for member in whole.members] == many
    assert (whole.state, [line.actor for line in whole.timeline]) == (IncidentState.ACKNOWLEDGED, ["ana", "ana"])


def test_what_is_over_does_not_grow(rows: IncidentRows) -> None:
    rows.save(incident("inc-1").move(IncidentState.RESOLVED, at(60), "ana", "it is well"))
    (head,), _ = rows.grow([grown("inc-1", "f2")])
    assert (head.state, rows.member_ids(["inc-1"])) == (IncidentState.RESOLVED, {"inc-1": ["fnd-1"]})


def test_many_who_write_at_once_lose_nothing(rows: IncidentRows) -> None:
    rows.save(incident("inc-1"))

    def work(number: int) -> None:
        found = rows.get("inc-1")
        assert found is not None
        if number % 2:
            rows.save(found.note(at(number), f"person {number}", "I was here"))
        else:
            rows.grow([grown("inc-1", f"f{number}")])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(20)))
    whole = rows.get("inc-1")
    assert whole is not None
    assert {member.finding for member in whole.members} == {"fnd-1", *(f"f{number}" for number in range(0, 20, 2))}
    assert {line.actor for line in whole.timeline} == {"correlate", *(f"person {n}" for n in range(1, 20, 2))}


def test_who_was_taken_out_is_gone_whoever_saves_an_older_copy(rows: IncidentRows) -> None:
    rows.grow([grown("inc-1", "f1", "f2")])
    old = rows.get("inc-1")
    assert old is not None
    rows.save(old.without({"f1"}, at(50), "inc-2"))
    rows.save(old.note(at(60), "ana", "I knew of both"))
    assert rows.member_ids(["inc-1"]) == {"inc-1": ["f2"]}
    (listed,) = rows.recent(None, None, 1)
    assert (listed.count, len(listed.timeline)) == (1, 1)


def test_the_incident_before_is_found_by_what_it_was_about(state: State, rows: IncidentRows) -> None:
    (known,) = FindingRows(state).merge([finding("a")], at(0))
    rows.save(replace(incident("inc-1"), members=(Member(known.id, "service:shop", at(0), "the first"),)))
    assert rows.ended_about(["a"], at(-10)) == {}
    found = rows.get("inc-1")
    assert found is not None
    rows.save(found.move(IncidentState.RESOLVED, at(60), "ana", "it is well"))
    assert rows.ended_about(["a", "b"], at(-10)) == {"a": "inc-1"}
    assert rows.ended_about(["a"], at(61)) == {}


def test_bodies_of_earlier_versions_become_rows(tmp_path: Path) -> None:
    old = incident("inc-1").move(IncidentState.ACKNOWLEDGED, at(60), "ana", "mine")
    body = {
        **encode(old),
        "timeline": [{k: v for k, v in line.items() if k != "kind"} for line in encode(old.timeline)],
    }
    engine = create_engine(f"sqlite:///{tmp_path / 'state.sqlite'}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        row = {"id": "inc-1", "state": "acknowledged", "opened": "2026-11-01", "updated": "2026-11-01", "body": body}
        columns, values = "(id, state, opened_at, updated_at, body)", "(:id, :state, :opened, :updated, :body)"
        insert = f"INSERT INTO incidents {columns} VALUES {values}"
        connection.execute(text(insert).bindparams(bindparam("body", type_=JSON)), row)
        connection.commit()
    engine.dispose()
    state = State.open(tmp_path)
    rows = IncidentRows(state)
    found = rows.get("inc-1")
    assert found is not None
    assert (found.members, [line.what for line in found.timeline]) == (
        old.members,
        [line.what for line in old.timeline],
    )
    assert [one.id for one in rows.since(0, 10)[0]] == ["inc-1"]
    assert rows.recent(None, None, 10)[0].entities == ("service:shop",)
    state.close()

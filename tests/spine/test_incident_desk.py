"""What people do with incidents: by name, for a reason, once; and what does not fit any more is told."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.spine.scene import NOON, Changes, finding
from tests.store.postgres import database

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError, StoreError
from wellkept.kernel.finding import Finding, Severity
from wellkept.kernel.grouping import DecisionKind
from wellkept.kernel.incident import Incident, IncidentState, Member, StoryKind, Tie
from wellkept.spine.audit import Audit
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.regrouping import RegroupingDesk
from wellkept.spine.stream import Stream
from wellkept.store.state.state import State

OPEN, ACKNOWLEDGED, MITIGATED, RESOLVED, CLOSED = IncidentState


class Hall:
    """A desk with everything behind it."""

    def __init__(self, state: State) -> None:
        self.clock = SettableClock(NOON)
        self.stream, self.audit = Stream(state, Changes()), Audit(state)
        self.grouping = GroupingDesk(state, self.audit, self.clock)
        self.desk = RegroupingDesk(self.stream, self.audit, self.clock, self.grouping)

    def incident(self, name: str, *signals: str, state: IncidentState = OPEN) -> Incident:
        found = self.stream.publish([seen(signal) for signal in signals], NOON)
        members = tuple(Member(f.id, f.entity, NOON, "near", Tie.SAME_ENTITY, {"apart_s": "3"}) for f in found)
        made = Incident(name, f"{name} is sick", state, Severity.WARNING, NOON, NOON, members, ticket=f"TCK-{name}")
        self.stream.save_incident(made)
        return made

    def verbs(self) -> list[str]:
        return [entry.verb for entry in reversed(self.audit.entries())]


@pytest.fixture
def hall(state: State) -> Hall:
    return Hall(state)


def seen(signal: str) -> Finding:
    return replace(finding(signal), entity=f"service:{signal}", starts_at=NOON)


def ids(*signals: str) -> list[str]:
    return [seen(signal).id for signal in signals]


def test_the_way_of_an_incident_through_many_hands(hall: Hall) -> None:
    hall.incident("inc-1", "db")
    desk, clock = hall.desk, hall.clock
    clock.advance(timedelta(minutes=1))
    desk.acknowledge("inc-1", by="ann")
    clock.advance(timedelta(minutes=2))
    desk.note("inc-1", "the pool is full", by="ann")
    desk.assign("inc-1", "bo", by="ann", why="knows the database")
    desk.own("inc-1", "storage", by="ann")
    desk.mitigate("inc-1", by="bo", why="pool doubled")
    clock.advance(timedelta(minutes=3))
    desk.resolve("inc-1", by="bo", why="quiet")
    closed = desk.close("inc-1", by="bo", why="written down")

    assert (closed.state, closed.assignee, closed.owner, closed.owned_by) == (CLOSED, "bo", "storage", "ann")
    assert closed.acknowledged_at == NOON + timedelta(minutes=1)
    assert closed.mitigated_at == NOON + timedelta(minutes=3)
    assert [(entry.kind, entry.what) for entry in closed.timeline] == [
        (StoryKind.STATE, "acknowledged: somebody looks at it"),
        (StoryKind.NOTE, "the pool is full"),
        (StoryKind.STATE, "assigned to bo: knows the database"),
        (StoryKind.STATE, "owned by storage"),
        (StoryKind.STATE, "mitigated: pool doubled"),
        (StoryKind.STATE, "resolved: quiet"),
        (StoryKind.STATE, "closed: written down"),
    ]
    deeds = ["acknowledged", "noted", "assigned", "owned", "mitigated", "resolved", "closed"]
    assert hall.verbs() == [f"incident.{deed}" for deed in deeds]
    assert hall.audit.entries()[0].actor == "bo"


@pytest.mark.parametrize("name", ["bo\nann", "bo\x1b[2J", "bo\u2028ann", "b" * 81])
def test_a_name_is_on_one_line(hall: Hall, name: str) -> None:
    hall.incident("inc-1", "db")
    with pytest.raises(InputError, match="to: must be a name on one line, at most 80 characters"):
        hall.desk.assign("inc-1", name, by="ann")
    with pytest.raises(InputError, match="owner: must be a name on one line, at most 80 characters"):
        hall.desk.own("inc-1", name, by="ann")
    with pytest.raises(InputError, match="by: must be the name of who does it, on one line"):
        hall.desk.acknowledge("inc-1", by=name)
    assert hall.verbs() == []


def test_who_takes_it_on_first_is_assigned(hall: Hall) -> None:
    hall.incident("inc-1", "db")
    assert hall.desk.acknowledge("inc-1", by="ann").assignee == "ann"


@pytest.mark.parametrize(
    "deed",
    [
        lambda desk: desk.acknowledge("inc-1", by="ann"),
        lambda desk: desk.mitigate("inc-1", by="ann", why="restarted"),
        lambda desk: desk.resolve("inc-1", by="ann", why="over"),
        lambda desk: desk.close("inc-1", by="ann", why="over"),
        lambda desk: desk.assign("inc-1", "bo", by="ann"),
        lambda desk: desk.own("inc-1", "shop", by="ann"),
        lambda desk: desk.note("inc-1", "hm", by="ann"),
        lambda desk: desk.relate("inc-1", "inc-2", by="ann"),
        lambda desk: desk.merge("inc-1", "inc-2", by="ann", why="same"),
        lambda desk: desk.split("inc-1", ids("db"), by="ann", why="another"),
        lambda desk: desk.move(ids("db")[0], "inc-1", "inc-2", by="ann", why="there"),
    ],
)
def test_the_same_deed_again_changes_nothing(hall: Hall, deed: Callable[[RegroupingDesk], Incident]) -> None:
    hall.incident("inc-1", "db", "web")
    hall.incident("inc-2", "queue")
    first = deed(hall.desk)
    verbs = hall.verbs()
    hall.clock.advance(timedelta(seconds=5))

    assert deed(hall.desk) == first
    assert hall.verbs() == verbs


def test_two_who_resolve_at_once_do_it_once(hall: Hall) -> None:
    hall.incident("inc-1", "db")
    barrier = threading.Barrier(4)

    def resolve(name: str) -> None:
        barrier.wait()
        hall.desk.resolve("inc-1", by=name, why="over")

    threads = [threading.Thread(target=resolve, args=(name,)) for name in ("ann", "bo", "cy", "di")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert hall.verbs() == ["incident.resolved"]
    assert [entry.what for entry in hall.stream.known_incident("inc-1").timeline] == ["resolved: over"]


def test_two_who_merge_crosswise_on_two_servers_end_with_one_incident() -> None:
    """One says that b goes up in a, the other that a goes up in b: whoever comes second is told."""
    with database() as url:
        states = [State.open(url), State.open(url)]
        halls = [Hall(state) for state in states]
        halls[0].incident("inc-1", "db")
        halls[0].incident("inc-2", "web")
        barrier, said = threading.Barrier(2), list[str]()

        def merge(hall: Hall, into: str, other: str) -> None:
            barrier.wait()
            try:
                hall.desk.merge(into, other, by="ann", why="same")
            except ConflictError as error:
                said.append(str(error))

        turns = [(halls[0], "inc-1", "inc-2"), (halls[1], "inc-2", "inc-1")]
        threads = [threading.Thread(target=merge, args=turn) for turn in turns]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = [halls[1].stream.known_incident(name) for name in ("inc-1", "inc-2")]
        decided, _ = halls[0].grouping.decisions()
        for state in states:
            state.close()

    assert len(said) == 1
    assert "is over and cannot be merged; it was merged into" in said[0]
    assert sorted(incident.count for incident in found if incident.state.is_live) == [2]
    assert len(decided) == 1


def test_what_does_not_fit_any_more_is_a_conflict_that_says_why(hall: Hall) -> None:
    hall.incident("inc-1", "db")
    hall.incident("inc-2", "web")
    hall.desk.merge("inc-1", "inc-2", by="ann", why="same")

    with pytest.raises(ConflictError, match=r"inc-2: was merged into inc-1; act on that one"):
        hall.desk.acknowledge("inc-2", by="bo")
    hall.desk.resolve("inc-1", by="ann", why="over")
    with pytest.raises(ConflictError, match=r"inc-1: cannot go from resolved to acknowledged"):
        hall.desk.acknowledge("inc-1", by="bo")
    with pytest.raises(ConflictError, match=r"is over and cannot be split"):
        hall.desk.split("inc-1", ids("web"), by="bo", why="x")
    with pytest.raises(NotFoundError, match=r"^incident inc-9: is not known"):
        hall.desk.note("inc-9", "hm", by="ann")
    with pytest.raises(InputError, match=r"^by: must be the name"):
        hall.desk.resolve("inc-1", by=" ", why="x")


def test_what_is_over_takes_nothing_in(hall: Hall) -> None:
    hall.incident("inc-1", "db", state=RESOLVED)
    hall.incident("inc-2", "web")
    with pytest.raises(ConflictError, match=r"inc-1: is over and cannot be merged"):
        hall.desk.merge("inc-1", "inc-2", by="ann", why="same")
    with pytest.raises(ConflictError, match=r"inc-1: is over, so no finding moves"):
        hall.desk.move(ids("web")[0], "inc-2", "inc-1", by="ann", why="same")
    assert hall.grouping.decisions()[0] == []


def test_a_reopened_incident_is_a_new_one_that_points_back_with_what_is_still_open(hall: Hall) -> None:
    hall.incident("inc-1", "db", "web", state=CLOSED)
    hall.stream.close([seen("web").fingerprint], NOON + timedelta(minutes=1))
    hall.clock.advance(timedelta(hours=1))

    again = hall.desk.reopen("inc-1", by="ann", why="it is not gone")

    assert (again.reopens, again.state, [m.finding for m in again.members]) == ("inc-1", OPEN, ids("db"))
    assert again.opened_at == again.noticed_at == hall.clock.now()
    assert again.ticket not in ("", "TCK-inc-1")
    old = hall.stream.known_incident("inc-1")
    assert (old.state, [m.finding for m in old.members]) == (CLOSED, ids("db", "web")), "it stays what it was"
    assert hall.desk.reopen("inc-1", by="bo", why="not gone") == again
    with pytest.raises(ConflictError, match=r"is not over; only what is over"):
        hall.desk.reopen(again.id, by="bo", why="x")
    hall.desk.close(again.id, by="bo", why="x")
    with pytest.raises(ConflictError, match=rf"was reopened as {again.id}, which is over"):
        hall.desk.reopen("inc-1", by="bo", why="x")


def test_what_is_reopened_though_all_has_ended_stays_open_until_a_person_says_so(hall: Hall) -> None:
    hall.incident("inc-1", "db", state=RESOLVED)
    hall.stream.close([seen("db").fingerprint], NOON + timedelta(minutes=1))
    again = hall.desk.reopen("inc-1", by="ann", why="customers still wait")
    assert ([m.finding for m in again.members], again.stays_open) == (ids("db"), True)


def test_a_severity_by_hand_outlives_what_the_platform_works_out(hall: Hall) -> None:
    before = hall.incident("inc-1", "db")
    rated = hall.desk.rate("inc-1", Severity.INFO, by="ann", why="a test system")
    hall.stream.save_incident(replace(before, severity=Severity.CRITICAL, severity_why="the worst"))
    after = hall.stream.known_incident("inc-1")

    assert (rated.severity, rated.severity_by, rated.severity_why) == (
        Severity.INFO,
        "ann",
        "info, set by ann: a test system",
    )
    assert (after.severity, after.severity_why) == (rated.severity, rated.severity_why)
    assert hall.desk.rate("inc-1", None, by="ann", why="it is not").severity_by == ""
    assert hall.verbs() == ["incident.rated", "incident.rated"]


def test_a_merge_keeps_the_severity_that_somebody_set_and_a_split_makes_its_own(hall: Hall) -> None:
    hall.incident("inc-1", "db", "cache")
    hall.incident("inc-2", "web")
    hall.desk.rate("inc-1", Severity.INFO, by="ann", why="a test system")
    merged = hall.desk.merge("inc-1", "inc-2", by="ann", why="one outage")
    split = hall.desk.split("inc-1", ids("web"), by="ann", why="it is not")

    assert (merged.severity, merged.severity_by) == (Severity.INFO, "ann")
    assert (split.severity, split.severity_by) == (seen("web").severity, "")


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "ann\nbo", "ann\u202e"])
def test_a_name_is_one_line_that_can_be_read(hall: Hall, name: str) -> None:
    hall.incident("inc-1", "db")
    with pytest.raises(InputError, match="by: must be the name of who does it"):
        hall.desk.acknowledge("inc-1", by=name)


def test_related_incidents_know_of_each_other(hall: Hall) -> None:
    hall.incident("inc-1", "db")
    hall.incident("inc-2", "web")
    hall.desk.relate("inc-1", "inc-2", by="ann", why="same host")
    assert hall.stream.known_incident("inc-2").related == ("inc-1",)
    assert hall.desk.relate("inc-2", "inc-1", by="ann", related=False).related == ()
    assert hall.stream.known_incident("inc-1").related == ()
    with pytest.raises(InputError, match="must be another incident"):
        hall.desk.relate("inc-1", "inc-1", by="ann")


def test_a_moved_finding_says_who_put_it_there_and_grouping_learns_it(hall: Hall) -> None:
    hall.incident("inc-1", "db", "web")
    hall.incident("inc-2", "queue")
    there = hall.desk.move(ids("web")[0], "inc-1", "inc-2", by="ann", why="it reads the queue")

    member = there.members[-1]
    assert (member.tie, member.values["from"], member.why) == (Tie.HAND, "inc-1", "ann put it here: it reads the queue")
    assert [m.finding for m in hall.stream.known_incident("inc-1").members] == ids("db")
    made, _ = hall.grouping.decisions()
    assert [(one.kind, one.left.findings, one.right.findings) for one in made] == [
        (DecisionKind.SPLIT, tuple(ids("db")), tuple(ids("web"))),
        (DecisionKind.MERGE, tuple(ids("queue")), tuple(ids("web"))),
    ]


def test_an_incident_whose_last_finding_moves_away_is_closed_in_favour_of_the_other(hall: Hall) -> None:
    hall.incident("inc-1", "db")
    hall.incident("inc-2", "queue")
    hall.desk.move(ids("db")[0], "inc-1", "inc-2", by="ann", why="same")
    old = hall.stream.known_incident("inc-1")
    assert (old.state, old.merged_into) == (CLOSED, "inc-2")


def test_a_deed_whose_word_cannot_be_kept_is_not_done(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    hall.incident("inc-1", "db")

    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(hall.audit, "append", full)
    with pytest.raises(StoreError):
        hall.desk.resolve("inc-1", by="ann", why="over")
    assert hall.stream.known_incident("inc-1").state is OPEN


NUMBERS = itertools.count()
SIGNALS = [f"s{number}" for number in range(6)]


@pytest.mark.parametrize(("begins", "first"), [(10.0, "web"), (40.0, "queue")])
def test_a_finding_that_is_moved_is_the_first_sign_where_it_began_first(hall: Hall, begins: float, first: str) -> None:
    told(hall, "inc-1", later("db", 0), later("web", begins))
    told(hall, "inc-2", later("queue", 30), later("mail", 35))
    there = hall.desk.move(later("web", begins).id, "inc-1", "inc-2", by="ann", why="there")

    (sign,) = [member for member in there.members if member.tie is Tie.FIRST]
    (by_hand,) = [member for member in there.members if member.tie is Tie.HAND]
    assert (sign.entity, sign.why, sign.values) == (f"service:{first}", "the first sign", {})
    assert by_hand.values["tie"] == ("first" if first == "web" else "depends_on")
    back = hall.desk.move(later("web", begins).id, "inc-2", "inc-1", by="ann", why="no")
    assert [m.entity for m in back.members if m.tie is Tie.FIRST] == ["service:db"]
    rest = hall.stream.known_incident("inc-2").members
    assert [(m.entity, m.tie) for m in rest if m.tie is Tie.FIRST] == [("service:queue", Tie.FIRST)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(cut=st.integers(1, 5), order=st.permutations(SIGNALS))
def test_a_merge_and_then_a_split_put_everything_back(hall: Hall, cut: int, order: list[str]) -> None:
    """Whatever is in the two: the same findings are together under the same reasons, and grouping is told just that."""
    number = next(NUMBERS)  # the store goes on from example to example
    names = [f"{signal}-{number}" for signal in order]
    one, two = hall.incident(f"inc-a{number}", *names[:cut]), hall.incident(f"inc-b{number}", *names[cut:])
    merged = hall.desk.merge(one.id, two.id, by="ann", why="same")
    assert merged.count == len(SIGNALS)
    assert {m.finding for m in merged.members if m.via == two.id} == {m.finding for m in two.members}

    back = hall.desk.split(one.id, [m.finding for m in two.members], by="ann", why="no")
    left = hall.stream.known_incident(one.id)

    def reasons(incident: Incident) -> dict[str, Member]:
        return {m.finding: replace(m, joined_at=NOON) for m in incident.members}

    assert reasons(left) == reasons(one)
    assert reasons(back) == reasons(two)
    assert (back.split_from, back.related, back.state) == (one.id, (two.id,), OPEN)
    mine = frozenset(m.finding for m in one.members), frozenset(m.finding for m in two.members)
    constraints = hall.grouping.constraints()
    assert mine in constraints.apart
    assert not any(mine[0] & group and mine[1] & group for group in constraints.together)


def told(hall: Hall, name: str, *findings: Finding) -> Incident:
    """An incident as grouping makes it: its earliest finding is the first sign, each other is tied to one before."""
    ordered = sorted(hall.stream.publish(findings, NOON), key=lambda one: one.starts_at)
    first = Member(ordered[0].id, ordered[0].entity, NOON, "the first sign", Tie.FIRST)
    others = [
        Member(one.id, one.entity, NOON, f"after {before.entity}", Tie.DEPENDS_ON, {"to": before.id})
        for before, one in itertools.pairwise(ordered)
    ]
    made = Incident(name, name, OPEN, Severity.WARNING, ordered[0].starts_at, NOON, (first, *others), ticket="TCK")
    hall.stream.save_incident(made)
    return made


def later(signal: str, seconds: float) -> Finding:
    return replace(seen(signal), starts_at=NOON + timedelta(seconds=seconds))


@pytest.mark.parametrize(("here", "there"), [(0, 30), (30, 0)])
def test_of_a_merged_incident_one_finding_is_the_first_sign_and_the_other_says_who_merged_it(
    hall: Hall, here: float, there: float
) -> None:
    told(hall, "inc-1", later("db", here), later("web", here + 5))
    told(hall, "inc-2", later("queue", there))
    hall.clock.advance(timedelta(minutes=7))
    merged = hall.desk.merge("inc-1", "inc-2", by="ann", why="one outage")

    (first,) = [member for member in merged.members if member.tie is Tie.FIRST]
    (other,) = [member for member in merged.members if member.tie is Tie.HAND]
    assert (first.entity, other.entity) == (
        ("service:db", "service:queue") if here < there else ("service:queue", "service:db")
    )
    assert (first.why, first.values) == ("the first sign", {})
    at = NOON + timedelta(minutes=7)
    assert other.values == {"by": "ann", "at": at.isoformat(), "from": "inc-2", "tie": "first"}
    earlier = "" if here < there else ", which began earlier,"
    assert other.why == f"ann merged inc-2{earlier} into inc-1 at 2026-11-02 12:07:00 UTC: one outage"


def test_after_a_split_no_reason_rests_on_what_is_elsewhere(hall: Hall) -> None:
    told(hall, "inc-1", *(later(signal, number) for number, signal in enumerate(("db", "web", "queue", "mail"))))
    db, web, queue, mail = (later(signal, number).id for number, signal in enumerate(("db", "web", "queue", "mail")))
    new = hall.desk.split("inc-1", [db, queue], by="ann", why="two outages")
    old = hall.stream.known_incident("inc-1")

    assert [(member.finding, member.tie) for member in new.members] == [(db, Tie.FIRST), (queue, Tie.HAND)]
    assert new.members[1].why == "ann split it from inc-1 at 2026-11-02 12:00:00 UTC: two outages"
    assert [(member.finding, member.tie) for member in old.members] == [
        (web, Tie.FIRST),
        (mail, Tie.GROUPED_BEFORE),
    ]
    assert old.members[0].why == "the first sign"
    assert old.members[1].why == (
        f"was tied (depends on) to what ann took out into {new.id} at 2026-11-02 12:00:00 UTC: two outages"
    )


def test_where_the_first_sign_moves_away_the_next_one_is_it(hall: Hall) -> None:
    told(hall, "inc-1", later("db", 0), later("web", 5))
    told(hall, "inc-2", later("queue", 30))
    hall.desk.move(later("db", 0).id, "inc-1", "inc-2", by="ann", why="there")
    assert [member.tie for member in hall.stream.known_incident("inc-1").members] == [Tie.FIRST]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(cut=st.integers(1, 5), order=st.permutations(SIGNALS))
def test_a_merge_and_then_a_split_put_back_what_grouping_said(hall: Hall, cut: int, order: list[str]) -> None:
    number = next(NUMBERS)
    findings = [later(f"{signal}-{number}", int(signal[1:])) for signal in order]
    one, two = told(hall, f"inc-c{number}", *findings[:cut]), told(hall, f"inc-d{number}", *findings[cut:])
    merged = hall.desk.merge(one.id, two.id, by="ann", why="same")
    back = hall.desk.split(one.id, [m.finding for m in two.members], by="ann", why="no")
    left = hall.stream.known_incident(one.id)

    def reasons(incident: Incident) -> dict[str, Member]:
        return {m.finding: replace(m, joined_at=NOON) for m in incident.members}

    assert [member.finding for member in merged.members if member.tie is Tie.FIRST] == [
        min(findings, key=lambda found: found.starts_at).id
    ]
    assert (reasons(left), reasons(back)) == (reasons(one), reasons(two))

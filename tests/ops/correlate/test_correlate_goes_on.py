"""The runner goes on: after a restart, after a failure, and around what people do meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.fixtures import state_in

from wellkept.kernel.change import Change
from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.errors import StoreError
from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.kernel.incident import Incident, IncidentState, Tie
from wellkept.kernel.noise import Held, HoldReason
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.life import TOLD
from wellkept.ops.correlate.stage import CorrelateRunner
from wellkept.spine.graph import Graph
from wellkept.spine.stream import Stream

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
CHAIN = tuple(f"service:shop/{name}" for name in ("a", "b", "c", "d", "e"))
LONELY = "service:crm/web"
SETTINGS = CorrelateSettings(quiet_s=60.0)


class NoChanges:
    def write(self, changes: Sequence[Change]) -> None: ...

    def between(self, start: datetime, end: datetime) -> list[Change]:
        return []


class Chain:
    """Each calls the next one, until the links but the last are cut; one service has nothing to do with them."""

    def __init__(self) -> None:
        self.cut = False

    def graph(self, at: datetime | None = None) -> Graph:
        entities = [Entity(EntityKind.SERVICE, name, name) for name in (*CHAIN, LONELY)]
        edges = [Edge(a, b, EdgeKind.CALLS, NOON) for a, b in itertools.pairwise(CHAIN[3:] if self.cut else CHAIN)]
        return Graph(entities, edges)


class Silence:
    """A judge that keeps everything about some entities quiet."""

    ruled = 0

    def __init__(self, *entities: str) -> None:
        self.entities = set(entities)
        self._seen: dict[str, Finding] = {}

    def judge(self, findings: Sequence[Finding], now: datetime) -> Mapping[str, Held | None]:
        self._seen |= {finding.id: finding for finding in findings}
        silenced = Held(HoldReason.SILENCED, {}, "by ana")
        return {one.id: silenced if one.entity in self.entities else None for one in self._seen.values()}

    def see(self, graph: Graph) -> None: ...

    def groups_of(self, finding: Finding) -> Sequence[tuple[str, float]]:
        return ()

    def kept_apart(
        self, findings: Sequence[Finding], *, anew: bool = False
    ) -> Sequence[tuple[Sequence[str], Sequence[str]]]:
        return ()

    def hush(self, incident: Incident, told: Iterable[Finding], now: datetime) -> str:
        return ""

    def telling(
        self, live: Sequence[Incident], told: Callable[[str], Iterable[Finding]], now: datetime
    ) -> Mapping[str, Held | None]:
        return dict.fromkeys((incident.id for incident in live), None)


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Stream]:
    state = state_in(tmp_path / "state")
    yield Stream(state, NoChanges())
    state.close()


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def finding(entity: str, at_s: float = 0.0, signal: str = "latency") -> Finding:
    return Finding(
        fingerprint=fingerprint("test", entity, signal),
        detector="test",
        detector_version="1",
        entity=entity,
        kind=FindingKind.EXTERNAL,
        severity=Severity.ERROR,
        score=0.5,
        score_meaning="of a test",
        starts_at=at(at_s),
        sentence=f"{signal} of {entity} is bad",
    )


def told(stream: Stream) -> set[tuple[frozenset[str], datetime, str, str]]:
    """What live incidents are about, and since when; ids aside."""
    return {
        (frozenset(one.entities), one.opened_at, one.title, one.severity.name)
        for one in stream.incidents(live=True, limit=1000)
    }


def whole(stream: Stream, incident: str) -> Incident:
    found = stream.incident(incident)
    assert found is not None
    return found


FINDINGS = [finding(entity, n * 40.0) for n, entity in enumerate((*CHAIN, LONELY))]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(FINDINGS))), restarts=st.sets(st.integers(0, len(FINDINGS))))
def test_restarts_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], restarts: set[int]
) -> None:
    seen = []
    for dies in (frozenset[int](), restarts):
        state = state_in(tmp_path_factory.mktemp("state") / "state")
        stream, run = Stream(state, NoChanges()), None
        for number, chosen in enumerate(order):
            if run is None or number in dies:
                run = CorrelateRunner(stream, Chain(), SETTINGS)
            stream.publish([FINDINGS[chosen]], at(300 + number))
            run.tick(at(300 + number))
        seen.append((told(stream), [one.id for one in stream.incidents(live=True)]))
        state.close()
    assert seen[0] == seen[1]


def test_a_save_that_fails_loses_nothing(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    run.tick(at(0))
    stream.publish([finding(CHAIN[0]), finding(CHAIN[1])], at(1))

    def refuse(parts: Sequence[Incident]) -> tuple[list[Incident], int]:
        raise StoreError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(stream, "grow_incidents", refuse)
        with pytest.raises(StoreError, match="no room"):
            run.tick(at(1))
    (opened,) = run.tick(at(2)).opened
    assert set(opened.entities) == {CHAIN[0], CHAIN[1]}


def test_who_ends_an_incident_ends_it_for_the_runner_too(stream: Stream) -> None:
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    stream.publish([finding(CHAIN[0])], at(0))
    (first,) = run.tick(at(0)).opened
    stream.save_incident(whole(stream, first.id).move(IncidentState.RESOLVED, at(5), "ana", "known, and gone"))
    stream.publish([finding(CHAIN[1], 10)], at(10))
    (second,) = run.tick(at(10)).opened
    assert second.entities == (CHAIN[1],), "it takes nothing of the one that is over, and gives it nothing"
    assert whole(stream, first.id).count == 1


def test_what_is_ended_in_the_very_moment_that_it_grows_swallows_nothing(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    stream.publish([finding(CHAIN[0])], at(0))
    (first,) = run.tick(at(0)).opened
    grow = stream.grow_incidents

    def ended_first(parts: Sequence[Incident]) -> tuple[list[Incident], int]:
        monkeypatch.undo()
        stream.save_incident(whole(stream, first.id).move(IncidentState.RESOLVED, at(5), "ana", "gone"))
        return grow(parts)

    monkeypatch.setattr(stream, "grow_incidents", ended_first)
    stream.publish([finding(CHAIN[1], 10)], at(10))
    (second,) = run.tick(at(10)).opened
    assert second.entities == (CHAIN[1],)
    assert not whole(stream, first.id).state.is_live
    assert whole(stream, first.id).count == 1


def test_what_somebody_moved_stays_where_it_was_put_also_after_a_restart(stream: Stream) -> None:
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    mine, other = finding(CHAIN[0]), finding(LONELY)
    stream.publish([mine, finding(CHAIN[1], 5), other], at(10))
    one, two = sorted(run.tick(at(10)).opened, key=lambda incident: -incident.count)
    first, second = whole(stream, one.id), whole(stream, two.id)
    moved = [replace(member, tie=Tie.HAND) for member in first.members if member.finding == mine.id]
    stream.save_incident(second.joined(moved, at(20)))
    stream.save_incident(first.without({mine.id}, at(20), second.id))
    for runner in (run, run, CorrelateRunner(stream, Chain(), SETTINGS)):
        runner.tick(at(30))
        assert set(whole(stream, second.id).entities) == {LONELY, CHAIN[0]}
        assert set(whole(stream, first.id).entities) == {CHAIN[1]}
    stream.publish([finding(CHAIN[2], 40)], at(40))
    run.tick(at(40))
    assert set(whole(stream, first.id).entities) == {CHAIN[1], CHAIN[2]}


def test_two_moves_at_once_keep_all_that_they_part_apart(stream: Stream) -> None:
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    mine = [finding(CHAIN[0], number, f"s{number}") for number in range(3)]
    stream.publish([*mine, finding(LONELY)], at(10))
    one, two = sorted(run.tick(at(10)).opened, key=lambda incident: -incident.count)
    whole_one, second = whole(stream, one.id), whole(stream, two.id)
    by_hand = {member.finding: replace(member, tie=Tie.HAND) for member in whole_one.members}
    own = replace(second, id="inc-own", members=(), timeline=()).joined([by_hand[mine[1].id]], at(20))
    stream.save_incident(own)
    stream.save_incident(second.joined([by_hand[mine[2].id]], at(21)))
    left = whole_one.without({mine[1].id}, at(20), own.id).without({mine[2].id}, at(21), second.id)
    stream.save_incident(left)
    for runner in (run, run, CorrelateRunner(stream, Chain(), SETTINGS)):
        stream.publish([finding(CHAIN[1], 30)], at(30))
        runner.tick(at(30))
        assert [incident.count for incident in (whole(stream, own.id), whole(stream, second.id))] == [1, 2]
        assert len(stream.incidents(live=True)) == 3


def test_what_turns_out_to_be_another_problem_becomes_an_incident_of_its_own(stream: Stream) -> None:
    places = Chain()
    run = CorrelateRunner(stream, places, SETTINGS)
    stream.publish([finding(entity, n * 5.0) for n, entity in enumerate(CHAIN[:3])], at(20))
    (first,) = run.tick(at(20)).opened
    places.cut = True
    run.tick(at(60))
    live = {incident.id: whole(stream, incident.id) for incident in stream.incidents(live=True)}
    assert len(live) == 3
    assert {incident.split_from for incident in live.values()} == {"", first.id}
    assert sorted(entity for incident in live.values() for entity in incident.entities) == sorted(CHAIN[:3])
    assert any("turned out to be another problem" in line.what for line in live[first.id].timeline)


def test_an_incident_of_a_storm_has_a_short_story_and_a_short_place_in_lists(stream: Stream) -> None:
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    for start in range(0, 400, 100):
        stream.publish([finding(CHAIN[0], n / 100, f"s{n}") for n in range(start, start + 100)], at(10))
        run.tick(at(10))
    (listed,) = stream.incidents(live=True)
    assert (listed.count, listed.entities) == (400, (CHAIN[0],))
    assert len(listed.members) < 400
    full = whole(stream, listed.id)
    assert len({member.finding for member in full.members}) == 400
    assert len(full.timeline) < 2 * TOLD
    stream.save_incident(listed.note(at(20), "ana", "I look at it"))
    assert whole(stream, listed.id).count == 400, "what a list did not hold is not taken out"


def test_what_is_kept_quiet_opens_nothing_until_it_is_told(stream: Stream) -> None:
    noise = Silence(CHAIN[0])
    run = CorrelateRunner(stream, Chain(), SETTINGS, noise=noise)
    stream.publish([finding(CHAIN[0])], at(0))
    assert run.tick(at(0)).opened == ()
    assert run.status()["held"] == 1
    noise.entities.clear()
    (opened,) = run.tick(at(10)).opened
    assert (opened.entities, opened.held) == ((CHAIN[0],), "")


def test_what_is_kept_quiet_joins_and_says_so(stream: Stream) -> None:
    silence = Silence(CHAIN[1])
    run = CorrelateRunner(stream, Chain(), SETTINGS, noise=silence)
    stream.publish([finding(CHAIN[0]), finding(CHAIN[1], 5)], at(10))
    (opened,) = run.tick(at(10)).opened
    assert [bool(member.held) for member in whole(stream, opened.id).members] == [False, True]
    silence.entities = {CHAIN[0]}
    run.tick(at(20))
    assert [bool(member.held) for member in whole(stream, opened.id).members] == [True, False]


def test_an_alert_that_comes_again_months_later_begins_when_it_came_again(stream: Stream) -> None:
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    january = replace(finding(CHAIN[0]), starts_at=at(-300 * 86_400.0))
    stream.publish([january], january.starts_at)
    stream.close([january.fingerprint], january.starts_at + timedelta(hours=1))
    run.tick(at(0))
    stream.publish([finding(CHAIN[0], 10)], at(20))
    (opened,) = run.tick(at(20)).opened
    assert (opened.opened_at, opened.count) == (at(10), 1)


def test_a_late_finding_moves_the_beginning_back_and_keeps_the_incident(stream: Stream) -> None:
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    stream.publish([finding(CHAIN[0], 60)], at(60))
    (first,) = run.tick(at(60)).opened
    stream.publish([finding(CHAIN[1], 20)], at(90))
    (same,) = run.tick(at(90)).changed
    assert (same.id, same.opened_at) == (first.id, at(20))

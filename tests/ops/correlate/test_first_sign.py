"""One finding of an incident is its first sign, the earliest, whenever it became known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ops.correlate.test_correlate_runner import CHAIN, SETTINGS, Chain, Changes, at, finding
from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.incident import Incident, Tie
from wellkept.ops.correlate.stage import CorrelateRunner
from wellkept.spine.audit import Audit
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.regrouping import RegroupingDesk
from wellkept.spine.stream import Stream
from wellkept.store.state.state import State


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = state_in(tmp_path / "state")
    yield made
    made.close()


@pytest.fixture
def stream(state: State) -> Stream:
    return Stream(state, Changes())


def signs(incident: Incident) -> list[str]:
    return [member.entity for member in incident.members if member.tie is Tie.FIRST]


def test_a_sign_that_is_told_late_takes_the_place_of_the_first(stream: Stream) -> None:
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    stream.publish([finding(CHAIN[0], 20)], at(21))
    (opened,) = run.tick(at(21)).opened
    stream.publish([finding(CHAIN[1], 0)], at(30))
    run.tick(at(30))
    found = stream.known_incident(opened.id)

    assert signs(found) == [CHAIN[1]]
    assert found.members[0].why == "shop/a depends on shop/b, and they began 20 s apart"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)
@given(order=st.permutations(range(5)), pause=st.sampled_from([0.0, 1.0]))
def test_whoever_comes_first_the_earliest_is_the_first_sign(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], pause: float
) -> None:
    state = state_in(tmp_path_factory.mktemp("state"))
    stream = Stream(state, Changes())
    run = CorrelateRunner(stream, Chain(), SETTINGS)
    for turn, place in enumerate(order):
        stream.publish([finding(CHAIN[place], place)], at(30))
        run.tick(at(30 + turn * pause))
    live = [stream.known_incident(incident.id) for incident in stream.incidents(live=True)]
    state.close()

    assert sum(incident.count for incident in live) == len(CHAIN)
    for incident in live:
        assert signs(incident) == [CHAIN[min(CHAIN.index(member.entity) for member in incident.members)]]


def test_what_a_person_said_of_a_finding_stays(state: State, stream: Stream) -> None:
    run, clock = CorrelateRunner(stream, Chain(), SETTINGS), SettableClock(at(40))
    stream.publish([finding(CHAIN[0], 20), finding(CHAIN[4], 39)], at(40))
    one, two = sorted(run.tick(at(40)).opened, key=lambda incident: incident.opened_at)
    grouping = GroupingDesk(state, Audit(state), clock)
    RegroupingDesk(stream, Audit(state), clock, grouping).merge(one.id, two.id, by="ann", why="one outage")
    run.tick(at(41))
    stream.publish([finding(CHAIN[1], 0)], at(50))
    run.tick(at(50))
    found = stream.known_incident(one.id)

    assert signs(found) == [CHAIN[1]]
    ties = {member.entity: member.tie for member in found.members}
    assert ties == {CHAIN[1]: Tie.FIRST, CHAIN[0]: Tie.DEPENDS_ON, CHAIN[4]: Tie.HAND}

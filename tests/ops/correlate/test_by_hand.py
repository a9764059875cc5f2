"""What people merge and split: onset, severity and its reason follow at once, whether anything new arrives or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ops.correlate.test_correlate_runner import CHAIN, SETTINGS, Chain, Changes, at, finding
from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident
from wellkept.ops.correlate.stage import CorrelateRunner
from wellkept.spine.audit import Audit
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.regrouping import RegroupingDesk
from wellkept.spine.severity import Tiers
from wellkept.spine.stream import Stream
from wellkept.store.state.state import State


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = state_in(tmp_path / "state")
    yield made
    made.close()


class Same(Tiers):
    """Nobody said anything of tiers."""

    def tier(self, entity: str) -> int:
        return 3


def test_onset_and_severity_follow_a_merge_and_a_split(state: State) -> None:
    stream, clock = Stream(state, Changes()), SettableClock(at(40))
    run = CorrelateRunner(stream, Chain(), SETTINGS, Same())
    desk = RegroupingDesk(stream, Audit(state), clock, GroupingDesk(state, Audit(state), clock))
    stream.publish([finding(CHAIN[0], 30), finding(CHAIN[4], 0, severity=Severity.CRITICAL)], at(40))
    early, late = sorted(run.tick(at(40)).opened, key=lambda incident: incident.opened_at)

    def now(incident: Incident) -> tuple[float, Severity, str]:
        found = stream.known_incident(incident.id)
        return (found.opened_at - at(0)).total_seconds(), found.severity, found.severity_why

    before = now(late)
    merged = desk.merge(late.id, early.id, by="ann", why="same")
    run.tick(at(41))
    assert now(late)[:2] == (0.0, Severity.CRITICAL)
    assert now(late)[2].startswith("critical, the worst of 2 findings; ")

    desk.split(late.id, [merged.members[1].finding], by="ann", why="not the same")
    run.tick(at(42))
    assert now(late) == before
    assert before[:2] == (30.0, Severity.ERROR)

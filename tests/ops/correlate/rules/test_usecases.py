"""What is tried on the stored history is laid over the incidents as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.ops.correlate.noise.scenes import alert
from tests.ops.correlate.noise.test_keeper import NoChanges
from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import InputError
from wellkept.kernel.grouping import GroupRule
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.kernel.matching import Matcher
from wellkept.ops.correlate.rules.usecases import GroupingUse
from wellkept.spine.audit import Audit
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.regrouping import RegroupingDesk
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
RULE = GroupRule("rack", (Matcher.of('alertname=~"Backup.*"'),), by=("rack",))


@dataclass(frozen=True)
class Scene:
    stream: Stream
    desk: RegroupingDesk
    use: GroupingUse


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    state, clock = state_in(tmp_path), SettableClock(NOON + timedelta(minutes=5))
    stream, audit = Stream(state, NoChanges()), Audit(state)
    grouping = GroupingDesk(state, audit, clock)
    yield Scene(
        stream,
        RegroupingDesk(stream, audit, clock, grouping),
        GroupingUse(grouping, stream, Topology(state), clock),
    )
    state.close()


def test_incidents_that_were_merged_count_as_the_one_that_they_are(scene: Scene) -> None:
    alerts = [
        replace(alert("Backup", entity=f"service:{name}", rack="r1", instance=name), starts_at=NOON) for name in "ab"
    ]
    found = scene.stream.publish(alerts, NOON)
    for name, finding in zip(("inc-z", "inc-a"), found, strict=True):
        member = Member(finding.id, finding.entity, NOON, "the first sign")
        scene.stream.save_incident(
            Incident(name, name, IncidentState.OPEN, finding.severity, NOON, NOON, (member,), ticket=name)
        )
    before = scene.use.tried(RULE)
    scene.desk.merge("inc-a", "inc-z", by="ann", why="one rack")
    after = scene.use.tried(RULE)

    assert (before.incidents, before.incidents_after, before.precision) == (2, 1, 0.0)
    assert (after.incidents, after.incidents_after, after.precision, after.recall) == (1, 1, 1.0, 1.0)
    assert after.merged == ()


@pytest.mark.parametrize("days", [0, -1, 400, float("nan")])
def test_days_that_are_none_are_refused(scene: Scene, days: float) -> None:
    with pytest.raises(InputError, match="days: must be above 0 and at most 366"):
        scene.use.tried(RULE, days)

"""The keeper: what is in the store is in force at once, what is held can be seen, and a restart changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.ops.correlate.noise.scenes import NOON, alert, at, matchers, over
from tests.store.fixtures import state_in

from wellkept.kernel.change import Change
from wellkept.kernel.clock import SettableClock
from wellkept.kernel.finding import Finding, Severity
from wellkept.kernel.grouping import GroupRule, Require
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.kernel.noise import HoldReason
from wellkept.ops.correlate.noise.base import FLAPPING
from wellkept.ops.correlate.noise.keeper import NoiseKeeper
from wellkept.ops.correlate.noise.settings import NoiseSettings
from wellkept.spine.audit import Audit
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.noise import NoiseDesk
from wellkept.spine.stream import Stream
from wellkept.store.state.state import State

NIGHT = {"name": "night", "begins": "22:00", "ends": "07:00", "zone": "UTC", "below": "error"}


class NoChanges:
    def write(self, changes: object) -> None: ...

    def between(self, start: object, end: object) -> list[Change]:
        return []


class Scene:
    def __init__(self, state: State) -> None:
        self.state, self.clock, self.audit = state, SettableClock(NOON), Audit(state)
        self.desk = NoiseDesk(state, self.audit, self.clock)
        self.grouping = GroupingDesk(state, self.audit, self.clock)
        self.stream = Stream(state, NoChanges())

    def keeper(self, **settings: object) -> NoiseKeeper:
        return NoiseKeeper(self.desk, self.grouping, self.stream, NoiseSettings.model_validate(settings))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    state = state_in(tmp_path)
    yield Scene(state)
    state.close()


def untold(incident: str) -> list[Finding]:
    """The findings that are told of an incident whose findings do not matter."""
    return []


def incident(name: str, severity: Severity = Severity.WARNING, *, entity: str = "", held: str = "") -> Incident:
    return Incident(
        name, f"title of {name}", IncidentState.OPEN, severity, NOON, NOON,
        (Member("fnd-1", entity, NOON, "first", held=held),),
    )  # fmt: skip


def test_a_new_silence_is_in_force_with_the_next_batch_and_what_it_holds_is_kept(scene: Scene) -> None:
    keeper, mine = scene.keeper(), alert(team="shop")
    scene.stream.publish([mine], NOON)
    assert keeper.judge([mine], NOON) == {mine.id: None}
    made = scene.desk.add_silence(matchers("team=shop"), None, NOON + timedelta(hours=1), "ann", "known")
    (held,) = keeper.judge([], at(1)).values()
    assert held is not None
    assert [(one.finding, one.since) for one in scene.desk.held()] == [(mine.id, at(1))]
    scene.clock.set(at(60))
    scene.desk.end_silence(made.id, "ann")
    assert keeper.judge([], at(60)) == {mine.id: None}
    assert scene.desk.held() == []
    assert [one.ended_at for one in scene.desk.held(over_s=3600)] == [at(60)]


def test_after_a_restart_it_goes_on(scene: Scene) -> None:
    scene.desk.add_silence(matchers("team=shop"), None, NOON + timedelta(hours=1), "ann", "known")
    rule = GroupRule("two", matchers("alertname=Down"), (), 600, Require(findings=2))
    scene.grouping.save_rule(rule, "ann")
    mine, lone = alert(team="shop"), alert(n="1")
    scene.stream.publish([mine, lone], NOON)
    scene.keeper().judge([mine, lone], NOON)
    assert [(one.finding, one.since) for one in scene.desk.held()] == [(mine.id, NOON)], "two are enough for the rule"
    again = scene.keeper()
    found = again.judge([alert(n="2")], at(5))
    assert found.pop(mine.id) is not None
    assert set(found.values()) == {None}
    assert [(one.finding, one.since) for one in scene.desk.held()] == [(mine.id, NOON)]


def test_what_flaps_is_told_as_a_finding_of_its_own(scene: Scene) -> None:
    keeper = scene.keeper(flapping={"starts": 4, "ends": 1, "window_s": 600})
    for turn in range(3):
        mine = alert(starts=60 * turn, n="1")
        keeper.judge([mine], at(60 * turn))
        keeper.judge([over(mine, 60 * turn + 30)], at(60 * turn + 30))
    (notice,) = scene.stream.open_findings(FLAPPING)
    assert "comes and goes" in notice.sentence
    again = scene.keeper(flapping={"starts": 4, "ends": 1, "window_s": 600})
    again.judge([], at(300))
    assert len(scene.stream.findings()) == 1
    again.judge([], at(2000))
    assert scene.stream.open_findings(FLAPPING) == []


def test_low_severities_wait_in_quiet_hours_and_are_told_as_one_digest(scene: Scene) -> None:
    keeper = scene.keeper(quiet_hours=[NIGHT])
    late, morning = at(11 * 3600), at(19 * 3600)
    low, high = (
        replace(incident(name, severity), opened_at=late)
        for name, severity in (("inc-low", Severity.WARNING), ("inc-high", Severity.CRITICAL))
    )
    found = keeper.telling([low, high], untold, late)
    assert found["inc-high"] is None
    assert (found["inc-low"] or found["inc-high"]).reason is HoldReason.QUIET_HOURS  # type: ignore[union-attr]
    assert scene.desk.digests()[0] == []
    assert keeper.telling([low, high], untold, morning) == {"inc-low": None, "inc-high": None}
    (digest,) = scene.desk.digests()[0]
    assert (digest.incidents, digest.over) == (("inc-low",), ())
    assert "1 goes on: title of inc-low" in digest.sentence
    keeper.telling([low], untold, morning + timedelta(minutes=1))
    assert len(scene.desk.digests()[0]) == 1


def test_the_digest_of_quiet_hours_leaves_out_what_was_told_before_them_also_after_a_restart(scene: Scene) -> None:
    night = at(10 * 3600)
    before, within = incident("inc-before"), replace(incident("inc-within"), opened_at=night)
    keeper = scene.keeper(quiet_hours=[NIGHT])
    assert keeper.telling([before], untold, at(60)) == {"inc-before": None}
    assert None not in keeper.telling([before, within], untold, night).values()
    again = scene.keeper(quiet_hours=[NIGHT])
    again.telling([before, within], untold, night + timedelta(hours=1))
    again.telling([before, within], untold, night + timedelta(hours=10))
    (digest,) = scene.desk.digests()[0]
    assert (digest.incidents, digest.over) == (("inc-within",), ())


def test_the_digest_tells_of_what_was_over_and_of_what_goes_on_whenever_the_server_was_started(scene: Scene) -> None:
    night, morning = at(10 * 3600), at(19 * 3600)
    held = [replace(incident(f"inc-{n}"), opened_at=night) for n in range(4)]
    scene.keeper(quiet_hours=[NIGHT]).telling(held, untold, night)
    within = scene.keeper(quiet_hours=[NIGHT])
    within.telling(held[1:], untold, night + timedelta(hours=1))
    worse = replace(held[3], severity=Severity.ERROR)
    within.telling([*held[1:3], worse], untold, night + timedelta(hours=2))

    for later in (timedelta(minutes=5), timedelta(hours=1)):  # nobody looked at the end itself
        scene.keeper(quiet_hours=[NIGHT]).telling([*held[2:3], worse], untold, morning + later)
    (digest,) = scene.desk.digests()[0]
    assert (digest.incidents, digest.over, digest.ended_at) == (("inc-2",), ("inc-0", "inc-1"), morning)
    told = "During the quiet hours night 3 incidents were not told: 2 are over, 1 goes on: title of inc-2 (inc-2)."
    assert digest.sentence == told


def test_a_weekend_is_one_stretch_of_quiet_hours_with_one_digest(scene: Scene) -> None:
    weekend = {**NIGHT, "begins": "00:00", "ends": "00:00", "weekdays": ["sat", "sun"]}
    saturday = NOON + timedelta(days=(5 - NOON.weekday()) % 7)
    late, keeper = replace(incident("inc-late"), opened_at=saturday), scene.keeper(quiet_hours=[weekend])
    (held,) = keeper.telling([late], untold, saturday).values()
    assert held is not None
    assert held.until == saturday + timedelta(hours=36)
    keeper.telling([late], untold, saturday + timedelta(hours=13))
    assert scene.desk.digests()[0] == []

    assert keeper.telling([late], untold, saturday + timedelta(hours=37)) == {"inc-late": None}
    (digest,) = scene.desk.digests()[0]
    assert digest.incidents == ("inc-late",)


def test_hours_that_held_back_nothing_new_make_no_digest(scene: Scene) -> None:
    keeper = scene.keeper(quiet_hours=[NIGHT])
    for hours in (1, 11, 20):
        keeper.telling([incident("inc-before")], untold, at(3600 * hours))
    assert scene.desk.digests()[0] == []


def test_an_incident_of_held_findings_alone_is_not_told(scene: Scene) -> None:
    keeper = scene.keeper()
    silenced = incident("inc-1", held="silenced: by ann")
    both = replace(silenced, members=(*silenced.members, Member("fnd-2", "", NOON, "x")))
    (held,) = keeper.telling([silenced], untold, NOON).values()
    assert held is not None
    assert (held.reason, held.sentence) == (HoldReason.SILENCED, "by ann")
    assert keeper.telling([both], untold, NOON) == {"inc-1": None}


FLAPPING_SOON = {"starts": 4, "ends": 1, "window_s": 600}


def test_after_a_restart_what_was_over_is_as_it_was_then(scene: Scene) -> None:
    keeper = scene.keeper(flapping=FLAPPING_SOON)
    turns = [alert(starts=60 * turn, n="1") for turn in range(4)]
    for turn, mine in enumerate(turns):
        for one, second in ((mine, 60 * turn), (over(mine, 60 * turn + 30), 60 * turn + 30)):
            scene.stream.publish([one], at(second))
            keeper.judge([one], at(second))
    before = scene.desk.held(over_s=86_400)
    assert [one.finding for one in before] == [turns[3].id, turns[2].id, turns[1].id], "the first was told"
    again = scene.keeper(flapping=FLAPPING_SOON)
    ended = [over(mine, 60 * turn + 30) for turn, mine in enumerate(turns)]
    for _ in range(2):
        found = again.judge(ended, at(240))
        assert [found[one.id] is not None for one in ended] == [False, True, True, True]
    assert scene.desk.held(over_s=86_400) == before


def test_what_ended_while_nobody_looked_was_held_until_then(scene: Scene) -> None:
    scene.desk.add_silence(matchers("team=shop"), None, NOON + timedelta(hours=9), "ann", "known")
    mine = alert(team="shop")
    scene.stream.publish([mine], NOON)
    scene.keeper().judge([mine], NOON)
    scene.stream.publish([over(mine, 60)], at(60))
    scene.clock.set(at(7 * 3600))
    scene.keeper().judge([], at(7 * 3600))
    (kept,) = scene.desk.held(over_s=86_400)
    assert (kept.since, kept.ended_at) == (NOON, at(60))


def test_what_is_over_when_it_is_first_seen_was_not_held_later(scene: Scene) -> None:
    scene.desk.add_silence(matchers("team=shop"), None, NOON + timedelta(hours=1), "ann", "known")
    keeper = scene.keeper()
    keeper.judge([], NOON)
    keeper.judge([alert(starts=5, ends=10, team="shop")], at(60))
    (kept,) = scene.desk.held(over_s=86_400)
    assert (kept.since, kept.ended_at) == (at(10), at(10))

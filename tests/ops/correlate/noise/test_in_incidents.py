"""What noise makes of incidents, with the runner and a store: held things open nothing, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.ops.correlate.noise.scenes import NOON, alert, at, matchers, over
from tests.ops.correlate.noise.test_effects import chain
from tests.ops.correlate.noise.test_keeper import NIGHT, Scene
from tests.store.fixtures import state_in

from wellkept.kernel.finding import Finding, Severity
from wellkept.kernel.grouping import GroupRule, Require
from wellkept.kernel.incident import Incident, Tie
from wellkept.kernel.noise import HoldReason, reason_of
from wellkept.ops.correlate.stage import CorrelateRunner
from wellkept.spine.graph import Graph


class Places:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def graph(self, at: datetime | None = None) -> Graph:
        return self._graph


class World(Scene):
    """A scene with the runner of incidents."""

    def run(self, graph: Graph | None = None, **settings: object) -> None:
        keeper = self.keeper(**settings)
        self.runner = CorrelateRunner(self.stream, Places(graph or Graph((), ())), noise=keeper)

    def tell(self, seconds: float, *findings: Finding) -> None:
        self.clock.set(at(seconds))
        self.stream.publish(findings, at(seconds))
        self.runner.tick(at(seconds))

    def incidents(self) -> list[Incident]:
        return sorted(self.stream.incidents(), key=lambda one: (one.opened_at, one.id))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    state = state_in(tmp_path)
    yield World(state)
    state.close()


def test_a_silenced_alert_opens_nothing_until_its_silence_ends(world: World) -> None:
    world.run()
    world.desk.add_silence(matchers("team=shop"), None, NOON + timedelta(minutes=10), "ann", "known")
    world.tell(1, alert(team="shop"))
    assert world.incidents() == []
    assert len(world.desk.held()) == 1
    world.tell(599)
    assert world.incidents() == []
    world.tell(601)
    (opened,) = world.incidents()
    assert opened.held == ""
    assert world.desk.held() == []


def test_an_incident_whose_findings_are_silenced_is_not_told_any_more(world: World) -> None:
    world.run()
    world.tell(1, alert(team="shop"))
    silence = world.desk.add_silence(matchers("team=shop"), None, NOON + timedelta(hours=1), "ann", "known")
    world.tell(5)
    (opened,) = world.incidents()
    assert reason_of(opened.held) is HoldReason.SILENCED
    world.desk.end_silence(silence.id, "ann")
    world.tell(10)
    assert world.incidents()[0].held == ""


def test_a_rule_puts_together_what_nothing_else_does_and_waits_for_enough(world: World) -> None:
    world.grouping.save_rule(GroupRule("racks", matchers("alertname=Down"), ("rack",), 900, Require(findings=3)), "ann")
    world.run()
    far = [alert(starts=300 * n, rack="r1", node=str(n), entity=f"host:{n}") for n in range(3)]
    world.tell(1, far[0], alert(rack="r2", node="9", entity="host:9"))
    world.tell(301, far[1])
    assert world.incidents() == [], "no incident of one alert"
    world.tell(601, far[2])
    (opened,) = world.incidents()
    assert {member.finding for member in opened.members} == {finding.id for finding in far}
    assert {member.tie for member in opened.members} == {Tie.FIRST, Tie.RULE}
    assert "the grouping rule racks (rack=r1) puts them together" in opened.members[1].why


def test_a_rule_that_comes_later_is_in_force_for_what_is_open(world: World) -> None:
    world.run()
    world.tell(1, *(alert(rack="r1", node=str(n), entity=f"host:{n}") for n in range(2)))
    assert len(world.incidents()) == 2
    world.grouping.save_rule(GroupRule("racks", matchers("alertname=Down"), ("rack",)), "ann")
    world.tell(5)
    assert len([one for one in world.incidents() if one.state.is_live]) == 1


def test_an_effect_is_held_while_its_cause_is_there(world: World) -> None:
    graph = chain(("service:a", "service:b"), ("service:b", "service:c"), ("service:c", "service:d"))
    world.run(graph)
    cause, effect = alert("Root", entity="service:d", n="1"), alert("Far", starts=5, entity="service:a", n="2")
    world.tell(1, cause)
    world.tell(6, effect)
    held = {one.title: reason_of(one.held) for one in world.incidents()}
    assert held == {"Root is told": None, "Far is told": HoldReason.INHIBITED}
    world.tell(7, alert("Far", starts=5, entity="service:a", n="2"))
    assert [bool(one.held) for one in world.incidents()] == [False, True], "growing changes nothing"
    world.tell(60, over(cause, 50))
    world.tell(400)
    live = [one for one in world.incidents() if one.state.is_live]
    assert [one.held for one in live] == [""]


def test_quiet_hours_hold_the_telling_and_end_in_a_digest(world: World) -> None:
    world.run(quiet_hours=[NIGHT])
    night, morning = 11 * 3600.0, 19 * 3600.0 + 60
    world.tell(night, alert(starts=night, severity=Severity.WARNING, n="1"))
    (low,) = world.incidents()
    assert reason_of(low.held) is HoldReason.QUIET_HOURS
    world.tell(night + 60, alert("Bad", starts=night, severity=Severity.CRITICAL, n="2"))
    assert [bool(one.held) for one in world.incidents()].count(True) == 1
    world.tell(morning)
    assert [one.held for one in world.incidents()] == ["", ""]
    (digest,) = world.desk.digests()[0]
    assert digest.incidents == (low.id,)


def test_a_rule_that_keeps_apart_splits_what_is_related(world: World) -> None:
    world.run()
    found = [alert(name, entity="service:web", n=name) for name in ("Slow", "CertExpires")]
    world.tell(1, *found)
    assert len([one for one in world.incidents() if one.state.is_live]) == 1
    rule = GroupRule("certs", matchers("alertname=Slow"), ("entity",), against=matchers("alertname=CertExpires"))
    world.grouping.save_rule(rule, "ann")
    world.tell(5)
    world.tell(10, alert("Slow", starts=8, entity="service:web", n="again"))
    live = [one for one in world.incidents() if one.state.is_live]
    sides = [{member.finding == found[1].id for member in one.members} for one in live]
    assert sides in ([{False}, {True}], [{True}, {False}])


def test_after_a_restart_what_a_rule_keeps_apart_stays_so(world: World) -> None:
    rule = GroupRule("certs", matchers("alertname=Slow"), ("entity",), against=matchers("alertname=CertExpires"))
    world.grouping.save_rule(rule, "ann")
    world.run()
    world.tell(1, *(alert(name, entity="service:web", n=name) for name in ("Slow", "CertExpires")))
    assert len(world.incidents()) == 2
    world.run()
    world.tell(5, alert("Slow", starts=4, entity="service:web", n="again"))
    assert sorted(one.count for one in world.incidents() if one.state.is_live) == [1, 2]


OF_SHOP = {**NIGHT, "match": ['team=~"sh.*"']}


def quiet(name: str, starts: float, *, entity: str = "", team: str = "") -> Finding:
    return alert(name, starts, entity=entity, severity=Severity.WARNING, team=team)


def test_quiet_hours_are_for_incidents_whose_told_findings_all_match(world: World) -> None:
    world.run(quiet_hours=[OF_SHOP])
    night = 11 * 3600.0
    world.tell(night, quiet("Slow", night, entity="service:web", team="shop"), quiet("Late", night, team="pay"))
    held = {one.title: reason_of(one.held) for one in world.incidents()}
    assert held == {"Slow is told": HoldReason.QUIET_HOURS, "Late is told": None}
    world.tell(night + 5, quiet("Full", night + 5, entity="service:web", team="crew"))
    (shop,) = (one for one in world.incidents() if one.title != "Late is told")
    assert (shop.count, reason_of(shop.held)) == (2, None), "one that does not match is told at once"
    world.desk.add_silence(matchers("team=crew"), None, at(night + 7200), "ann", "known")
    world.tell(night + 10)
    (shop,) = (one for one in world.incidents() if one.title != "Late is told")
    assert reason_of(shop.held) is HoldReason.QUIET_HOURS, "what is held itself does not count"


def test_an_incident_that_grows_and_a_restart_leave_it_in_its_quiet_hours(world: World) -> None:
    world.run(quiet_hours=[OF_SHOP])
    night = 11 * 3600.0
    first = quiet("Slow", night, entity="service:web", team="shop")
    world.tell(night, first)
    world.tell(night + 2, replace(first, sentence="Slow is told again"))
    world.tell(night + 4, quiet("Full", night + 4, entity="service:web", team="shop"))
    assert [reason_of(one.held) for one in world.incidents()] == [HoldReason.QUIET_HOURS]
    world.run(quiet_hours=[OF_SHOP])
    world.tell(night + 6)
    assert [reason_of(one.held) for one in world.incidents()] == [HoldReason.QUIET_HOURS]


def test_incidents_that_are_held_as_a_whole_are_listed_with_what_is_held(world: World) -> None:
    graph = chain(("service:a", "service:b"), ("service:b", "service:c"), ("service:c", "service:d"))
    world.run(graph, quiet_hours=[NIGHT])
    night = 11 * 3600.0
    world.tell(night, quiet("Root", night, entity="service:d"), alert("Down", night, entity="service:x"))
    world.tell(night + 5, quiet("Far", night + 5, entity="service:a"))
    ids = {one.title: one.id for one in world.incidents()}
    found = {one.incident: one for one in world.desk.held()}
    assert {found[ids[title]].held.reason.value for title in ("Root is told", "Far is told")} == {
        "quiet_hours", "inhibited",
    }  # fmt: skip
    assert world.desk.held_counts() == {"quiet_hours": 1, "inhibited": 1}
    root = found[ids["Root is told"]]
    assert (root.entity, root.since, root.held.until) == ("service:d", at(night), at(19 * 3600))

    world.run(graph, quiet_hours=[NIGHT])
    world.tell(night + 10)
    assert {one.incident: one for one in world.desk.held()} == found, "a restart changes nothing"
    world.tell(19 * 3600 + 60)
    assert [one.incident for one in world.desk.held()] == [ids["Far is told"]]
    (over,) = (one for one in world.desk.held(HoldReason.QUIET_HOURS, over_s=3600) if one.ended_at)
    assert (over.incident, over.ended_at) == (ids["Root is told"], at(19 * 3600 + 60))

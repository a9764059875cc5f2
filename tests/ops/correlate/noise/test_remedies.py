"""What mends itself wakes nobody: held while a runbook is at work by itself, told where that does not help."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.ops.correlate.noise.scenes import NOON, at
from tests.spine.scene import plan
from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.kernel.noise import HoldReason
from wellkept.kernel.plan import Decision, PlanState
from wellkept.ops.correlate.noise.keeper import NoiseKeeper
from wellkept.ops.correlate.noise.remedies import Remedies
from wellkept.ops.correlate.noise.settings import NoiseSettings
from wellkept.spine.audit import Audit
from wellkept.spine.graph import Graph
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.noise import NoiseDesk
from wellkept.store.state.plans import PlanRows
from wellkept.store.state.state import State

WAIT_S = 600.0
AT_WORK = "remedy: runbook clear is at work by itself (plan pln-1)"


@dataclass
class Scene:
    state: State

    def __post_init__(self) -> None:
        self.plans = PlanRows(self.state)
        self.remedies = Remedies(self.plans, WAIT_S)

    def decided(self, *, by: str = "policy", runbook: str = "clear", moment: datetime = NOON) -> None:
        """A plan about incident inc-1 that was approved."""
        made = replace(plan(id="pln-1"), runbook=runbook)
        decision = Decision(made.id, made.hash, True, by, moment, "may", moment + timedelta(hours=1))
        self.plans.add(made, PlanState.APPROVED, "approved", decision)

    def moves(self, to: PlanState, moment: datetime) -> None:
        assert self.plans.move("pln-1", tuple(PlanState), to, moment, "")

    def words(self, about: Incident, moment: datetime) -> str:
        held = self.remedies.of([about], moment).get(about.id)
        return held.words if held is not None else ""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    state = state_in(tmp_path)
    yield Scene(state)
    state.close()


def incident(
    severity: Severity = Severity.ERROR, state: IncidentState = IncidentState.OPEN, held: str = ""
) -> Incident:
    members = (Member("fnd-1", "disk:h1:/data", NOON, "first"),)
    return Incident("inc-1", "disk fills", state, severity, NOON, NOON, members, held=held)


@pytest.mark.parametrize("state", [PlanState.APPROVED, PlanState.RUNNING, PlanState.VERIFYING])
def test_while_a_runbook_is_at_work_by_itself_nobody_is_told(scene: Scene, state: PlanState) -> None:
    scene.decided()
    scene.moves(state, at(60))

    (held,) = scene.remedies.of([incident()], at(60)).values()

    assert (held.reason, held.words, held.until) == (HoldReason.REMEDY, AT_WORK, at(WAIT_S))


@pytest.mark.parametrize("state", [PlanState.FAILED, PlanState.EXPIRED, PlanState.VOID, PlanState.SUCCEEDED])
def test_where_it_has_come_to_an_end_and_the_trouble_goes_on_people_are_told(scene: Scene, state: PlanState) -> None:
    scene.decided()
    scene.moves(state, at(60))

    assert scene.words(incident(held=AT_WORK), at(71)) == ""


def test_a_remedy_that_takes_too_long_lets_go(scene: Scene) -> None:
    scene.decided()

    assert scene.words(incident(held=AT_WORK), at(WAIT_S - 1))
    assert scene.words(incident(held=AT_WORK), at(WAIT_S)) == ""


def test_what_is_mended_is_not_told_on_its_way_to_being_over(scene: Scene) -> None:
    scene.decided()
    scene.moves(PlanState.SUCCEEDED, at(60))
    mended = "remedy: it was mended by itself, and is not over yet"

    assert scene.words(incident(held=AT_WORK), at(61)) == mended, "the gate has said so, and the incident not yet"
    assert scene.words(incident(state=IncidentState.MITIGATED, held=AT_WORK), at(400)) == mended
    assert scene.words(incident(state=IncidentState.OPEN, held=mended), at(400)) == "", "it has come back"


@pytest.mark.parametrize("by", ["ann", ""])
def test_what_a_person_approved_is_known_to_people(scene: Scene, by: str) -> None:
    scene.decided(by=by)

    assert scene.words(incident(), at(1)) == ""


def test_no_other_plan_holds_anything(scene: Scene) -> None:
    scene.decided(runbook="")

    assert scene.words(incident(), at(1)) == ""


def test_what_is_critical_is_told_at_once(scene: Scene) -> None:
    scene.decided()

    assert scene.words(incident(Severity.CRITICAL), at(1)) == ""


@pytest.mark.parametrize("state", [IncidentState.ACKNOWLEDGED, IncidentState.MITIGATED])
def test_what_somebody_looks_after_is_held_by_nothing(scene: Scene, state: IncidentState) -> None:
    scene.decided()

    assert scene.words(incident(state=state), at(1)) == ""


def test_who_wants_to_be_told_at_once_says_so(scene: Scene) -> None:
    scene.decided()

    assert Remedies(scene.plans, 0.0).of([incident()], at(1)) == {}


def keeper(scene: Scene, clock_at: datetime, **settings: object) -> NoiseKeeper:
    audit, clock = Audit(scene.state), SettableClock(clock_at)
    made = NoiseKeeper(
        NoiseDesk(scene.state, audit, clock),
        GroupingDesk(scene.state, audit, clock),
        None,  # type: ignore[arg-type]  # no finding is judged here
        NoiseSettings.model_validate(settings),
        plans=scene.plans,
    )
    made.see(Graph((), ()))
    return made


def test_the_keeper_lists_it_among_what_is_held_and_lets_go(scene: Scene) -> None:
    scene.decided()
    mine = keeper(scene, NOON)

    (held,) = mine.telling([incident()], lambda _: [], at(5)).values()
    assert held is not None
    assert mine.hush(incident(), [], at(5)) == held.words == AT_WORK
    scene.moves(PlanState.FAILED, at(60))
    assert mine.telling([incident(held=AT_WORK)], lambda _: [], at(80)) == {"inc-1": None}
    assert mine.hush(incident(), [], at(80)) == ""


def test_after_a_remedy_that_failed_quiet_hours_hold_it_as_they_would_have(scene: Scene) -> None:
    hours = {"name": "noon", "begins": "11:00", "ends": "13:00", "zone": "UTC", "below": "critical"}
    scene.decided()
    mine = keeper(scene, NOON, quiet_hours=[hours])

    reasons = []
    for moment in (at(5), at(80)):
        (held,) = mine.telling([incident()], lambda _: [], moment).values()
        assert held is not None
        reasons.append(held.reason)
        scene.moves(PlanState.FAILED, at(60))
    assert reasons == [HoldReason.REMEDY, HoldReason.QUIET_HOURS]

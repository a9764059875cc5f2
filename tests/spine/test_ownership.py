"""Whose an incident is: as the catalogue says of its likely cause, unless a person said otherwise."""

from __future__ import annotations

from tests.spine.scene import NOON, Changes

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.diagnosis import Cause, Diagnosis
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.spine.audit import Audit
from wellkept.spine.catalogue import Catalogue, CatalogueSettings, Entry
from wellkept.spine.incidents import IncidentDesk
from wellkept.spine.ownership import Ownership
from wellkept.spine.stream import Stream
from wellkept.store.state.state import State


def test_the_owner_follows_the_cause_and_stays_what_a_person_said(state: State) -> None:
    stream = Stream(state, Changes())
    entries = (Entry(match="service:web", owner="shop"), Entry(match="database:*", owner="storage"))
    ownership = Ownership(stream, Catalogue(CatalogueSettings(entries=entries)))
    members = tuple(Member(f"fnd-{name}", f"service:{name}", NOON, "why") for name in ("nobodys", "web"))
    stream.save_incident(Incident("inc-1", "slow", IncidentState.OPEN, Severity.ERROR, NOON, NOON, members))

    def owner() -> str:
        ownership.tick(NOON)
        found = stream.incident("inc-1")
        assert found is not None
        return found.owner

    assert owner() == "shop", "the first entity that is somebody's"
    stream.save_diagnosis(Diagnosis("inc-1", NOON, "1", (Cause("database:pg", 0.8, ()),), "the database"))
    assert owner() == "storage"
    assert ownership.tick(NOON) == [], "nothing changes hands twice"
    desk = IncidentDesk(stream, Audit(state), SettableClock(NOON))
    desk.own("inc-1", "payments", by="ann")
    assert owner() == "payments"
    desk.own("inc-1", "", by="ann")
    assert owner() == "storage", "left to the catalogue again"

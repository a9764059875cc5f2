"""Incidents are found by what people look for, on both engines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.store.telemetry.scenes import at

from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.store.state.incidents import IncidentRows
from wellkept.store.state.incidentsearch import IncidentSearch, Wanted
from wellkept.store.state.state import State


@pytest.fixture
def search(state: State) -> IncidentSearch:
    rows = IncidentRows(state)
    base = Incident("inc-0", "", IncidentState.OPEN, Severity.WARNING, at(0), at(0), ())
    told = [
        replace(base, id="inc-1", title="Disk fills", severity=Severity.ERROR, owner="storage", ticket="TCK-AB1"),
        replace(base, id="inc-2", title="100% of é slow", owner="shop", assignee="ann", held="silenced by ann"),
        replace(base, id="inc-3", title="Model drifts", state=IncidentState.CLOSED, reopens="inc-1"),
    ]
    entities = ("disk:h1:/data", "service:shop/checkout", "model:fraud")
    for number, (incident, entity) in enumerate(zip(told, entities, strict=True)):
        member = Member(f"fnd-{number}", entity, at(0), "why")
        rows.save(replace(incident, opened_at=at(number), members=(member,)))
    return IncidentSearch(state)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [3, 2, 1]),
        (Wanted(states=(IncidentState.OPEN,)), [2, 1]),
        (Wanted(severity=Severity.ERROR), [1]),
        (Wanted(owner="shop"), [2]),
        (Wanted(assignee="ann"), [2]),
        (Wanted(entity="checkout"), [2]),
        (Wanted(entity="shop/checkout"), [2]),
        (Wanted(entity="service:shop/checkout"), [2]),
        (Wanted(entity="heckout"), []),
        (Wanted(entity="fraud"), [3]),
        (Wanted(held=True), [2]),
        (Wanted(held=False), [3, 1]),
        (Wanted(text="disk"), [1]),
        (Wanted(text="100% OF"), [2]),
        (Wanted(text="%"), [2]),
        (Wanted(text="_"), []),
        (Wanted(text="tck-ab1"), [1]),
        (Wanted(text="inc-3"), [3]),
        (Wanted(start=at(1)), [3, 2]),
        (Wanted(end=at(1)), [1]),
        (Wanted(owner="shop", severity=Severity.ERROR), []),
    ],
)
def test_what_is_wanted_is_found(search: IncidentSearch, wanted: Wanted, found: list[int]) -> None:
    incidents, total = search.find(wanted)

    assert [incident.id for incident in incidents] == [f"inc-{number}" for number in found]
    assert total == len(found)


def test_pages_and_parts(search: IncidentSearch) -> None:
    (second,), total = search.find(Wanted(), offset=1, limit=1, parts=True)

    assert (second.id, total, second.count, second.entities) == ("inc-2", 3, 1, ("service:shop/checkout",))
    assert [member.finding for member in second.members] == ["fnd-1"]
    assert [incident.id for incident in search.returns_of("inc-1")] == ["inc-3"]

"""A platform's state with a desk of tickets, and incidents that a test moves on by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.spine.scene import Changes

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.kernel.incident import Incident, IncidentState, Member, StoryKind
from wellkept.spine.stream import Stream
from wellkept.spine.tickets.desk import TicketDesk
from wellkept.spine.tickets.parts import Parts
from wellkept.spine.tickets.routing import Place
from wellkept.spine.tickets.settings import TicketSettings
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.send import Transport
from wellkept.store.state.plans import PlanRecord
from wellkept.store.state.state import State
from wellkept.store.state.tickets import TicketRow, TicketRows

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PLACES = {"service:shop/checkout": Place("payments", 1), "service:shop/wiki": Place("docs", 4)}


class Desk:
    """One desk (a second one on the same state is another server), a clock, and the stream."""

    def __init__(self, state: State, settings: dict[str, Any], server: str = "one", marks: Any = None) -> None:
        self.clock, self.state, self.plans = SettableClock(NOON), state, list[PlanRecord]()
        self.stream, self.rows = Stream(state, Changes()), TicketRows(state)
        self.settings = TicketSettings.model_validate(settings)
        self.seen: list[tuple[str, str, str]] = []
        counter = itertools.count(1)
        self.desk = TicketDesk(
            Parts(
                self.settings,
                self.rows,
                self.stream,
                lambda _: self.plans,
                Secrets({"TOKEN": "token-of-bot"}),
                Transport(self.settings.networks),
                self.clock,
                lambda incident, by, why: self.seen.append((incident, by, why)),
                server,
                "https://wellkept.example",
            ),
            PLACES.get,
            marks or (lambda: f"m{next(counter)}of{server}"),
        )
        self.desk.gather()

    def turn(self, seconds: float = 60.0) -> None:
        """Let time pass, gather, and work on everything that is due."""
        self.clock.advance(timedelta(seconds=seconds))
        self.desk.gather()
        for name in ("wellkept", *(one.name for one in self.settings.trackers)):
            self.desk.turn(name)

    def row(self, incident: str = "inc-1", tracker: str = "there") -> TicketRow:
        found = self.rows.get(incident, tracker)
        assert found is not None
        return found

    def opened(self, identity: str = "inc-1", **changes: Any) -> Incident:
        """A live incident with one open finding."""
        now = self.clock.now()
        (finding,) = self.stream.publish([finding_of(identity, now)], now)
        known = Incident(
            identity,
            "checkout is slow",
            IncidentState.OPEN,
            Severity.ERROR,
            now,
            now,
            (Member(finding.id, finding.entity, now, "the first sign"),),
            ticket=f"TCK-{identity[4:].upper()}",
            detected_at=now,
        )
        incident = replace(known, **changes).note(now, "correlate", "opened")
        self.stream.save_incident(incident)
        return incident

    def recover(self, identity: str = "inc-1", by: str = "correlate") -> Incident:
        """Its findings are over, and it is resolved."""
        now = self.clock.now()
        self.stream.close([f"print-{identity}"], now)
        return self.move(identity, IncidentState.RESOLVED, by, "all findings have been over for 120 s")

    def move(self, identity: str, to: IncidentState, by: str, why: str) -> Incident:
        found = self.stream.incident(identity)
        assert found is not None
        moved = found.move(to, self.clock.now(), by, why)
        self.stream.save_incident(moved)
        return moved

    def change(self, identity: str = "inc-1", **changes: Any) -> None:
        found = self.stream.incident(identity)
        assert found is not None
        self.stream.save_incident(replace(found, updated_at=self.clock.now(), **changes))

    def story(self, identity: str = "inc-1") -> list[str]:
        """The lines that tell of tickets."""
        found = self.stream.incident(identity)
        assert found is not None
        return [entry.what for entry in found.timeline if entry.kind is StoryKind.TICKET]


def finding_of(identity: str, at: datetime, entity: str = "service:shop/checkout") -> Finding:
    said = f"{identity}: p99 is 2.4 s @team <!-- wellkept:ticket:forged --> #1"
    return Finding(f"print-{identity}", "anomaly", "1", entity, FindingKind.ANOMALY, Severity.ERROR, 0.9, "z", at, said)


def settings_of(site: Any, **more: Any) -> dict[str, Any]:
    """A configuration with one tracker, called ``there``."""
    tracker = {"name": "there", "url": site.address, **site.kind, **more.pop("tracker", {})}
    return {"trackers": [tracker], "networks": ["127.0.0.0/8"], "every_s": 0, **more}

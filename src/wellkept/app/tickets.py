"""Tickets, wired: one thread that gathers and keeps the tickets here, one for each tracker, and one that forgets."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any

from wellkept.app.schedule import Job, Loop, Schedule
from wellkept.app.statestore import process_name
from wellkept.kernel.errors import ConflictError
from wellkept.spine.tickets.desk import TicketDesk
from wellkept.spine.tickets.parts import Parts
from wellkept.spine.tickets.routing import Place
from wellkept.spine.tickets.settings import OWN
from wellkept.spine.webhooks.send import Transport
from wellkept.store.state.plans import PlanRows
from wellkept.store.state.tickets import TicketRows

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

LOOK_EVERY_S, TIDY_EVERY_S = 1.0, 3600.0
LAST_WORD_S = 2.0
MOST_PLANS = 100
MARK_BYTES = 12


class Tickets:
    """Works on tickets until it is closed. What is to be done is kept, and goes on at the next start."""

    def __init__(self, platform: Platform) -> None:
        settings, plans = platform.settings.tickets, PlanRows(platform.state)
        people, catalogue = platform.incidents.desk, platform.catalogue

        def seen(incident: str, by: str, why: str) -> None:
            """Somebody works on it; where it is mitigated or over, that is not news."""
            with contextlib.suppress(ConflictError):
                people.acknowledge(incident, by=by, why=why)

        parts = Parts(
            settings=settings,
            rows=TicketRows(platform.state),
            stream=platform.stream,
            plans=lambda incident: plans.recent(incident, None, MOST_PLANS),
            secrets=platform.secrets,
            transport=Transport(settings.networks, setting="tickets.networks"),
            clock=platform.clock,
            seen=seen,
            server=process_name(),
            page=(settings.page or platform.settings.webhooks.url).rstrip("/"),
        )
        self.desk = TicketDesk(
            parts,
            lambda entity: Place(catalogue.owner(entity), catalogue.tier(entity)),
            lambda: secrets.token_hex(MARK_BYTES),
        )
        self._leader, self.schedule = platform.leader, Schedule(self._loops(), platform.leader)

    def start(self) -> None:
        """Start. The first start begins at the end: what happened before is not told."""
        if self._leader.leads:
            self.desk.gather()
        self.schedule.start()

    def close(self) -> None:
        """Ask every thread to end. One that waits for an answer is left: it looks what became of it afterwards."""
        self.schedule.stop(LAST_WORD_S)

    def status(self) -> dict[str, Any]:
        """How many tickets are in which state, who is left alone until when, and whether the work goes on."""
        resting = {name: until.isoformat() for name, until in self.desk.resting().items()}
        return {"tickets": self.desk.counts(), "resting": resting, **self.schedule.failures()}

    def _loops(self) -> list[Loop]:
        here = Job("tickets-here", lambda: self.desk.turn(OWN), led=True)
        own = [Job("tickets", self.desk.gather, led=True), here]
        every = [Loop(f"tickets-{one.name}", LOOK_EVERY_S, [self._working(one.name)]) for one in self.desk.trackers]
        tidy = Loop("tickets-old", TIDY_EVERY_S, [Job("tickets-old", self.desk.forget_old, led=True)])
        return [Loop("tickets", LOOK_EVERY_S, own), *every, tidy]

    def _working(self, name: str) -> Job:
        return Job(f"tickets-{name}", lambda: self.desk.turn(name), led=True, begin=lambda: self.desk.inherit(name))

"""The desk of tickets: asks for what is to be looked at, has it worked on, and does what people ask for.

Nobody has to tell it anything: it reads which incidents were saved since it last looked. Any number of servers may do
so on one database; a ticket is worked on by the one that has claimed it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.incident import Incident, IncidentState, StoryKind
from wellkept.spine.tickets import local
from wellkept.spine.tickets.base import TicketError, Trouble
from wellkept.spine.tickets.parts import Parts, facts_of
from wellkept.spine.tickets.recovery import MACHINES
from wellkept.spine.tickets.routing import Known, destinations
from wellkept.spine.tickets.settings import OWN, Tracker
from wellkept.spine.tickets.trackers import adapter
from wellkept.spine.tickets.work import LostError, Work, lease_of
from wellkept.spine.webhooks.outbox import pause_after
from wellkept.store.state.tickets import DEAD, EPOCH, OPEN, CallRow, TicketRow

log = logging.getLogger(__name__)

AT_A_TIME = 50
MOST_CALLS = 200
KEEP_CALLS = timedelta(days=30)
GROWTH, LONGEST_PAUSE_S = 2.0, 3600.0

NewMark = Callable[[], str]
"""Draws what a ticket is found again by: nobody can guess it."""


class TicketDesk:
    """Gathers, works, and answers people. ``turn`` of one tracker is called by one thread, anything else by any."""

    def __init__(self, parts: Parts, known: Known, new_mark: NewMark) -> None:
        self._parts, self._known, self._new_mark = parts, known, new_mark
        self._resting: dict[str, datetime] = {}

    @property
    def trackers(self) -> Sequence[Tracker]:
        return self._parts.settings.trackers

    def gather(self) -> int:
        """Ask for the tickets of all incidents that were saved since the last look; returns how many incidents.

        The first time begins at the end: what is over and done by then gets no ticket elsewhere.
        """
        position = self._parts.rows.position()
        if position is None:
            self._parts.rows.want([], self._parts.stream.last_revision())
            return 0
        incidents, revision = self._parts.stream.incident_heads_since(position)
        rows = [row for incident in incidents for row in self._wanted(incident, revision)]
        if revision != position:
            self._parts.rows.want(rows, revision)
        return len(incidents)

    def inherit(self, name: str) -> None:
        """Begin to work on a tracker's tickets: what others had claimed gets the time for a request under way."""
        now, left = self._parts.clock.now(), timedelta(seconds=self._named(name).timeout_s)
        self._parts.rows.inherit(name, self._parts.server, now, now + left)

    def turn(self, name: str) -> int:
        """Work on what is due at a tracker (or here); returns on how many tickets.

        After a failure that concerns the whole tracker the rest waits until it may be asked again; after one that
        concerns a ticket alone the others go on.
        """
        tracker = next((one for one in self.trackers if one.name == name), None)
        if self._resting.get(name, EPOCH) > self._parts.clock.now():
            return 0
        for count in range(AT_A_TIME):
            now = self._parts.clock.now()
            row = self._parts.rows.claim(name, self._parts.server, now, now + lease_of(tracker))
            if row is None or not (self._kept(row) if tracker is None else self._worked(row, tracker)):
                return count
        return AT_A_TIME

    def tickets(self, tracker: str | None, state: str | None, limit: int) -> list[TicketRow]:
        """Tickets, newest first; of every tracker and here."""
        return self._parts.rows.recent(tracker, state, limit)

    def of_incident(self, incident: str) -> list[TicketRow]:
        """The tickets of an incident: its own first.

        Raises:
            NotFoundError: there is no such incident.
        """
        rows = self._parts.rows.of_incident(incident)
        mine = [row for row in rows if row.tracker == OWN]
        return (mine or [self._own(incident)]) + [row for row in rows if row.tracker != OWN]

    def find(self, name: str) -> list[TicketRow]:
        """The tickets of an incident, by its id or by the number of any of its tickets.

        Raises:
            NotFoundError: nothing is called so, or more than one incident is.
        """
        incidents = {row.incident for row in self._parts.rows.numbered(name)}
        if len(incidents) > 1:
            raise NotFoundError(f"ticket {name}", f"is a number of {', '.join(sorted(incidents))}; name the incident")
        return self.of_incident(incidents.pop() if incidents else name)

    def calls(self, incident: str, tracker: str) -> list[CallRow]:
        """The newest requests that were made for a ticket, oldest first."""
        return self._parts.rows.calls(incident, tracker, MOST_CALLS)

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Tracker to state to number."""
        return self._parts.rows.counts()

    def resting(self) -> Mapping[str, datetime]:
        """Trackers that are left alone until then."""
        now = self._parts.clock.now()
        return {name: until for name, until in self._resting.items() if until > now}

    def retry(self, incident: str, tracker: str) -> TicketRow:
        """Work on a ticket as soon as possible, also where it was given up.

        Raises:
            NotFoundError: there is no such ticket.
            ConflictError: it is no ticket in another system.
        """
        row = self._parts.rows.get(incident, tracker)
        if row is None:
            raise NotFoundError(f"ticket of {incident} in {tracker}", "is not known")
        self._named(tracker)
        self._parts.rows.revive(tracker, incident)
        self._resting.pop(tracker, None)
        return self._parts.rows.get(incident, tracker) or row

    def retry_all(self, tracker: str) -> int:
        """The same of every ticket of a tracker that was given up, or failed and waits; returns how many.

        Raises:
            NotFoundError: there is no tracker of this name.
        """
        self._named(tracker)
        count = self._parts.rows.revive(tracker)
        self._resting.pop(tracker, None)
        return count

    def say_over(self, incident: str, by: str, why: str) -> Incident:
        """A person says that an incident is over though that is not proven; its tickets close.

        Raises:
            NotFoundError: there is no such incident.
            ConflictError: it goes on; it has to be resolved first. Or its recovery is proven.
        """
        found = self._parts.stream.incident(incident)
        if found is None:
            raise NotFoundError(f"incident {incident}", "is not known")
        if by in MACHINES:
            raise InputError("by", "must be a person", by)
        recovery = facts_of(self._parts, found).recovery
        if not recovery.is_over:
            raise ConflictError(f"incident {incident}", "goes on; `wellkept incidents resolve` ends it", found.state)
        if recovery.is_proven:
            raise ConflictError(f"incident {incident}", f"has recovered: {recovery.sentence}")
        said, now = f"{IncidentState.CLOSED}: {why}", self._parts.clock.now()

        def noted(known: Mapping[str, Incident]) -> Sequence[Incident]:
            return [one.note(now, by, said, kind=StoryKind.STATE) for one in known.values()]

        return self._parts.stream.change_incidents([incident], noted)[0]

    def check(self, name: str) -> str:
        """Ask a tracker whether it can be reached with what is configured; changes nothing there.

        Raises:
            NotFoundError: there is none of this name.
            ConflictError: it cannot; why.
        """
        parts, tracker = self._parts, self._named(name)
        try:
            return adapter(tracker, parts.secrets, parts.transport, parts.clock, lambda _: None).check()
        except TicketError as error:
            raise ConflictError(f"tracker {name}", str(error)) from error

    def forget_old(self) -> None:
        """Take out requests that nobody asks about any more."""
        self._parts.rows.forget_calls(self._parts.clock.now() - KEEP_CALLS)

    def _wanted(self, incident: Incident, revision: int) -> list[TicketRow]:
        now = self._parts.clock.now()
        own = TicketRow(incident.id, OWN, "", now, now, wanted=revision)
        if incident.state.is_live:
            # Nothing is to be found out about it: in a storm a look at each, with all of its findings, is dear.
            page, number = self._parts.page_of(incident.id), incident.ticket
            own = replace(own, number=number, remote=number, url=page, state=OPEN, done=revision)
        places = destinations(incident, self._parts.settings, self._known)
        return [own] + [
            TicketRow(incident.id, place.tracker, self._new_mark(), now, place.not_before, wanted=revision)
            for place in places
        ]

    def _kept(self, row: TicketRow) -> bool:
        local.keep(row, self._parts)
        return True

    def _worked(self, row: TicketRow, tracker: Tracker) -> bool:
        """Whether the next ticket of the tracker may be worked on at once."""
        work = Work(row, tracker, self._parts)
        try:
            work.run()
        except LostError:
            return True
        except TicketError as error:
            return self._failed(work, error)
        return True

    def _failed(self, work: Work, error: TicketError) -> bool:
        row, settings, now = work.row, self._parts.settings, self._parts.clock.now()
        attempts, is_hopeless = row.attempts + 1, error.trouble is Trouble.REFUSED
        is_hopeless |= error.trouble is Trouble.GONE and bool(row.remote)
        if is_hopeless or attempts >= settings.attempts:
            why = str(error) if is_hopeless else f"after {attempts} attempts: {error}"
            log.warning("ticket of %s in %s given up: %s", row.incident, row.tracker, why)
            work.story(f"the ticket in {row.tracker} was given up: {why}")
            work.row = replace(work.row, state=DEAD, reason=why, attempts=attempts, poll_at=None)
            self._parts.rows.save(work.row, release=True)
            return True
        if attempts == 1:
            work.story(f"{row.tracker} did not take the ticket and will be asked again: {error}")
        pause_s = pause_after(attempts, settings.first_retry_s, row.mark, GROWTH, LONGEST_PAUSE_S)
        until = now + timedelta(seconds=max(pause_s, error.wait_s))
        work.row = replace(
            work.row, attempts=attempts, reason=str(error), next_at=until, poll_at=until if row.remote else None
        )
        self._parts.rows.save(work.row, release=True)
        if error.trouble is Trouble.UNREADABLE:
            return True
        self._resting[row.tracker] = now + timedelta(seconds=max(error.wait_s, settings.first_retry_s))
        return False

    def _own(self, incident: str) -> TicketRow:
        """The ticket of an incident that was there before tickets were kept."""
        found = self._parts.stream.incident(incident)
        if found is None:
            raise NotFoundError(f"incident or ticket {incident}", "is not known")
        state = OPEN if found.state.is_live else "closed"
        at, page = found.noticed_at, self._parts.page_of(incident)
        return TicketRow(incident, OWN, "", at, at, found.ticket, found.ticket, page, state)

    def _named(self, name: str) -> Tracker:
        found = next((one for one in self.trackers if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in self.trackers) or "none"
            raise NotFoundError(f"tracker {name}", f"is not configured (tickets.trackers has {known})")
        return found

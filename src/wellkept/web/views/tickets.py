"""Tickets: those of an incident on its page, here and in others' systems; and how each of these systems is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from wellkept.spine.tickets.desk import TicketDesk
from wellkept.spine.tickets.settings import OWN, Tracker
from wellkept.store.state.tickets import CLOSED, DEAD, LEFT, LET_GO, OPEN, WAITING, TicketRow

WORDS = {
    WAITING: "not made yet",
    OPEN: "open",
    LET_GO: "closed there",
    CLOSED: "closed",
    LEFT: "goes on as another incident's",
    DEAD: "given up",
}
TONES = {WAITING: "quiet", OPEN: "warning", LET_GO: "warning", CLOSED: "ok", LEFT: "quiet", DEAD: "error"}


@dataclass(frozen=True, slots=True)
class TicketView:
    """One ticket. ``url`` is empty for the one here: it stands on this page."""

    number: str
    where: str
    url: str
    state: str
    tone: str
    person: str
    note: str


@dataclass(frozen=True, slots=True)
class TrackerRow:
    """A system that tickets are kept in. ``why`` says why the newest of those was given up that are."""

    name: str
    kind: str
    project: str
    tone: str
    waiting: int
    open: int
    dead: int
    resting_until: datetime | None
    why: str


def tracker_rows(desk: TicketDesk | None) -> Sequence[TrackerRow]:
    """Every system, and how that goes; none where nobody keeps tickets elsewhere."""
    if desk is None:
        return []
    counts, resting = desk.counts(), desk.resting()
    return [_tracker(desk, one, counts.get(one.name, {}), resting.get(one.name)) for one in desk.trackers]


def ticket_views(desk: TicketDesk | None, incident: str) -> Sequence[TicketView]:
    """The tickets of an incident, its own first; none where nobody keeps them."""
    return [_view(row) for row in desk.of_incident(incident)] if desk is not None else []


def _tracker(desk: TicketDesk, tracker: Tracker, counts: Mapping[str, int], until: datetime | None) -> TrackerRow:
    given_up = desk.tickets(tracker.name, DEAD, 1)
    return TrackerRow(
        name=tracker.name,
        kind=tracker.kind,
        project=tracker.project,
        tone="error" if given_up else "warning" if until is not None else "ok",
        waiting=counts.get(WAITING, 0),
        open=counts.get(OPEN, 0) + counts.get(LET_GO, 0),
        dead=counts.get(DEAD, 0),
        resting_until=until,
        why=given_up[0].reason if given_up else "",
    )


def _view(row: TicketRow) -> TicketView:
    is_own = row.tracker == OWN
    return TicketView(
        number=row.number,
        where="here" if is_own else row.tracker,
        url="" if is_own or not row.url.startswith(("https://", "http://")) else row.url,
        state=row.there if row.state in (OPEN, LET_GO) and row.there and not is_own else WORDS[row.state],
        tone=TONES[row.state],
        person=row.person,
        note=row.reason,
    )

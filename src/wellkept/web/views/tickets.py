"""The tickets of an incident on its page: the one here, and those in others' systems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wellkept.spine.tickets.desk import TicketDesk
from wellkept.spine.tickets.settings import OWN
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


def ticket_views(desk: TicketDesk | None, incident: str) -> Sequence[TicketView]:
    """The tickets of an incident, its own first; none where nobody keeps them."""
    return [_view(row) for row in desk.of_incident(incident)] if desk is not None else []


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

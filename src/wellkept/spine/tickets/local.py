"""The ticket that every incident has, here: its number, its state, and the page that it stands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from wellkept.kernel.incident import Incident, StoryKind
from wellkept.spine.tickets.parts import Parts, facts_of
from wellkept.spine.tickets.recovery import Recovery
from wellkept.spine.tickets.work import LOOK_AGAIN
from wellkept.store.state.tickets import CLOSED, DEAD, OPEN, TicketRow


def keep(row: TicketRow, parts: Parts) -> None:
    """Bring the ticket of a claimed row up to date. It closes on a proven recovery alone, as any other."""
    incident, now = parts.incident(row.incident), parts.clock.now()
    if incident is None:
        changed = replace(row, state=DEAD, reason="the incident is not known any more", done=row.wanted)
        parts.rows.save(changed, release=True)
        return
    recovery = facts_of(parts, incident).recovery
    changed = replace(
        row, number=incident.ticket, remote=incident.ticket, url=parts.page_of(incident.id), reason=recovery.sentence
    )
    if recovery.is_over and recovery.is_proven:
        changed = replace(changed, state=CLOSED, closed_at=row.closed_at or now, done=row.wanted)
    else:
        again = recovery.is_over and recovery.may_come
        changed = replace(changed, state=OPEN, closed_at=None, done=row.done if again else row.wanted)
        changed = replace(changed, next_at=now + LOOK_AGAIN) if again else changed
    if parts.rows.save(changed, release=True) and _is_new(row, recovery):
        _tell(incident, recovery, parts)


def _is_new(row: TicketRow, recovery: Recovery) -> bool:
    """Whether it was not known yet that an end is not proven."""
    return recovery.is_over and not recovery.is_proven and row.reason != recovery.sentence


def _tell(incident: Incident, recovery: Recovery, parts: Parts) -> None:
    what, now = f"ticket {incident.ticket} stays open: {recovery.sentence}", parts.clock.now()

    def noted(found: Mapping[str, Incident]) -> Sequence[Incident]:
        return [one.note(now, "tickets", what, kind=StoryKind.TICKET) for one in found.values()]

    parts.stream.change_incidents([incident.id], noted)

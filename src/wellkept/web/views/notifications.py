"""Who is told: receivers and trackers and how they are, what was given up, and what was told lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.codec import decode
from wellkept.spine.notify.desk import NotifyDesk, ReceiverStatus
from wellkept.spine.notify.snapshot import Snapshot
from wellkept.spine.tickets.desk import TicketDesk
from wellkept.store.state.notifications import Notification
from wellkept.store.state.tellings import Told
from wellkept.web.views.tickets import TrackerRow, tracker_rows

LATEST, MOST_DEAD = 100, 50
TONES = {"delivered": "ok", "failed": "warning", "dead": "error", "dropped": "quiet"}
WORDS = {"delivered": "delivered", "failed": "not taken", "dead": "given up", "dropped": "not needed"}


@dataclass(frozen=True, slots=True)
class ReceiverRow:
    """One receiver. ``trouble`` is empty where it is well."""

    name: str
    channel: str
    tone: str
    state: str
    waiting: int
    dead: int
    unsure: int
    last_success: datetime | None
    last_failure: datetime | None
    trouble: str
    routes: str


@dataclass(frozen=True, slots=True)
class DeadRow:
    """Something that was given up, and can be tried again."""

    id: str
    receiver: str
    title: str
    href: str
    why: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ToldRow:
    """One attempt."""

    at: datetime
    receiver: str
    subject: str
    href: str
    what: str
    tone: str
    outcome: str
    said: str


@dataclass(frozen=True, slots=True)
class NotificationsView:
    """The page. ``trouble`` says why people may not be told."""

    receivers: tuple[ReceiverRow, ...]
    fallback: str
    trouble: str
    dead: tuple[DeadRow, ...]
    told: tuple[ToldRow, ...]
    trackers: tuple[TrackerRow, ...]


def notifications_view(desk: NotifyDesk, tickets: TicketDesk | None) -> NotificationsView:
    """Everything about telling people."""
    return NotificationsView(
        receivers=tuple(_receiver(one, desk) for one in desk.receivers()),
        fallback=desk.settings.fallback or "",
        trouble=desk.trouble(),
        dead=tuple(_dead(one) for one in desk.dead(MOST_DEAD)),
        told=tuple(_told(one) for one in desk.deliveries(None, None, None, LATEST)),
        trackers=tuple(tracker_rows(tickets)),
    )


def _receiver(status: ReceiverStatus, desk: NotifyDesk) -> ReceiverRow:
    used = desk.used_by(status.name)
    return ReceiverRow(
        name=status.name,
        channel=status.type,
        tone={"well": "ok", "failing": "warning"}.get(status.state, "error"),
        state=status.state,
        waiting=status.waiting,
        dead=status.dead,
        unsure=status.unsure,
        last_success=status.last_success,
        last_failure=status.last_failure,
        trouble=status.problem or status.last_said,
        routes=", ".join(used) if used else "nothing names it",
    )


def _dead(row: Notification) -> DeadRow:
    wanted = decode(Snapshot, row.wanted)
    since = row.failing_since or row.due_at
    return DeadRow(row.id, row.receiver, wanted.title, wanted.path, row.said, since)


def _told(told: Told) -> ToldRow:
    kind, _, name = told.subject.partition(":")
    href = {"incident": f"/incidents/{name}", "approval": f"/approvals#{name}", "digest": "/incidents"}.get(kind, "")
    again = "; sent again, as nobody knows how an earlier try ended"
    said = told.said.rstrip(".") + again if told.is_repeated else told.said
    tone, outcome = TONES.get(told.outcome, "quiet"), WORDS.get(told.outcome, told.outcome)
    return ToldRow(told.at, told.receiver, name or kind, href, told.what, tone, outcome, said)

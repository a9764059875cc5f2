"""What people see of notifications, and what they may do: try one again, send a test, ask where something would go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.finding import Severity
from wellkept.spine.audit import Audit
from wellkept.spine.notify.facts import Facts
from wellkept.spine.notify.receivers import Receiver
from wellkept.spine.notify.routing import Routed, route, ways
from wellkept.spine.notify.senders.base import Sender
from wellkept.spine.notify.settings import NotifySettings
from wellkept.spine.notify.snapshot import Phase, Snapshot
from wellkept.spine.notify.words import Message, key_of
from wellkept.store.state.notifications import Notification, NotificationRows
from wellkept.store.state.tellings import DEAD, DELIVERED, FAILED, HistoryRows, Told

LATE_S = 120.0
"""What is due for so long and not delivered is late: then health says so."""


@dataclass(frozen=True, slots=True)
class ReceiverStatus:
    """How one receiver is.

    ``problem`` says why nothing can be sent; ``state`` is ``well``, ``failing`` (the last attempt did, and it is tried
    again), or ``ill`` (people are not told of what they should be); ``is_well`` is true in the first of them alone.
    """

    name: str
    type: str
    problem: str
    waiting: int
    dead: int
    unsure: int
    overdue_since: datetime | None
    last_success: datetime | None
    last_failure: datetime | None
    last_said: str
    is_well: bool
    state: str


class NotifyDesk:
    """Reads for everybody who looks, and the few things that a person may do."""

    def __init__(
        self,
        settings: NotifySettings,
        rows: NotificationRows,
        history: HistoryRows,
        senders: Mapping[str, Sender],
        audit: Audit,
        clock: Clock,
        url: str,
    ) -> None:
        self.settings, self._rows, self._history, self._senders = settings, rows, history, senders
        self._audit, self._clock, self._url = audit, clock, url

    def receivers(self) -> list[ReceiverStatus]:
        """Every receiver and how it is."""
        counts = self._rows.counts(self._clock.now())
        return [self._status(receiver, counts.get(receiver.name, {})) for receiver in self.settings.receivers]

    def used_by(self, receiver: str) -> list[str]:
        """The routes, escalations and so on that name a receiver."""
        found = [f"route {way.name}" for way, _ in ways(self.settings.route) if receiver in way.receivers]
        steps = [(policy.name, step) for policy in self.settings.escalations for step in policy.steps]
        found += [f"escalation {name}" for name, step in steps if receiver in step.receivers]
        found += ["fallback"] if self.settings.fallback == receiver else []
        found += ["watchdog"] if receiver in self.settings.watching else []
        return [*dict.fromkeys(found)]

    def trouble(self) -> str:
        """Why people may not be told of what they should be; empty where all is well. For health checks."""
        ill = [one for one in self.receivers() if not one.is_well]
        if not ill:
            return ""
        all_of_them = " (no receiver can be reached)" if len(ill) == len(self.settings.receivers) else ""
        return "; ".join(f"{one.name}: {one.problem or one.last_said or 'late'}" for one in ill) + all_of_them

    def explain(self, facts: Facts, at: datetime | None = None) -> Routed:
        """Where something would go, and why."""
        return route(self.settings.route, facts, at or self._clock.now())

    def test(self, name: str, by: str) -> Told:
        """Send a test message to a receiver, at once.

        Raises:
            NotFoundError: there is no such receiver.
        """
        receiver, now = self._named(name), self._clock.now()
        subject = f"test:{stable_id('tst', name, now.isoformat())}"
        title = f"Test of Wellkept, asked for by {by}"
        snapshot = Snapshot(subject, "test", 0, Phase.SAID, Severity.INFO, title, now, "/notifications", opened_at=now)
        key = key_of(subject, snapshot.key(whole=True, turn=0), 0)
        sent = self._senders[name].send(Message(key, subject, snapshot, "", self._url), {})
        outcome = DELIVERED if sent.is_taken else FAILED
        told = Told(0, stable_id("ntf", name, subject), name, subject, key, "test", now, outcome, 1, sent.said)
        self._history.record(told)
        self._audit.append(now, by, "notification.tested", f"receiver:{receiver.name}", {"outcome": outcome})
        return told

    def retry(self, notification: str, by: str) -> Notification:
        """Have something tried again that was given up.

        Raises:
            NotFoundError: there is none.
            ConflictError: it was not given up.
        """
        found = self._rows.get(notification)
        if found is None:
            raise NotFoundError(f"notification {notification}", "is not known")
        self._named(found.receiver)
        now = self._clock.now()
        if not self._rows.revive(found.receiver, now, notification):
            raise ConflictError(f"notification {notification}", "was not given up", found.state)
        details = {"receiver": found.receiver, "about": found.subject}
        self._audit.append(now, by, "notification.retried", f"notification:{notification}", details)
        return self._rows.get(notification) or found

    def retry_all(self, receiver: str, by: str) -> int:
        """Have all tried again that a receiver was not told of and that was given up; returns how many.

        Raises:
            NotFoundError: there is no such receiver.
        """
        self._named(receiver)
        now = self._clock.now()
        count = self._rows.revive(receiver, now)
        self._audit.append(now, by, "receiver.retried", f"receiver:{receiver}", {"notifications": count})
        return count

    def deliveries(self, receiver: str | None, outcome: str | None, subject: str | None, limit: int) -> list[Told]:
        """Attempts, newest first."""
        return self._history.history(receiver, outcome, limit, subject)

    def of_incident(self, incident: str, limit: int) -> list[Told]:
        """Every attempt to tell somebody of an incident, newest first; of a digest those since it was in that."""
        subject, joined = f"incident:{incident}", dict[str, datetime]()
        found = self._history.history(None, None, limit, subject)
        for row in self._rows.of_subjects([subject]):
            digest = self._rows.get(row.digest) if row.digest else None
            if digest is not None:
                joined[digest.subject] = min(joined.get(digest.subject, row.created_at), row.created_at)
        for name, since in joined.items():
            found += [told for told in self._history.history(None, None, limit, name) if told.at >= since]
        return sorted(found, key=lambda told: told.number, reverse=True)[:limit]

    def notifications(self, receiver: str | None, subject: str | None, limit: int) -> list[Notification]:
        """What each receiver is to know of each thing, newest first."""
        return self._rows.recent(receiver, subject, limit)

    def dead(self, limit: int = 100) -> Sequence[Notification]:
        """What was given up."""
        return self._rows.dead(limit)

    def outcomes(self) -> Mapping[str, Mapping[str, int]]:
        """Receiver to outcome to number of attempts in the history."""
        return self._history.outcomes()

    def _status(self, receiver: Receiver, counts: Mapping[str, Any]) -> ReceiverStatus:
        good = self._history.last(receiver.name, [DELIVERED])
        bad = self._history.last(receiver.name, [FAILED, DEAD])
        problem, since = self._senders[receiver.name].problem(), counts.get("overdue_since")
        is_late = since is not None and since < self._clock.now() - timedelta(seconds=LATE_S)
        is_worse = bad is not None and (good is None or good.number < bad.number)
        is_ill = bool(problem) or is_late or (is_worse and bool(counts.get("dead")))
        return ReceiverStatus(
            name=receiver.name,
            type=receiver.type,
            problem=problem,
            waiting=int(counts.get("waiting") or 0),
            dead=int(counts.get("dead") or 0),
            unsure=int(counts.get("unsure") or 0),
            overdue_since=since,
            last_success=good.at if good is not None else None,
            last_failure=bad.at if bad is not None else None,
            last_said=bad.said if bad is not None and is_worse else "",
            is_well=not is_ill and not is_worse,
            state="ill" if is_ill else "failing" if is_worse else "well",
        )

    def _named(self, name: str) -> Receiver:
        found = self.settings.receiver(name)
        if found is None:
            known = ", ".join(one.name for one in self.settings.receivers) or "none"
            raise NotFoundError(f"receiver {name}", f"is not configured (notify.receivers has {known})")
        return found


def facts_of_words(words: Mapping[str, str]) -> Facts:
    """Facts that somebody asks about: ``event``, ``severity``, ``entity``, ``owner``, ``tier``; the rest are labels.

    Raises:
        InputError: the severity or the tier is none.
    """
    rest = {name: frozenset({value}) for name, value in words.items() if name not in _OWN}
    severity, tier = words.get("severity", "error"), words.get("tier", "3")
    if severity.upper() not in Severity.__members__:
        raise InputError("severity", f"must be one of {', '.join(one.name.lower() for one in Severity)}", severity)
    if tier not in ("1", "2", "3", "4", "5"):
        raise InputError("tier", "must be 1 to 5", tier)
    entities = tuple(part for part in words.get("entity", "").split(",") if part)
    owners = frozenset(part for part in words.get("owner", "").split(",") if part)
    return Facts(words.get("event", "incident"), Severity[severity.upper()], entities, owners, int(tier), rest)


_OWN = ("event", "severity", "entity", "owner", "tier")

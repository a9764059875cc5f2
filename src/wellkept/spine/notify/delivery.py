"""The loop that sends: one a receiver, so that one that hangs holds up nobody.

At least once: a row is claimed with a lease, sent, and settled. A process that dies between the two leaves a lease that
ends; the row is sent again under the same key, and counted as one of which nobody knows.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from wellkept.kernel.clock import Clock
from wellkept.kernel.codec import decode, encode
from wellkept.spine.notify.receivers import EDITS, Receiver
from wellkept.spine.notify.routing import ways
from wellkept.spine.notify.senders.base import Sender, Sent
from wellkept.spine.notify.settings import NotifySettings
from wellkept.spine.notify.snapshot import Phase, Snapshot
from wellkept.spine.notify.words import Message, key_of, message_of
from wellkept.spine.webhooks.outbox import pause_after
from wellkept.store.state.notifications import Notification, NotificationRows
from wellkept.store.state.tellings import DEAD, DELIVERED, DROPPED, FAILED, Told

log = logging.getLogger(__name__)

GROWTH, LONGEST_PAUSE_S, LEAST_REST_S = 2.0, 300.0, 30.0
AT_A_TIME = 50
REQUESTS, LEASE_EXTRA_S = 2, 60.0
"""A lease is longer than all requests of a message can take, whatever the clocks of two machines say: nobody sends what
is still being sent."""
IN_DOUBT = "in doubt"
"""Stands for what a receiver was told last where that is not known: no key is like it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a claimed row: the history's word, the columns that change, and whether the receiver rests."""

    outcome: str
    said: str
    values: Mapping[str, Any]


class Delivery:
    """Sends what is due."""

    def __init__(
        self,
        settings: NotifySettings,
        rows: NotificationRows,
        senders: Mapping[str, Sender],
        clock: Clock,
        *,
        worker: str,
        url: str,
    ) -> None:
        """``worker`` is this process's name in leases; ``url`` is where people reach the platform."""
        self._settings, self._rows, self._senders = settings, rows, senders
        self._clock, self._worker, self._url = clock, worker, url
        self._ways = {way.name: way for way, _ in ways(settings.route)}
        self._rests: dict[str, datetime] = {}

    def inherit(self, receiver: Receiver, *, alone: bool) -> None:
        """Begin to send to a receiver, by one thread at a time: what was under way before is not waited for in vain.

        Args:
            receiver: who is told.
            alone: whether every other process that ever sent is gone. If not, one may be in the middle of requests that
                it began while it led, and gets the time for them.
        """
        now = self._clock.now()
        left_s = 0.0 if alone else REQUESTS * receiver.timeout_s
        self._rows.inherit(receiver.name, self._worker, now, now + timedelta(seconds=left_s))

    def send_due(self, receiver: Receiver) -> int:
        """Send what is due to a receiver, the oldest first; returns how many were taken.

        After one that was not taken the receiver rests: it may be down, and the rest waits with it.
        """
        now, taken = self._clock.now(), 0
        if now < self._rests.get(receiver.name, now):
            return 0
        for row in self._rows.due(receiver.name, now, AT_A_TIME):
            until = self._clock.now() + timedelta(seconds=REQUESTS * receiver.timeout_s + LEASE_EXTRA_S)
            claimed = self._rows.claim(row.id, self._worker, self._clock.now(), until)
            if claimed is None:
                continue
            outcome = self._deliver(claimed)
            taken += outcome.outcome == DELIVERED
            if outcome.outcome == FAILED:
                rest_s = min(LEAST_REST_S, (outcome.values["retry_at"] - self._clock.now()).total_seconds())
                self._rests[receiver.name] = self._clock.now() + timedelta(seconds=rest_s)
                break
        return taken

    def _deliver(self, claimed: Notification) -> Outcome:
        key = key_of(claimed.id, claimed.wanted_key, claimed.times)
        message = message_of(claimed.wanted, claimed.told, key=key, thread=claimed.id, word=claimed.word, url=self._url)
        never_tried = not claimed.told_key and claimed.attempts == 0 and claimed.unsure == 0
        if message.now.is_over and never_tried:
            outcome = Outcome(DROPPED, "over before anybody was told", self._settled(claimed, message, {}))
        else:
            outcome = self._outcome(claimed, message, self._sent(claimed, message))
        self._write_down(claimed, message, outcome)
        return outcome

    def _sent(self, claimed: Notification, message: Message) -> Sent:
        """Send it. This is the edge at which a surprise in a channel is logged and counted as a failure."""
        try:
            return self._senders[claimed.receiver].send(message, claimed.reference)
        except Exception as error:
            log.exception("receiver %s: a message could not be made or sent", claimed.receiver)
            return Sent(is_taken=False, said=f"a mistake in this platform: {type(error).__name__}")

    def _outcome(self, claimed: Notification, message: Message, sent: Sent) -> Outcome:
        now, attempts = self._clock.now(), claimed.attempts + 1
        if sent.is_taken:
            values = {**self._settled(claimed, message, sent.reference), "times": claimed.times + 1, "said": sent.said}
            return Outcome(DELIVERED, sent.said, values)
        since = claimed.failing_since or now
        failing: dict[str, Any] = {"failing_since": since, "said": sent.said}
        if sent.retry_helps and claimed.told_key:
            # It may have been read all the same: should all be again as it was told before, that is to be said.
            failing["told_key"] = IN_DOUBT
        failed_s = (now - since).total_seconds()
        if not sent.retry_helps or failed_s >= self._settings.give_up_s:
            why = f"given up after {failed_s / 60:.0f} min: " if sent.retry_helps else "refused: "
            log.warning("notification of %s to %s: %s%s", claimed.subject, claimed.receiver, why, sent.said)
            return Outcome(DEAD, why + sent.said, {**failing, "attempts": 0, "dead_key": claimed.wanted_key})
        pause_s = pause_after(attempts, self._settings.first_retry_s, message.key, GROWTH, LONGEST_PAUSE_S)
        retry_at = now + timedelta(seconds=max(pause_s, sent.retry_after_s))
        return Outcome(FAILED, sent.said, {**failing, "attempts": attempts, "retry_at": retry_at})

    def _settled(self, claimed: Notification, message: Message, reference: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of a row that is up to date."""
        now, way = self._clock.now(), self._ways.get(claimed.route)
        repeat_s = way.repeat_s if way is not None else 0.0
        repeats = repeat_s > 0 and message.now.phase is Phase.OPEN
        return {
            "told_key": claimed.wanted_key,
            "told": encode(message.now),
            "told_at": now,
            "reference": dict(reference),
            "dead_key": "",
            "attempts": 0,
            "failing_since": None,
            "repeat_at": now + timedelta(seconds=repeat_s) if repeats else None,
        }

    def _write_down(self, claimed: Notification, message: Message, outcome: Outcome) -> None:
        now, attempt = self._clock.now(), claimed.attempts + 1
        told = Told(
            number=0,
            notification=claimed.id,
            receiver=claimed.receiver,
            subject=claimed.subject,
            key=message.key,
            what=message.what,
            at=now,
            outcome=outcome.outcome,
            attempt=attempt,
            said="; ".join(filter(None, (outcome.said, message.word))),
            is_repeated=claimed.unsure > 0 and outcome.outcome == DELIVERED,
        )
        values = {**outcome.values, **({"unsure": 0} if outcome.outcome == DELIVERED else {})}
        way = self._ways.get(claimed.route)
        interval_s = way.group_interval_s if way is not None else self._settings.route.group_interval_s
        is_done = outcome.outcome == DELIVERED and not self._edits(claimed)
        again_at = now + timedelta(seconds=interval_s) if is_done else None
        if not self._rows.settle(claimed, told, values, again_at):
            log.warning("notification %s to %s: another server took it over", claimed.subject, claimed.receiver)
        elif is_done:
            self._hasten_if_worse(claimed, message, now)

    def _hasten_if_worse(self, claimed: Notification, message: Message, now: datetime) -> None:
        """What got worse while this message was sent does not wait for the time of the next one."""
        found = self._rows.get(claimed.id)
        if found is not None and found.wanted_key != claimed.wanted_key:
            wanted = decode(Snapshot, found.wanted)
            if wanted.severity > message.now.severity and not wanted.is_over:
                self._rows.hasten(claimed.id, now)

    def _edits(self, claimed: Notification) -> bool:
        receiver = self._settings.receiver(claimed.receiver)
        return receiver is not None and receiver.type in EDITS

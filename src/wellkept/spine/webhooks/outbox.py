"""The outbox: what happened is kept for every endpoint that wants it, and sent until it is taken or given up.

At least once, under a stable id: a process that dies between sending and writing that down sends again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.webhooks import signed
from wellkept.spine.webhooks.events import Event, body_of, is_wanted
from wellkept.spine.webhooks.forms import form_of
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.send import Answer
from wellkept.spine.webhooks.settings import Endpoint, WebhookSettings
from wellkept.spine.webhooks.sources import Source
from wellkept.store.state.webhooks import DEAD, DELIVERED, WAITING, Delivery, OutboxRows

log = logging.getLogger(__name__)

GROWTH, LONGEST_PAUSE_S, JITTER = 4.0, 43_200.0, 0.2
AT_A_TIME = 50
GONE = 410
AGENT = "wellkept-webhooks/1"
ADDRESSED = "retrain.requested"
"""An event for one endpoint that the contract names, and for nobody else."""

Seal = Callable[[dict[str, Any]], dict[str, Any]]
"""Puts into an event, while it is sent, what must not be stored."""


class Post(Protocol):
    """What sends a body (see :class:`wellkept.spine.webhooks.send.Transport`)."""

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float, ca_file: Any = None
    ) -> Answer: ...


class Outbox:
    """Gathers events, and sends them. Sending is done by one thread an endpoint; anything else by any."""

    def __init__(
        self,
        rows: OutboxRows,
        settings: WebhookSettings,
        sources: Sequence[Source],
        secrets: Secrets,
        transport: Post,
        clock: Clock,
    ) -> None:
        self._rows, self._settings, self._sources = rows, settings, sources
        self._secrets, self._transport, self._clock = secrets, transport, clock
        self._seal: Seal = dict
        self._endpoints = {endpoint.name: endpoint for endpoint in settings.send}

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """Who is told."""
        return self._settings.send

    def seal_with(self, seal: Seal) -> None:
        """Name what completes an event for one endpoint while it is sent, with what must not be stored."""
        self._seal = seal

    def gather(self) -> int:
        """Keep what is new for every endpoint that wants it; returns how many deliveries that makes.

        A source that is read for the first time begins at its end: what happened before is not told.
        """
        now, known, kept = self._clock.now(), self._rows.positions(), 0
        oldest = now - timedelta(days=self._settings.keep_days)
        for source in self._sources:
            position = known.get(source.name)
            if position is None or not self._is_wanted(source):
                end = source.end(now)
                if end != position:
                    self._rows.add((), {source.name: end})
                continue
            events, moved = source.read(position)
            rows = [row for told in events if told.at >= oldest for row in self._deliveries(told, now)]
            if rows or moved != position:
                kept += self._rows.add(rows, {source.name: moved} if moved != position else None)
        return kept

    def tell(self, told: Event, endpoint: str) -> None:
        """Keep an event for one endpoint, whatever it has subscribed to. The same event again is a no-op.

        Raises:
            NotFoundError: there is no such endpoint.
            InputError: the endpoint is to work with the event's data, and they are too long for a message.
        """
        self._rows.add([self._delivery(told, self._named(endpoint), self._clock.now())])

    def send_due(self, endpoint: Endpoint, may: Callable[[], bool] = lambda: True) -> int:
        """Send what is due to an endpoint, oldest first, as long as it ``may``; returns how many were taken.

        After one that was not taken the rest waits for the next look: the endpoint may be down.
        """
        taken = 0
        for delivery in self._rows.due(endpoint.name, self._clock.now(), AT_A_TIME):
            if not may():
                break
            settled = self._attempted(delivery, self._attempt(delivery, endpoint))
            self._rows.attempted(settled)
            if settled.state != DELIVERED:
                break
            taken += 1
        return taken

    def resend(self, number: int) -> Delivery:
        """Send a delivery once more from the beginning, whatever became of it.

        Raises:
            NotFoundError: there is none, or its endpoint is not configured any more.
            ConflictError: it waits already.
        """
        found = self._rows.get(number)
        if found is None:
            raise NotFoundError(f"delivery {number}", "is not known")
        self._named(found.endpoint)
        if found.state == WAITING and found.attempts == 0:
            raise ConflictError(f"delivery {number}", "waits to be sent already")
        again = replace(found, state=WAITING, attempts=0, next_at=self._clock.now(), reason="sent again by hand")
        self._rows.attempted(again)
        return again

    def deliveries(self, endpoint: str | None, state: str | None, limit: int) -> list[Delivery]:
        """Deliveries, newest first."""
        return self._rows.recent(endpoint, state, limit)

    def given_up(self, endpoint: str, event_id: str) -> str:
        """Why an event was given up for an endpoint; empty where it was not."""
        found = self._rows.of_event(endpoint, event_id)
        return found.reason if found is not None and found.state == DEAD else ""

    def counts(self) -> dict[str, dict[str, int]]:
        """Endpoint to state to number."""
        return self._rows.counts()

    def forget_old(self) -> None:
        """Take out what is long settled, and what waits for an endpoint that is not configured any more."""
        self._rows.forget(self._clock.now() - timedelta(days=self._settings.keep_days), list(self._endpoints))

    def secret_problem(self, endpoint: Endpoint) -> str:
        """Why an endpoint's messages could not be signed; empty where they can."""
        try:
            self._secrets.keys(endpoint)
            form_of(endpoint, "", "{}", self._secrets)
        except InputError as error:
            return str(error)
        return ""

    def _attempt(self, delivery: Delivery, endpoint: Endpoint) -> Answer:
        sealed = self._seal(json.loads(delivery.body)) if delivery.type == ADDRESSED else None
        document = json.dumps(sealed, separators=(",", ":")) if sealed else delivery.body
        try:
            form = form_of(endpoint, delivery.type, document, self._secrets)
            headers = signed(
                self._secrets.keys(endpoint), delivery.event, int(self._clock.now().timestamp()), form.body
            )
        except InputError as error:
            return Answer(0, str(error))
        sent = {**headers, **form.headers, "User-Agent": AGENT}
        return self._transport.post(endpoint.url, form.body, sent, endpoint.timeout_s, endpoint.ca_file)

    def _attempted(self, delivery: Delivery, answer: Answer) -> Delivery:
        now, attempts = self._clock.now(), delivery.attempts + 1
        entry = {"at": now.isoformat(), "status": answer.status, "said": answer.said}
        tried = replace(delivery, attempts=attempts, history=(*delivery.history, entry), reason=answer.said)
        if answer.is_success:
            return replace(tried, state=DELIVERED)
        if answer.status == GONE or attempts >= self._settings.attempts:
            why = (
                "the endpoint says that it is gone" if answer.status == GONE else f"given up after {attempts} attempts"
            )
            log.warning("webhook %s: event %s: %s (%s)", delivery.endpoint, delivery.event, why, answer.said)
            return replace(tried, state=DEAD, reason=f"{why}: {answer.said}")
        pause_s = pause_after(attempts, self._settings.first_retry_s, delivery.event)
        return replace(tried, next_at=now + timedelta(seconds=max(pause_s, answer.retry_after_s)))

    def _is_wanted(self, source: Source) -> bool:
        """Whether an endpoint wants anything of a source; one that nobody wants is not read."""
        wanted = {pattern.partition(".")[0] for endpoint in self.endpoints for pattern in endpoint.events}
        return bool(wanted) and (not source.families or "*" in wanted or bool(wanted & source.families))

    def _deliveries(self, told: Event, now: datetime) -> list[Delivery]:
        if told.type == ADDRESSED:
            return []
        wanting = [endpoint for endpoint in self.endpoints if is_wanted(told.type, endpoint.events)]
        return [self._delivery(told, endpoint, now) for endpoint in wanting]

    def _delivery(self, told: Event, endpoint: Endpoint, now: datetime) -> Delivery:
        body = body_of(told, self._settings.url or "wellkept", whole=told.type == ADDRESSED)
        return Delivery(0, endpoint.name, told.id, told.type, told.subject, told.at, body, WAITING, 0, now)

    def _named(self, endpoint: str) -> Endpoint:
        if endpoint not in self._endpoints:
            known = ", ".join(sorted(self._endpoints)) or "none"
            raise NotFoundError(f"webhook {endpoint}", f"is not configured (webhooks.send has {known})")
        return self._endpoints[endpoint]


def pause_after(
    attempts: int, first_s: float, event: str, growth: float = GROWTH, longest_s: float = LONGEST_PAUSE_S
) -> float:
    """Seconds until the next attempt: exponential, and spread by the event's id so that not all come back at once."""
    pause_s = min(first_s * growth ** (attempts - 1), longest_s)
    digest = hashlib.sha256(f"{event}:{attempts}".encode()).digest()
    return pause_s * (1.0 + JITTER * (2.0 * int.from_bytes(digest[:4], "big") / 2**32 - 1.0))

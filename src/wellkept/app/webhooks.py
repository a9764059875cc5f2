"""Webhooks, wired: a thread that gathers events, one for each endpoint that sends them, and one that forgets."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from wellkept.kernel.clock import Clock
from wellkept.spine.lease import Alone, Leader
from wellkept.spine.webhooks.outbox import Outbox
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.send import Transport
from wellkept.spine.webhooks.settings import Endpoint, WebhookSettings
from wellkept.spine.webhooks.sources import sources
from wellkept.store.state.state import State
from wellkept.store.state.webhooks import OutboxRows

log = logging.getLogger(__name__)

LOOK_EVERY_S, TIDY_EVERY_S = 1.0, 3600.0
LAST_WORD_S = 2.0


def outbox_of(settings: WebhookSettings, state: State, clock: Clock, secrets: Secrets) -> Outbox:
    """The outbox of a configuration."""
    rows, transport = OutboxRows(state), Transport(settings.networks)
    return Outbox(rows, settings, sources(state), secrets, transport, clock)


class WebhookServer:
    """Gathers, sends and forgets until it is closed. What waits is kept, and goes on at the next start."""

    def __init__(
        self,
        outbox: Outbox,
        forget: Callable[[], object],
        every_s: float = LOOK_EVERY_S,
        leader: Leader | None = None,
    ) -> None:
        """``forget`` takes out what came in by the doors and is old. Of several servers the leader does all of it."""
        self._outbox, self._forget_received, self._leader = outbox, forget, leader or Alone()
        self._stopped, self._failures, self._last_error = threading.Event(), 0, ""
        works: dict[str, tuple[Callable[[], object], float]] = {"webhooks-old": (self._forget, TIDY_EVERY_S)}
        if outbox.endpoints:
            works["webhooks"] = (outbox.gather, every_s)
        works |= {f"webhook-{one.name}": (self._sending(one), every_s) for one in outbox.endpoints}
        self._threads = [
            threading.Thread(target=self._turn, args=work, name=name, daemon=True) for name, work in works.items()
        ]

    def start(self) -> None:
        """Start. Where nobody is told, what happened up to now will not be told to whoever comes later."""
        if not self._outbox.endpoints and self._leader.leads:
            self._outbox.gather()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ask every thread to end. One that waits for an answer is left: it sends again at the next start."""
        self._stopped.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(LAST_WORD_S)

    def status(self) -> dict[str, Any]:
        """How many deliveries are in which state, and whether the work goes on."""
        counts: Mapping[str, Mapping[str, int]] = self._outbox.counts()
        return {"deliveries": counts, "failures": self._failures, "last_error": self._last_error}

    def _forget(self) -> None:
        """Also where nobody is told any more: what is left of former endpoints, and what the doors took in."""
        self._outbox.forget_old()
        self._forget_received()

    def _sending(self, endpoint: Endpoint) -> Callable[[], object]:
        return lambda: self._outbox.send_due(endpoint, lambda: self._leader.leads)

    def _turn(self, work: Callable[[], object], every_s: float) -> None:
        """Work again and again. This is the edge at which a surprise is counted and logged: the thread goes on."""
        while not self._stopped.is_set():
            try:
                if self._leader.leads:
                    with self._leader.fenced():
                        work()
            except Exception as error:
                if not self._leader.leads:
                    continue  # it was cut off: another server does it now
                self._failures += 1
                what = str(error) or type(error).__name__
                if what != self._last_error and not self._stopped.is_set():
                    log.exception("webhooks: %s failed", threading.current_thread().name)
                self._last_error = what
            self._stopped.wait(every_s)

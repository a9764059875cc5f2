"""Webhooks, wired: a thread that gathers events, one for each endpoint that sends them, and one that forgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wellkept.app.schedule import Job, Loop, Schedule
from wellkept.kernel.clock import Clock
from wellkept.spine.lease import Alone, Leader
from wellkept.spine.webhooks.outbox import Outbox
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.send import Transport
from wellkept.spine.webhooks.settings import Endpoint, WebhookSettings
from wellkept.spine.webhooks.sources import sources
from wellkept.store.state.state import State
from wellkept.store.state.webhooks import OutboxRows

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
        self._outbox, self._forget, self._leader = outbox, forget, leader or Alone()
        works: dict[str, tuple[Callable[[], object], float]] = {"webhooks-old": (self._forget_old, TIDY_EVERY_S)}
        if outbox.endpoints:
            works["webhooks"] = (outbox.gather, every_s)
        works |= {f"webhook-{one.name}": (self._sending(one), every_s) for one in outbox.endpoints}
        loops = [Loop(name, pause_s, [Job(name, work, led=True)]) for name, (work, pause_s) in works.items()]
        self.schedule = Schedule(loops, self._leader)

    def start(self) -> None:
        """Start. Where nobody is told, what happened up to now will not be told to whoever comes later."""
        if not self._outbox.endpoints and self._leader.leads:
            self._outbox.gather()
        self.schedule.start()

    def close(self) -> None:
        """Ask every thread to end. One that waits for an answer is left: it sends again at the next start."""
        self.schedule.stop(LAST_WORD_S)

    def status(self) -> dict[str, Any]:
        """How many deliveries are in which state, and whether the work goes on."""
        counts: Mapping[str, Mapping[str, int]] = self._outbox.counts()
        return {"deliveries": counts, **self.schedule.failures()}

    def _forget_old(self) -> None:
        """Also where nobody is told any more: what is left of former endpoints, and what the doors took in."""
        self._outbox.forget_old()
        self._forget()

    def _sending(self, endpoint: Endpoint) -> Callable[[], object]:
        return lambda: self._outbox.send_due(endpoint, lambda: self._leader.leads)

"""The platform's own housekeeping: it rolls its metrics up, watches the room on its disk, and keeps to its budget.

None of this is a plan at the gate: it concerns nothing but the platform's own copy of what it was sent. It is said
nevertheless, as a change in the stream, in the status, in the log and on the pages.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from wellkept.app.schedule import VITAL, Job, Loop
from wellkept.app.settings import Retention
from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import OverloadError, StoreError
from wellkept.kernel.sizes import size_of
from wellkept.spine.stream import Stream
from wellkept.store.telemetry.budget import Budget, Limits
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.watch import Watch

log = logging.getLogger(__name__)

ENTITY = "service:wellkept"
ACTOR = "wellkept"
WATCH_EVERY_S = 1.0
BUDGET_EVERY_S = 30.0
TIERS_EVERY_S = 60.0
SAID_FOR = timedelta(days=1)
"""So long a page tells what was removed."""


class Housekeeping:
    """Three loops, so that none waits for another."""

    def __init__(
        self,
        telemetry: Telemetry,
        stream: Stream,
        clock: Clock,
        retention: Retention,
        give_way: Callable[[], str] = str,
    ) -> None:
        """``give_way``: lets go of something else that takes room, and says so; empty where there is nothing."""
        self._telemetry, self._stream, self._clock, self._give_way = telemetry, stream, clock, give_way
        self._reserve = retention.reserve_mib << 20
        self._watch = Watch(telemetry.engine)
        self._budget = Budget(telemetry.engine, _limits(retention))

    def loops(self) -> list[Loop]:
        return [
            Loop("space", WATCH_EVERY_S, [Job("space", self._watch.look, patience=VITAL)]),
            Loop("budget", BUDGET_EVERY_S, [Job("budget", self.keep)]),
            Loop("tiers", TIERS_EVERY_S, [Job("tiers", lambda: self._telemetry.tiers.roll_up(self._clock.now()))]),
        ]

    def keep(self) -> None:
        """Let go of what is too much, and say so."""
        while self._telemetry.engine.space.look() < self._reserve and (gone := self._give_way()):
            self._say(self._clock.now(), f"{gone}: the disk has less than {size_of(self._reserve)} free")
        removed = self._budget.keep(self._clock.now())
        for removal in removed:
            self._say(removal.at, removal.sentence)

    def _say(self, at: datetime, sentence: str) -> None:
        log.warning("housekeeping: %s", sentence)
        self._stream.record(Change(ENTITY, ChangeKind.RETENTION, at, ACTOR, sentence))

    def status(self) -> dict[str, Any]:
        """What telemetry takes on the disk."""
        return self._budget.status(self._clock.now()) | {"merges_stopped": self._watch.is_short}

    def notes(self) -> list[str]:
        """The same in sentences, for a page; a page is shown also where the engine fails."""
        try:
            return self._sentences()
        except (StoreError, OverloadError) as error:
            return [f"What telemetry takes on the disk is not known: {error}"]

    def _sentences(self) -> list[str]:
        now = self._clock.now()
        status = self._budget.status(now)
        kept = f"Telemetry takes {size_of(status['bytes'])}"
        kept += f" of its {size_of(status['budget'])}" if status["budget"] else ""
        kept += f"; {size_of(status['free'])} are free on the disk"
        if status["full_at"]:
            kept += f", enough until {status['full_at'][:16].replace('T', ' ')} UTC at this pace"
        lately = [removal for removal in self._budget.lately(3) if now - removal.at < SAID_FOR]
        return [kept, *(f"Housekeeping {removal.sentence}" for removal in lately)]


def _limits(retention: Retention) -> Limits:
    return Limits(round(retention.disk_gib * (1 << 30)), retention.reserve_mib << 20)

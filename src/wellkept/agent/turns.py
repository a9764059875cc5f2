"""The edge of the agent's threads: whatever one turn raises is logged and counted, and the next turn comes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0


class Turns(threading.Thread):
    """A thread that takes one turn after the other. A turn returns the seconds until the next one.

    An agent must outlive a full disk, a process that ends while it is looked at, and whatever else a host does.
    """

    def __init__(self, name: str, turn: Callable[[], float], stop: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._turn, self._stop_asked = turn, stop
        self.failures = 0

    def run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stop_asked.is_set():
            try:
                wait_s = self._turn()
                pause_s = FIRST_PAUSE_S
            except Exception:
                self.failures += 1
                log.exception("%s: a turn failed; the next one comes in %g s", self.name, pause_s)
                wait_s, pause_s = pause_s, min(pause_s * 2, LONGEST_PAUSE_S)
            self._stop_asked.wait(wait_s)

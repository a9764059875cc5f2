"""Watches what the engine does in the background: merging stands behind answering, and where the room on the disk is
short, nothing is merged, and what was merged is read back.
"""

from __future__ import annotations

import logging
import time

from wellkept.store.telemetry.background import niceness, step_back
from wellkept.store.telemetry.engine import Engine

log = logging.getLogger(__name__)

READ_BACK_EVERY_S = 10.0
_SLACK_S = 60
"""Merges that began so long before are read back as well."""


class Watch:
    """One look a second, by one thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._space = engine, engine.space
        self._since_s = int(time.time()) - _SLACK_S
        self._read_back_at = time.monotonic()
        self.is_short = False
        """Whether merges are stopped."""
        self._behind: int | None = None

    def look(self) -> None:
        """Stop merges while there is less room than twice the floor, and prove what there is before they go on.

        Raises:
            StoreError, OverloadError: the engine failed; the next look tries again.
        """
        behind = niceness()
        if behind != self._behind and step_back(behind):
            self._behind = behind
        lowest = self._space.lowest()
        is_short = self._space.look() < 2 * self._space.floor
        if is_short and not self.is_short:
            self._engine.command("SYSTEM STOP MERGES")
            log.warning("less than %d MiB are free for telemetry: nothing is merged", 2 * self._space.floor >> 20)
        elif self.is_short and not is_short:
            self._prove()
            self._engine.command("SYSTEM START MERGES")
            log.warning("there is room for telemetry again")
        elif not is_short and lowest < self._space.tight and self._is_time():
            self._prove()
        elif lowest >= self._space.tight:
            self._since_s = int(time.time()) - _SLACK_S
        self.is_short = is_short

    def _is_time(self) -> bool:
        return time.monotonic() - self._read_back_at >= READ_BACK_EVERY_S

    def _prove(self) -> None:
        began = int(time.time())
        self._engine.proof.of_merges(self._since_s)
        self._since_s, self._read_back_at = began - _SLACK_S, time.monotonic()

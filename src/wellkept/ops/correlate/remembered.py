"""What grouping has learned, kept over a restart."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from wellkept.ops.correlate.cooccurrence import CoOccurrence

_log = logging.getLogger(__name__)


class Kept(Protocol):
    """Where it is kept."""

    def load(self) -> dict[str, Any] | None: ...

    def save(self, body: Mapping[str, Any], at: datetime) -> None: ...


class Remembered:
    """Loads and saves what was learned; where it is kept nowhere, every start begins with nothing."""

    def __init__(self, kept: Kept | None) -> None:
        self._kept, self._news = kept, 0

    def load(self) -> CoOccurrence:
        """What was learned up to the last save."""
        self._news = 0
        body = self._kept.load() if self._kept is not None else None
        try:
            return CoOccurrence.load(body) if body is not None else CoOccurrence()
        except (KeyError, TypeError, ValueError):
            _log.warning("what grouping had learned cannot be read, and is learned anew")
            return CoOccurrence()

    def count(self, findings: int) -> None:
        """So many findings more were learned of."""
        self._news += findings

    def save(self, memory: CoOccurrence, now: datetime) -> None:
        """Keep what was learned, where there is something new."""
        if self._kept is not None and self._news:
            self._kept.save(memory.dump(), now)
            self._news = 0

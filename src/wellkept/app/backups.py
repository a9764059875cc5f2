"""Backups, wired: made when somebody asks and in a rhythm, one at a time, the oldest let go of."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from wellkept import __version__
from wellkept.app.schedule import VERY_LONG, Job, Loop
from wellkept.kernel.errors import ConflictError
from wellkept.store.backup import OWN, Backup, back_up, backups, forget, let_go_of_oldest, placed, restore

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

LOOK_EVERY_S = 60.0
BY_ITSELF = "wellkept"
log = logging.getLogger(__name__)
__all__ = ["Backups", "restore"]


class Backups:
    """Copies of this server's data folder."""

    def __init__(self, platform: Platform) -> None:
        self.settings = platform.settings.backup
        self._data, self._audit, self._clock = platform.settings.data.resolve(), platform.audit, platform.clock
        self.folder = placed(self._data, self.settings.folder or self._data / OWN)
        self._turn = threading.Lock()

    def make(self, by: str) -> Backup:
        """Make one now.

        Raises:
            ConflictError: one is being made, or was in this second.
            StoreError: it cannot be written.
        """
        if not self._turn.acquire(blocking=False):
            raise ConflictError("backup", "is being made already; wait for its end")
        try:
            backup = back_up(self._data, self.folder, self._clock.now(), __version__)
            gone = forget(self.folder, self.settings.keep, backup)
        finally:
            self._turn.release()
        details = {"files": backup.files, "bytes": backup.bytes, "let_go": [one.path.name for one in gone]}
        self._audit.append(self._clock.now(), by, "backup.made", f"backup:{backup.path.name}", details)
        log.info("backup: %s, %d files, %d bytes", backup.path, backup.files, backup.bytes)
        return backup

    def kept(self) -> list[Backup]:
        """Those that are there, newest first."""
        return backups(self.folder)

    def give_way(self) -> str:
        """Let go of the oldest that is on the disk of the data, and say so; empty where there is none."""
        gone = let_go_of_oldest(self._data, self.folder)
        return f"let go of the backup of {gone.made_at:%Y-%m-%d %H:%M} UTC" if gone is not None else ""

    def loops(self) -> list[Loop]:
        """What makes them in a rhythm, where one is wanted."""
        job = Job("backup", self._tick, patience=VERY_LONG)
        return [Loop("backup", LOOK_EVERY_S, [job])] if self.settings.every_h > 0 else []

    def notes(self) -> list[str]:
        """What there is, in a sentence for a page; nothing where nobody wants any."""
        made = self.kept()
        if made:
            return [
                f"The newest backup is of {made[0].made_at:%Y-%m-%d %H:%M} UTC; {len(made)} are kept in {self.folder}"
            ]
        return ["There is no backup yet"] if self.settings.every_h > 0 else []

    def _tick(self) -> None:
        if self._is_due(self._clock.now()):
            self.make(BY_ITSELF)

    def _is_due(self, now: datetime) -> bool:
        """A backup of a time to come, by a clock that was wrong, says nothing of when the next one is due."""
        made = [backup.made_at for backup in self.kept() if backup.made_at <= now]
        return not made or now - made[0] >= timedelta(hours=self.settings.every_h)

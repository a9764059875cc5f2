"""Proof that what the engine says it has written is on the disk.

The embedded engine takes no notice of a write that fails. Where room is short, its parts are therefore read back: what
a statement has just written, before it counts as stored, and what it has merged, while the parts that were merged are
still there to go back to.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wellkept.kernel.errors import OverloadError, StoreError

if TYPE_CHECKING:
    from wellkept.store.telemetry.engine import Engine

log = logging.getLogger(__name__)

_WRITTEN = """
SELECT table, name, level, toUnixTimestamp(modification_time) AS at FROM system.parts
WHERE database = currentDatabase() AND active AND modification_time >= toDateTime({since:UInt32})
    AND (level > 0 OR data_version != min_block_number) = {is_merged:Bool}
ORDER BY table, name"""
_SET_ASIDE = """
SELECT name FROM system.detached_parts
WHERE database = currentDatabase() AND table = {table:String} AND reason = 'broken-on-start'"""
_THROW_AWAY = "DROP DETACHED PART {part:String} SETTINGS allow_drop_detached = 1"
_MARK = re.compile(r"\Abroken-on-start_|_try\d+\Z")
_PLAIN = re.compile(r"\w+\Z", re.ASCII)
_REMEMBERED = 10_000
_ATTEMPTS, _PAUSE_S = 50, 0.1


@dataclass(frozen=True, slots=True)
class _Part:
    table: str
    name: str
    at: int


class Proof:
    """Reads parts back. Safe to use from several threads; each part is read once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._sound: set[_Part] = set()
        self._lost_at = 0
        self._away: set[str] = set()

    def of_insert(self, began_s: int) -> None:
        """Read back what inserts have written since ``began_s`` (of the machine's clock, which is the engine's).

        A part that is not whole is taken out, so that it is not there twice when its sender comes again.

        Raises:
            OverloadError: some of it is not on the disk.
        """
        with self._lock:
            for part in self._unsound(began_s, is_merged=False):
                self._lost_at = max(self._lost_at, part.at)
                self._engine.command(f"ALTER TABLE {part.table} DROP PART {{part:String}}", {"part": part.name})
                log.warning("part %s of %s is not whole on the disk and was taken out", part.name, part.table)
            if self._lost_at >= began_s:
                raise OverloadError("disk of the telemetry store: ran full while this was written", retry_after_s=5)

    def of_merges(self, since_s: int) -> int:
        """Read back what was merged since then; gives how many tables had to be mended.

        The parts that a merge has put together stay on the disk for some minutes. A table that is loaded anew finds
        that the merged part is not whole, and goes back to them.
        """
        with self._lock:
            for table in sorted(self._away):
                self._take_up(table)
            unsound = self._unsound(since_s, is_merged=True)
            tables = sorted({part.table for part in unsound})
            for table in tables:
                log.warning("a merge of %s is not whole on the disk; going back to what it was made of", table)
                self._reload(table)
                self._sound.clear()
                self._clear(table, {part.name for part in unsound})
        return len(tables)

    def _unsound(self, since_s: int, *, is_merged: bool) -> list[_Part]:
        rows = self._engine.query(_WRITTEN, {"since": since_s, "is_merged": is_merged}, writing=True).to_pylist()
        parts = [_Part(row["table"], row["name"], row["at"]) for row in rows]
        fresh = [part for part in parts if part not in self._sound]
        unsound = [part for part in fresh if not self._is_sound(part)]
        if len(self._sound) > _REMEMBERED:
            self._sound.clear()
        self._sound.update(set(fresh) - set(unsound))
        return unsound

    def _is_sound(self, part: _Part) -> bool:
        """Whether the files of a part are what they were meant to be; one that is gone was merged meanwhile."""
        if not (_PLAIN.match(part.table) and _PLAIN.match(part.name)):
            raise StoreError(f"part {part.name} of {part.table}: must have a plain name")
        try:
            found = self._engine.query(f"CHECK TABLE {part.table} PART '{part.name}'", writing=True)
        except StoreError as error:
            if "NO_SUCH_DATA_PART" in str(error):
                return True
            raise
        return all(found.column(1).to_pylist())

    def _clear(self, table: str, names: set[str]) -> None:
        """Throw away what is left of merges that were undone: it would lie there for good."""
        for left in self._engine.query(_SET_ASIDE, {"table": table}, writing=True)["name"].to_pylist():
            if _MARK.sub("", left) in names:
                self._engine.command(f"ALTER TABLE {table} {_THROW_AWAY}", {"part": left})

    def _reload(self, table: str) -> None:
        """Let go of a table and take it up again."""
        self._away.add(table)
        self._engine.command(f"DETACH TABLE {table}")
        self._take_up(table)

    def _take_up(self, table: str) -> None:
        """While a statement still holds the table as it was, this has to wait; what fails is tried at the next call."""
        for attempt in range(_ATTEMPTS):
            try:
                self._engine.command(f"ATTACH TABLE IF NOT EXISTS {table}")
                break
            except StoreError:
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_PAUSE_S)
        self._away.discard(table)

"""Following log files through rotation, without losing a line.

A file is known by its device and inode, so a renamed file is read to its end before its successor. What lies before a
position is remembered by a mark, so that a file that was cut short and written anew, a new file on an old inode, and a
copy of a followed file are told apart. Positions move only after the server has acknowledged the lines; until then the
file itself is the buffer.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wellkept.agent.configuration import LogFiles
from wellkept.agent.positions import Position, bytes_at, load, save

MAX_LINE = 64 * 1024
MAX_BATCH_BYTES = 1 << 20
FINISHED_AFTER_LOOKS = 30
"""A file that no glob names any more is let go when this many looks in a row found nothing new in it: its writer may
keep to the old name for a while."""
SURELY_COPIED = 1024
"""A file may be taken for a copy of one that was read at least so far; short beginnings are often alike."""
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".lz4")

_LEVEL = re.compile(r"\b(TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL|CRITICAL)\b", re.IGNORECASE)
_LEVELS = {"WARNING": "WARN", "CRITICAL": "FATAL"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file that is followed."""

    source: LogFiles
    path: str
    text: str


@dataclass(slots=True)
class _Followed:
    source: LogFiles
    path: str
    handle: int
    position: Position
    seen: tuple[int, int] = (-1, -1)
    """Size and time of change at the last look."""
    idle_looks: int = 0
    is_named: bool = True


class Tail:
    """Follows every file of some globs. ``read`` hands out lines, ``commit`` says that they are safe.

    Files that are there when the tail is used for the very first time are followed from their end, later ones from
    their beginning. Links are not followed, and compressed files are no logs.
    """

    def __init__(self, sources: tuple[LogFiles, ...], positions: Path) -> None:
        self._sources, self._positions = sources, positions
        self._is_first_look = not positions.exists()
        self._saved = load(positions)
        self._originals: list[Position] = []
        """What was saved before this look, of which a new file may be a copy."""
        self._files: dict[str, _Followed] = {}
        self._pending: dict[str, int] = {}
        self._is_changed = self._is_first_look

    def read(self) -> list[Line]:
        """New whole lines, at most about a mebibyte; nothing until the last ones were committed.

        Files that had their turn go to the back of the queue, so that a busy one starves nobody.
        """
        assert not self._pending, "commit or give back the last batch first"
        self._look()
        lines: list[Line] = []
        budget = MAX_BATCH_BYTES
        for key, followed in list(self._files.items()):
            is_finished = not followed.is_named and followed.idle_looks >= FINISHED_AFTER_LOOKS
            data = _read_lines(followed, budget, is_finished)
            if data:
                followed.idle_looks = 0
                self._files[key] = self._files.pop(key)
                self._pending[key] = followed.position.offset + len(data)
                lines += [Line(followed.source, followed.path, text) for text in _split(data)]
            elif is_finished:
                self._let_go(key)
            elif budget == MAX_BATCH_BYTES:
                followed.idle_looks += 1
            budget -= len(data)
            if budget <= 0:
                break
        return lines

    def commit(self) -> None:
        """The last batch is acknowledged: the positions move, durably."""
        pending, self._pending = self._pending, {}
        for key, offset in pending.items():
            self._move(key, offset)
        self._save()

    def give_back(self) -> None:
        """The last batch was not acknowledged: it will be read again."""
        self._pending.clear()

    def close(self) -> None:
        for followed in self._files.values():
            os.close(followed.handle)
        self._files.clear()

    def _look(self) -> None:
        """Find new files and renamed ones, and files that were cut short."""
        self._originals = list(self._saved.values())
        named = {
            key
            for source in self._sources
            for path in sorted(glob.glob(source.path))
            if (key := self._find(source, path))
        }
        for key, followed in self._files.items():
            followed.is_named = key in named
            status = os.fstat(followed.handle)
            seen = (status.st_size, status.st_mtime_ns)
            if seen != followed.seen and not followed.position.fits(followed.handle, status.st_size):
                self._move(key, 0)  # cut short, and written anew from the beginning
            followed.seen = seen
        self._is_first_look = False
        self._save()

    def _find(self, source: LogFiles, path: str) -> str:
        """The key of the file that a path names, opened when it is new; empty when it is no log file."""
        if path.endswith(COMPRESSED):
            return ""
        with contextlib.suppress(OSError):
            status = Path(path).lstat()
            key = f"{status.st_dev}:{status.st_ino}"
            if key in self._files:
                self._files[key].path = path
                return key
            if stat.S_ISREG(status.st_mode):
                return self._open(source, path)
        return ""

    def _open(self, source: LogFiles, path: str) -> str:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        status = os.fstat(handle)
        key = f"{status.st_dev}:{status.st_ino}"
        if key in self._files:  # renamed between the look and the opening
            os.close(handle)
            return key
        offset = self._beginning(key, path, handle, status.st_size)
        self._files[key] = _Followed(source, path, handle, Position.at(offset, handle, path))
        self._move(key, offset)
        return key

    def _beginning(self, key: str, path: str, handle: int, size: int) -> int:
        """Where to begin in a file that is opened: where it was left, where its original was, or at an end of it."""
        known = self._saved.get(key)
        if known is not None:
            return known.offset if known.fits(handle, size) else 0
        if self._is_first_look:
            return size
        for original in self._originals:
            is_alike = path != original.path and path.startswith(original.path) and original.offset >= SURELY_COPIED
            if is_alike and original.fits(handle, size):
                return original.offset
        return 0

    def _move(self, key: str, offset: int) -> None:
        followed = self._files[key]
        followed.position = Position.at(offset, followed.handle, followed.path)
        self._saved[key] = followed.position
        self._is_changed = True

    def _let_go(self, key: str) -> None:
        """Close a file that was deleted or that nothing names any more, and that was read to its end."""
        os.close(self._files.pop(key).handle)
        self._saved.pop(key, None)
        self._is_changed = True

    def _save(self) -> None:
        if self._is_changed:
            save(self._positions, self._saved)
            self._is_changed = False


def severity_of(text: str) -> str:
    """The severity that a line seems to have, in OpenTelemetry's names; INFO when it does not say."""
    found = _LEVEL.search(text[:400])
    name = found.group(1).upper() if found else "INFO"
    return _LEVELS.get(name, name)


def _read_lines(followed: _Followed, budget: int, to_the_end: bool) -> bytes:
    """Bytes of whole lines from the file's position; a last line without its end waits, unless nothing more comes.

    A line longer than ``MAX_LINE`` is cut, between two characters.
    """
    data = bytes_at(followed.handle, budget, followed.position.offset)
    end = data.rfind(b"\n") + 1
    if end == 0 and len(data) > MAX_LINE:
        end = MAX_LINE
        while end > MAX_LINE - 3 and data[end] & 0xC0 == 0x80:
            end -= 1
    elif end == 0 and to_the_end:
        end = len(data)
    return data[:end]


def _split(data: bytes) -> Iterator[str]:
    """The lines in some bytes: they end at a line feed and nowhere else; what a hole in the file left is no text."""
    for raw in data.split(b"\n"):
        line = raw.strip(b"\0").decode("utf-8", errors="replace").removesuffix("\r")
        for start in range(0, len(line), MAX_LINE):
            yield line[start : start + MAX_LINE]

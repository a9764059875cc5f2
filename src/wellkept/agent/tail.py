"""Following log files through rotation, without losing a line.

A file is known by its device and inode, so a renamed file is read to its end before its successor. Positions move
only after the server has acknowledged the lines; until then the file itself is the buffer.
"""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wellkept.agent.configuration import LogFiles

MAX_LINE = 64 * 1024
MAX_BATCH_BYTES = 1 << 20
FINISHED_AFTER_LOOKS = 5
"""A file that no glob names any more is let go when this many looks in a row found nothing new in it."""

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
    offset: int
    idle_looks: int = 0


class Tail:
    """Follows every file of some globs. ``read`` hands out lines, ``commit`` says that they are safe."""

    def __init__(self, sources: tuple[LogFiles, ...], positions: Path) -> None:
        self._sources, self._positions = sources, positions
        self._saved: dict[str, int] = _load(positions)
        self._is_first_look = not positions.exists()
        self._files: dict[str, _Followed] = {}
        self._pending: dict[str, int] = {}

    def read(self) -> list[Line]:
        """New whole lines, at most about a mebibyte; nothing until the last ones were committed."""
        assert not self._pending, "commit or give back the last batch first"
        self._look()
        lines: list[Line] = []
        budget = MAX_BATCH_BYTES
        for key, followed in list(self._files.items()):
            data = _read_lines(followed, budget)
            if not data:
                followed.idle_looks += 1
                continue
            followed.idle_looks = 0
            budget -= len(data)
            self._pending[key] = followed.offset + len(data)
            lines += [Line(followed.source, followed.path, text) for text in _split(data)]
            if budget <= 0:
                break
        if not self._pending:
            self._let_go()
        return lines

    def commit(self) -> None:
        """The last batch is acknowledged: the positions move, durably."""
        for key, offset in self._pending.items():
            self._files[key].offset = offset
            self._saved[key] = offset
        self._pending.clear()
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
        for source in self._sources:
            for path in sorted(glob.glob(source.path)):
                self._open(source, path)
        for followed in self._files.values():
            if os.fstat(followed.handle).st_size < followed.offset:
                followed.offset = 0  # copied away and truncated: what is there now is new
        self._is_first_look = False

    def _open(self, source: LogFiles, path: str) -> None:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return
        status = os.fstat(handle)
        key = f"{status.st_dev}:{status.st_ino}"
        known = self._files.get(key)
        if known is not None or not os.path.isfile(path):
            os.close(handle)
            if known is not None:
                known.path = path
            return
        offset = self._saved.get(key)
        if offset is None:
            offset = status.st_size if self._is_first_look else 0
        self._files[key] = _Followed(source, path, handle, min(offset, status.st_size))
        self._saved[key] = self._files[key].offset
        self._save()

    def _let_go(self) -> None:
        """Close files that were deleted or that nothing names any more, once they were read to their end."""
        named = {path for source in self._sources for path in glob.glob(source.path)}
        for key, followed in list(self._files.items()):
            is_gone = os.fstat(followed.handle).st_nlink == 0 or followed.path not in named
            if is_gone and followed.idle_looks >= FINISHED_AFTER_LOOKS:
                os.close(followed.handle)
                del self._files[key]
                self._saved.pop(key, None)
                self._save()

    def _save(self) -> None:
        self._positions.parent.mkdir(parents=True, exist_ok=True)
        partial = self._positions.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            json.dump(self._saved, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._positions)


def severity_of(text: str) -> str:
    """The severity that a line seems to have, in OpenTelemetry's names; INFO when it does not say."""
    found = _LEVEL.search(text[:400])
    name = found.group(1).upper() if found else "INFO"
    return _LEVELS.get(name, name)


def _load(path: Path) -> dict[str, int]:
    try:
        value: Mapping[str, int] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return dict(value)


def _read_lines(followed: _Followed, budget: int) -> bytes:
    """Bytes of whole lines from the file's position; a last line without its end waits, unless it is too long."""
    data = os.pread(followed.handle, min(budget, MAX_BATCH_BYTES), followed.offset)
    end = data.rfind(b"\n") + 1
    if end == 0 and len(data) >= MAX_LINE:
        end = MAX_LINE
    return data[:end]


def _split(data: bytes) -> Iterator[str]:
    for line in data.decode("utf-8", errors="replace").splitlines():
        for start in range(0, max(len(line), 1), MAX_LINE):
            if piece := line[start : start + MAX_LINE]:
                yield piece

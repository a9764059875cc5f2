"""How far each log file was read: kept on disk, and marked, so that another file is never taken for the same one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MARKED_BYTES = 256
"""A position is marked by this many bytes from the file's beginning and as many before the position."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a file was read, under which name, and the mark of what lies before."""

    offset: int
    mark: str
    path: str

    @classmethod
    def at(cls, offset: int, handle: int, path: str) -> Position:
        """A position in an open file."""
        return cls(offset, _mark(handle, offset), path)

    def fits(self, handle: int, size: int) -> bool:
        """Whether an open file of this size still begins with what was read."""
        return size >= self.offset and _mark(handle, self.offset) == self.mark


def load(path: Path) -> dict[str, Position]:
    """The saved positions; a file that cannot be understood stands for none, and everything is read again."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): Position(int(offset), str(mark), str(name)) for key, (offset, mark, name) in value.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}


def save(path: Path, positions: Mapping[str, Position]) -> None:
    """Put the positions in place of the saved ones, durably, all or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump({key: [at.offset, at.mark, at.path] for key, at in positions.items()}, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def bytes_at(handle: int, length: int, offset: int) -> bytes:
    """Bytes of an open file; none where it cannot be read now (a network disk that went away), to be tried again."""
    try:
        return os.pread(handle, length, offset)
    except OSError:
        return b""


def _mark(handle: int, offset: int) -> str:
    length = min(offset, MARKED_BYTES)
    marked = bytes_at(handle, length, 0) + bytes_at(handle, length, offset - length)
    return hashlib.sha256(marked).hexdigest()[:16]

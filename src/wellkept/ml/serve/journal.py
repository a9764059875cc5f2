"""An append-only journal on disk: what is appended survives the death of the process, until it is acknowledged.

A segment is a file of frames, each a head (length, CRC-32 and rows of the payload, as three little-endian numbers of 32
bits; the sum begins with the rows) and a payload. An append is one write to the file, so that a process that is killed
afterwards has lost nothing; a machine that loses power may lose what the system had not written out yet
(:meth:`Journal.sync`). A frame that was cut off at the end of a segment is what the process was killed in the middle
of: nobody was told that it is kept.
"""

from __future__ import annotations

import logging
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

HEAD = struct.Struct("<III")
SEGMENT_BYTES = 16 << 20
CURSOR = "cursor"


@dataclass(frozen=True, slots=True)
class Frame:
    """A payload with the rows that it counts for, and where the next one begins."""

    payload: bytes
    rows: int
    after: int


class Journal:
    """Appends at the end, reads from the oldest. Appending is safe from several threads; reading is for one.

    ``budget`` is how many bytes may wait; beyond it :meth:`append` refuses.
    """

    def __init__(self, folder: Path, budget: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._budget, self._segment_bytes = folder, budget, segment_bytes
        self._lock = threading.Lock()
        self._sizes = {int(path.stem): path.stat().st_size for path in folder.glob("*.seg") if path.stem.isdigit()}
        self._total = sum(self._sizes.values())
        self._read_at = self._left_off()
        old = [number for number in self._sizes if number < self._read_at[0]]
        self._forget(old)
        self._remove(old)
        self._last = max(self._sizes, default=self._read_at[0])
        self._opened: set[str] = set()
        self._file, self._complaint = -1, ""

    def append(self, payload: bytes, rows: int, key: str, opening: Callable[[], bytes]) -> bool:
        """Write a payload; False when there is no room for it, or the disk took none of it.

        Before the first payload of a key in a segment stands what ``opening`` gives, as a frame of no rows.
        """
        frame = HEAD.pack(len(payload), zlib.crc32(payload, rows), rows) + payload
        with self._lock:
            if self._total + len(frame) > self._budget:
                return False
            try:
                if self._file < 0 or self._sizes[self._last] >= self._segment_bytes:
                    self._roll()
                if key not in self._opened:
                    first = opening()
                    frame = HEAD.pack(len(first), zlib.crc32(first), 0) + first + frame
                self._write(frame)
                self._opened.add(key)
            except OSError as error:
                self._complain(error)
                return False
        return True

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._total

    def begin(self) -> tuple[int, int]:
        """Where the oldest frame is that was not acknowledged: segment and offset."""
        return self._read_at

    def end(self) -> tuple[int, int]:
        """Where the next frame will be, as of now: segment and offset."""
        with self._lock:
            return self._last, self._sizes.get(self._last, 0)

    def read(self, segment: int, offset: int, limit: int) -> list[Frame]:
        """Whole frames of a segment from an offset on, about ``limit`` bytes of them; empty where there are none."""
        path = self._path(segment)
        with self._lock:
            size = self._sizes.get(segment, 0)
        if offset >= size:
            return []
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(min(size - offset, max(limit, HEAD.size)))
            found = list(_frames(data, offset))
            if not found and len(data) < size - offset:  # one that is longer than the limit
                found = list(_frames(data + file.read(size - offset - len(data)), offset))[:1]
        return found

    def is_done(self, segment: int, offset: int) -> bool:
        """Whether nothing more will come in a segment, and an offset is its end, or the rest of it is damaged."""
        with self._lock:
            is_old = segment != self._last or self._file < 0
        return is_old and not self.read(segment, offset, HEAD.size)

    def left(self, segment: int, offset: int) -> int:
        """The bytes of a segment behind an offset."""
        with self._lock:
            return max(0, self._sizes.get(segment, 0) - offset)

    def following(self, segment: int) -> int | None:
        """The number of the next segment, where there is one."""
        with self._lock:
            return min((number for number in self._sizes if number > segment), default=None)

    def acknowledge(self, segment: int, offset: int) -> None:
        """Note that everything before is not needed any more; whole segments of it are removed."""
        with self._lock:
            self._read_at = (segment, offset)
            gone = [number for number in self._sizes if number < segment]
            is_all = segment in self._sizes and offset >= self._sizes[segment]
            if is_all and self._file >= 0 and segment == self._last and offset >= self._segment_bytes:
                os.close(self._file)
                self._file = -1
                gone.append(segment)
            self._forget(gone)
        # The system takes its time over a large file, and whoever appends meanwhile need not wait.
        self._remove(gone)
        partial = self._folder / f"{CURSOR}.partial"
        partial.write_text(f"{segment} {offset}", encoding="ascii")
        partial.replace(self._folder / CURSOR)

    def sync(self) -> None:
        """Have what was appended written out, so that it survives a loss of power."""
        with self._lock:
            file = os.dup(self._file) if self._file >= 0 else -1
        if file >= 0:
            try:
                os.fdatasync(file)
            finally:
                os.close(file)

    def close(self) -> None:
        """Let go of the file; a journal that is acknowledged whole leaves none."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
            segment, offset = self._read_at
            if list(self._sizes) == [segment] and offset >= self._sizes[segment]:
                self._forget([segment])
                self._remove([segment])

    def _roll(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        number = self._last + 1
        self._file = os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)
        self._last = number
        self._sizes[number] = 0
        self._opened = set()

    def _write(self, frame: bytes) -> None:
        """Write whole, or leave the file as it was."""
        before = self._sizes[self._last]
        try:
            done = os.write(self._file, frame)
            while done < len(frame):
                done += os.write(self._file, memoryview(frame)[done:])
        except OSError:
            os.ftruncate(self._file, before)
            raise
        self._sizes[self._last] = before + len(frame)
        self._total += len(frame)
        self._complaint = ""

    def _complain(self, error: OSError) -> None:
        """Say once what is wrong for as long as it stays so."""
        complaint = error.strerror or str(error)
        if complaint != self._complaint:
            log.warning("the journal in %s takes nothing: %s", self._folder, complaint)
        self._complaint = complaint

    def _forget(self, numbers: Iterable[int]) -> None:
        self._total -= sum(self._sizes.pop(number, 0) for number in numbers)

    def _remove(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._path(number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012}.seg"

    def _left_off(self) -> tuple[int, int]:
        """Where an earlier process was acknowledged last; a damaged cursor costs duplicates, not predictions."""
        oldest = min(self._sizes, default=0)
        try:
            segment, offset = map(int, (self._folder / CURSOR).read_text(encoding="ascii").split())
        except (OSError, ValueError):
            return oldest, 0
        if segment in self._sizes and offset <= self._sizes[segment]:
            return segment, offset
        return (segment, 0) if not self._sizes else (min((n for n in self._sizes if n > segment), default=oldest), 0)


def _frames(data: bytes, offset: int) -> Iterator[Frame]:
    """The whole, undamaged frames at the beginning of some bytes."""
    at, size = 0, len(data)
    while at + HEAD.size <= size:
        length, checksum, rows = HEAD.unpack_from(data, at)
        end = at + HEAD.size + length
        if end > size:
            return
        payload = data[at + HEAD.size : end]
        if zlib.crc32(payload, rows) != checksum:
            return
        yield Frame(payload, rows, offset + end)
        at = end

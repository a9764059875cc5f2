"""The prediction log: an answer is in the journal before it is given, and goes to the platform in batches."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from wellkept.kernel.errors import InputError, NotFoundError, TooLargeError, WellkeptError
from wellkept.ml.serve.answered import Answered, Source, Unpacked, opened, opening, packed, table_of, unpacked
from wellkept.ml.serve.journal import Frame, Journal

log = logging.getLogger(__name__)

MEDIA = "application/vnd.apache.arrow.stream"
BATCH_BYTES = 2 << 20
EVERY_S, LONGEST_PAUSE_S = 1.0, 5.0
"""An insert costs the platform the same for one prediction as for a thousand."""
PACKED_BYTES, PACKING_PAUSE_S = 32 << 10, 0.004
"""Answers are read and packed so many bytes at a time, with a pause behind: requests wait while it is done, and must
have caught up before it goes on."""
CROWDED, CROWDED_PAUSE_S = 20_000, 0.001
"""From so many answers that wait on, the pause is shorter: to be sent is more urgent then."""
LAST_WORD_S = 2.0
"""How long :meth:`PredictionLog.close` waits for the platform to take what waits."""
BUDGET = 1 << 30
"""Bytes that may wait on disk while the platform is away; beyond it new predictions are dropped, and counted."""


class Door(Protocol):
    """Where predictions go."""

    url: str

    def send(self, path: str, body: bytes, media: str) -> bytes: ...


@dataclass(slots=True)
class Batch:
    """Answers that are sent together, and what the journal is told when they have arrived.

    ``parts`` are those that have not: one table, or what is left of it when it had to be cut.
    """

    parts: list[pa.Table]
    rows: int
    segment: int
    offset: int


class PredictionLog:
    """Keeps predictions in a journal; one thread sends them until they are acknowledged, oldest first.

    A prediction may be sent twice (an answer that was lost on the way, a crash); by its id it is the same prediction.
    Predictions are dropped, and counted, only when the disk or ``budget`` is full, or when the platform refuses one.
    """

    def __init__(self, door: Door, folder: Path, budget: int = BUDGET) -> None:
        self._door, self._journal = door, Journal(folder, budget)
        self._stopped, self._lock = threading.Event(), threading.Lock()
        self._sources: dict[str, Source] = {}
        self._segment, self._offset = self._journal.begin()
        self._batch: Batch | None = None
        self.dropped = 0
        self._taken, self._acknowledged = self._waiting_since_before(), 0
        self._thread = threading.Thread(target=self._work, name="prediction-log", daemon=True)
        self._thread.start()

    def add(self, answered: Answered) -> None:
        """Take an answer in; it is in the hands of the system when this returns."""
        rows, served = len(answered.rows), answered.served
        is_kept = self._journal.append(packed(answered), rows, served.digest, lambda: opening(served))
        with self._lock:
            if is_kept:
                self._taken += rows
            else:
                self.dropped += rows

    @property
    def backlog(self) -> int:
        """How many are not acknowledged yet."""
        with self._lock:
            return self._taken - self._acknowledged

    @property
    def size(self) -> int:
        """Bytes that they take on disk."""
        return self._journal.size

    def close(self) -> None:
        """Try once more to send what waits; what is not taken stays on disk for the next start."""
        self._stopped.set()
        self._thread.join(LAST_WORD_S)
        if not self._thread.is_alive():
            self._journal.close()

    def _waiting_since_before(self) -> int:
        """How many an earlier process left; what it had opened is read on the way."""
        segment: int | None = self._segment
        rows = 0
        while segment is not None:
            offset = 0
            while frames := self._journal.read(segment, offset, BATCH_BYTES):
                rows += sum(frame.rows for frame in frames if segment > self._segment or frame.after > self._offset)
                if segment == self._segment:
                    self._answers([frame for frame in frames if not frame.rows])
                offset = frames[-1].after
            segment = self._journal.following(segment)
        return rows

    def _work(self) -> None:
        pause_s, is_last = EVERY_S, False
        while not is_last:
            is_last = self._stopped.wait(pause_s)
            pause_s = EVERY_S if self._try() else min(pause_s * 2, LONGEST_PAUSE_S)

    def _try(self) -> bool:
        """Send; the edge at which a surprise is logged, because this thread must outlive it."""
        try:
            is_sent = self._send()
            if not is_sent:
                self._journal.sync()
        except Exception:
            log.exception("predictions could not be sent; they wait")
            return False
        return is_sent

    def _send(self) -> bool:
        """Send what waits, a batch at a time; False when the platform does not take it now.

        What comes in meanwhile waits for the next time: to send it at once would be an insert after the other, each of
        the few answers that came during the one before.
        """
        end = self._journal.end()
        while (self._segment, self._offset) < end and (batch := self._batch or self._next()):
            self._batch = batch
            while batch.parts:
                if (left := self._deliver(batch.parts[0])) is None:
                    return False
                batch.parts[:1] = left
            self._batch = None
            self._segment, self._offset = batch.segment, batch.offset
            self._journal.acknowledge(batch.segment, batch.offset)
            with self._lock:
                self._acknowledged += batch.rows
        return True

    def _next(self) -> Batch | None:
        tables, rows, offset = list[pa.Table](), 0, self._offset
        while offset < self._offset + BATCH_BYTES:
            if not (frames := self._journal.read(self._segment, offset, PACKED_BYTES)):
                break
            if answers := self._answers(frames):
                tables.append(table_of(answers, self._sources))
            rows += sum(frame.rows for frame in frames)
            offset = frames[-1].after
            time.sleep(PACKING_PAUSE_S if self.backlog < CROWDED else CROWDED_PAUSE_S)
        if offset > self._offset:
            return Batch([pa.concat_tables(tables)] if tables else [], rows, self._segment, offset)
        following = self._journal.following(self._segment)
        if following is None or not self._journal.is_done(self._segment, self._offset):
            return None
        if left := self._journal.left(self._segment, self._offset):
            log.warning(
                "the last %d bytes of a segment of the prediction log are damaged; what was there is lost", left
            )
        return Batch([], 0, following, 0)

    def _answers(self, frames: list[Frame]) -> list[Unpacked]:
        """What frames hold. An answer whose version is not known (damage) is dropped, and counted."""
        found = []
        for frame in frames:
            if not frame.rows:
                digest, source = opened(frame.payload)
                self._sources[digest] = source
                continue
            answer = unpacked(frame.payload, frame.rows)
            if answer.digest in self._sources:
                found.append(answer)
            else:
                self.dropped += frame.rows
        return found

    def _deliver(self, table: pa.Table) -> list[pa.Table] | None:
        """Send a table; gives what of it is to be sent yet, or None when the platform does not take it now.

        What is refused is cut in halves, so that one wrong record takes nothing else with it.
        """
        try:
            self._door.send("/v1/predictions", _body(table), MEDIA)
        except NotFoundError as error:
            log.warning("%s has no door for predictions: %s", self._door.url, error)
            return None
        except InputError as error:
            if table.num_rows > 1:
                half = table.num_rows // 2
                return [table.slice(0, half), table.slice(half)]
            word = "is too large" if isinstance(error, TooLargeError) else "was refused"
            log.warning("prediction %s %s and is dropped: %s", table["id"][0].as_py(), word, error)
            with self._lock:
                self.dropped += 1
        except WellkeptError as error:
            log.info("predictions wait: %s", error)
            return None
        return []


def _body(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    body: bytes = sink.getvalue().to_pybytes()
    return body

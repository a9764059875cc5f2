"""The prediction log: each answer goes to the platform, in batches; what it does not take waits, at the end on disk."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wellkept.kernel.errors import InputError, NotFoundError, WellkeptError
from wellkept.sdk.client import Client

log = logging.getLogger(__name__)

BATCH = 1000
EVERY_S, LONGEST_PAUSE_S = 0.25, 5.0
LAST_WORD_S = 2.0
"""How long :meth:`PredictionLog.close` waits for the platform to take what waits."""
LIMIT = 200_000
"""Predictions kept while the platform is away; beyond it new ones are dropped, and counted."""

Prediction = Mapping[str, Any]


class PredictionLog:
    """Collects predictions; one thread sends them until they are acknowledged, oldest first.

    A prediction may be sent twice (an answer that was lost on the way, a crash); by its id it is the same prediction.
    """

    def __init__(self, client: Client, spill: Path, limit: int = LIMIT) -> None:
        self._client, self._spill, self._limit = client, spill, limit
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._waiting: list[Prediction] = _read(spill)[:limit]
        self._on_disk = len(self._waiting)
        self.dropped = 0
        self._thread = threading.Thread(target=self._work, name="prediction-log", daemon=True)
        self._thread.start()

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Take predictions in. Never waits."""
        with self._lock:
            room = max(0, self._limit - len(self._waiting))
            self._waiting += predictions[:room]
            self.dropped += max(0, len(predictions) - room)

    @property
    def backlog(self) -> int:
        """How many are not acknowledged yet."""
        with self._lock:
            return len(self._waiting)

    def close(self) -> None:
        """Write what waits to disk, try once more to send it; what is not taken stays there for the next start."""
        self._write()
        self._stopped.set()
        self._thread.join(LAST_WORD_S)
        self._write()

    def _work(self) -> None:
        pause_s, is_last = EVERY_S, False
        while not is_last:
            is_last = self._stopped.wait(pause_s)
            pause_s = EVERY_S if self._try() else min(pause_s * 2, LONGEST_PAUSE_S)

    def _try(self) -> bool:
        """Send; the edge at which a surprise is logged, because this thread must outlive it."""
        try:
            return self._send()
        except Exception:
            log.exception("predictions could not be sent; they wait")
            return False

    def _send(self) -> bool:
        """Send what waits, a batch at a time; False when the platform does not take it now.

        A batch that is refused is cut in halves, so that one wrong record takes nothing else with it.
        """
        size = BATCH
        while batch := self._oldest(size):
            try:
                self._client.post("/v1/predictions", {"predictions": batch})
            except NotFoundError as error:
                log.warning("%s has no door for predictions: %s", self._client.url, error)
                return False
            except InputError as error:
                if len(batch) > 1:
                    size = len(batch) // 2
                    continue
                log.warning("prediction %s was refused and is dropped: %s", batch[0].get("id"), error)
                self.dropped += 1
            except WellkeptError as error:
                log.info("predictions wait: %s", error)
                return False
            self._forget(len(batch))
            size = min(BATCH, size * 2)
        return True

    def _oldest(self, count: int) -> list[Prediction]:
        with self._lock:
            return self._waiting[:count]

    def _forget(self, count: int) -> None:
        with self._lock:
            del self._waiting[:count]
            was_on_disk, self._on_disk = self._on_disk, max(0, self._on_disk - count)
        if was_on_disk and not self._on_disk:
            self._spill.unlink(missing_ok=True)

    def _write(self) -> None:
        """Have on disk exactly what waits."""
        with self._lock:
            lines = [json.dumps(prediction) for prediction in self._waiting]
            self._on_disk = len(lines)
        if not lines:
            self._spill.unlink(missing_ok=True)
            return
        self._spill.parent.mkdir(parents=True, exist_ok=True)
        partial = self._spill.with_suffix(".partial")
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
        partial.replace(self._spill)


def _read(spill: Path) -> list[Prediction]:
    """What an earlier process left; a line that is damaged is left out, and said."""
    if not spill.is_file():
        return []
    found = []
    for line in spill.read_bytes().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            log.warning("a line of %s is damaged; that prediction is lost", spill)
    return found

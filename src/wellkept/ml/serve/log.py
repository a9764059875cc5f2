"""The prediction log: every answer is sent to the platform, in batches; what it does not take yet waits on disk."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.sdk.client import Client

log = logging.getLogger(__name__)

BATCH = 1000
EVERY_S = 0.25
LIMIT = 200_000
"""Predictions kept while the platform is away; beyond it new ones are dropped, and counted."""


class PredictionLog:
    """Collects predictions, and sends them from a thread of its own until they are acknowledged."""

    def __init__(self, client: Client, spill: Path) -> None:
        self._client, self._spill = client, spill
        self._lock, self._wake = threading.Lock(), threading.Event()
        self._waiting: list[Mapping[str, Any]] = self._unspill()
        self._is_open = True
        self._sending = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._work, name="prediction-log", daemon=True)
        self._thread.start()

    def add(self, predictions: list[Mapping[str, Any]]) -> None:
        """Take predictions in. Never waits."""
        with self._lock:
            room = max(0, LIMIT - len(self._waiting))
            self._waiting += predictions[:room]
            self.dropped += max(0, len(predictions) - room)

    @property
    def backlog(self) -> int:
        """How many are not acknowledged yet."""
        with self._lock:
            return len(self._waiting)

    def close(self) -> None:
        """Send what waits; what the platform does not take goes to disk, for the next start."""
        self._is_open = False
        self._wake.set()
        self._thread.join(3.0)
        self._send()
        with self._lock:
            if self._waiting:
                self._spill.parent.mkdir(parents=True, exist_ok=True)
                self._spill.write_text("\n".join(json.dumps(item) for item in self._waiting), encoding="utf-8")

    def _work(self) -> None:
        pause_s = EVERY_S
        while self._is_open:
            self._wake.wait(pause_s)
            pause_s = EVERY_S if self._send() else min(pause_s * 2, 5.0)

    def _send(self) -> bool:
        """Send what waits, a batch at a time; False when the platform does not take it now."""
        while True:
            with self._lock:
                batch = self._waiting[:BATCH]
            if not batch:
                return True
            try:
                self._client.post("/v1/predictions", {"predictions": batch})
            except InputError as error:
                log.warning("%d predictions were refused: %s", len(batch), error)
                self.dropped += len(batch)
            except WellkeptError as error:
                log.info("predictions wait: %s", error)
                return False
            with self._lock:
                del self._waiting[: len(batch)]

    def _unspill(self) -> list[Mapping[str, Any]]:
        if not self._spill.is_file():
            return []
        lines = self._spill.read_text(encoding="utf-8").splitlines()
        self._spill.unlink()
        return [json.loads(line) for line in lines]

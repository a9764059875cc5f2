"""Versions that are only tried: they score what another version answered, off the request's path."""

from __future__ import annotations

import logging
import queue
import threading
import time
from dataclasses import dataclass, replace

import numpy as np

from wellkept.kernel.errors import WellkeptError
from wellkept.ml.serve.answered import Answered
from wellkept.ml.serve.caller import Caller
from wellkept.ml.serve.log import PredictionLog
from wellkept.ml.serve.meters import Meters
from wellkept.ml.serve.rules import Rows
from wellkept.ml.serve.served import Served
from wellkept.ml.serve.telemetry import Instrument

log = logging.getLogger(__name__)

LAST_WORD_S = 1.0
ARM = "shadow"
MOST_WAITING = 10_000
"""Requests that may wait to be tried; beyond it they are not, and counted."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A request that was answered, and who is to be tried on it."""

    answered: Answered
    rows: Rows
    shadow: Served
    caller: Caller


class Shadows:
    """One thread that scores and logs. What goes wrong here costs the caller nothing; it is counted."""

    def __init__(self, predictions: PredictionLog, meters: Meters, instrument: Instrument) -> None:
        self._log, self._meters, self._instrument = predictions, meters, instrument
        self._trials: queue.SimpleQueue[Trial | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="shadows", daemon=True)
        self._thread.start()

    def add(self, trial: Trial) -> None:
        """Have a version tried. Never waits."""
        if self._trials.qsize() < MOST_WAITING:
            self._trials.put(trial)
        else:
            self._count(trial, "dropped")

    def close(self) -> None:
        """Try what waits, as far as there is time, and end."""
        self._trials.put(None)
        self._thread.join(LAST_WORD_S)

    def _work(self) -> None:
        while (trial := self._trials.get()) is not None:
            try:
                self._try(trial)
            except Exception as error:  # noqa: BLE001 - the edge of a model that is only tried
                log.info("shadow version %s of %s failed: %s", trial.shadow.version, trial.shadow.name, error)
                self._count(trial, "failed")
                self._note(trial, 0.0, str(error) or type(error).__name__)

    def _try(self, trial: Trial) -> None:
        shadow, began = trial.shadow, time.perf_counter()
        rows = shadow.rules.matrix(trial.rows)
        scores = shadow.scorer.score(rows)
        taken_s = time.perf_counter() - began
        if not np.isfinite(scores).all():
            raise WellkeptError("a score is not a finite number")
        marks = {"arm": ARM}
        answered = replace(
            trial.answered, served=shadow, rows=rows, scores=scores, taken_s=taken_s, marks=marks, is_shadow=True,
            odd=shadow.rules.odd(trial.rows, rows),
        )  # fmt: skip
        self._log.add(answered)
        self._count(trial, "scored")
        self._note(trial, taken_s, "")

    def _note(self, trial: Trial, taken_s: float, failure: str) -> None:
        self._instrument.record(trial.shadow, trial.caller, taken_s, len(trial.rows), failure, (ARM, -1))

    def _count(self, trial: Trial, outcome: str) -> None:
        self._meters.shadows[trial.shadow.name, trial.shadow.label, outcome] += 1

"""The way of rows to a scorer: at once where that is cheap, else on a thread, with what came meanwhile as one batch."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence

import numpy as np

from wellkept.kernel.errors import OverloadError
from wellkept.ml.runtime import Matrix, Scorer, Scores

QUICK_S = 0.0005
"""What is scored faster than this is scored on the spot: to hand it to a thread would take as long."""
MOST_ROWS = 256
"""Rows of a batch. A request of more is scored by itself."""
MOST_WAITING = 20_000
"""Rows that may wait; beyond it requests are refused rather than answered too late."""
LOOK_AGAIN = 100
"""After so many scorings alone it is tried anew whether batches help."""
SLOWER = 1.01


class Lane:
    """Scores rows for concurrent requests.

    Nothing waits for company: a batch is what came in while another was scored. Where a batch takes as long as its rows
    one by one, rows are scored one request after the other, so that the first does not wait for the last.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._call_s = self._row_s = 1.0
        self._waiting: deque[tuple[Matrix, asyncio.Future[Scores]]] = deque()
        self._rows_waiting, self._is_running, self._alone = 0, False, 0
        self.batches: dict[int, int] = {}

    def is_quick(self, rows: int) -> bool:
        """Whether so many rows are best scored on the spot."""
        return rows <= MOST_ROWS and self._call_s + (rows - 1) * self._row_s < QUICK_S

    @property
    def waiting(self) -> int:
        """Rows that wait for a scoring that is under way."""
        return self._rows_waiting

    def score_now(self, rows: Matrix) -> Scores:
        """Score on the spot."""
        began = time.perf_counter()
        scores = self._scorer.score(rows)
        self._learn(len(rows), time.perf_counter() - began)
        return scores

    async def score(self, rows: Matrix) -> Scores:
        """Score on a thread, together with others where that helps.

        Raises:
            OverloadError: too much waits already.
        """
        loop = asyncio.get_running_loop()
        if len(rows) > MOST_ROWS:
            return await loop.run_in_executor(None, self.score_now, rows)
        if self._rows_waiting + len(rows) > MOST_WAITING:
            raise OverloadError(f"the model cannot keep up: {self._rows_waiting} rows wait")
        future: asyncio.Future[Scores] = loop.create_future()
        self._waiting.append((rows, future))
        self._rows_waiting += len(rows)
        if not self._is_running:
            self._start(loop)
        return await future

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        taken, limit = [self._waiting.popleft()], self._limit()
        rows = len(taken[0][0])
        while self._waiting and rows + len(self._waiting[0][0]) <= limit:
            taken.append(self._waiting.popleft())
            rows += len(taken[-1][0])
        self._rows_waiting -= rows
        self._is_running = True
        run = loop.run_in_executor(None, self._scored, [part for part, _ in taken])
        run.add_done_callback(lambda done: self._done(loop, [future for _, future in taken], done.result()))

    def _done(
        self,
        loop: asyncio.AbstractEventLoop,
        futures: Sequence[asyncio.Future[Scores]],
        found: list[Scores | Exception],
    ) -> None:
        self._is_running = False
        if self._waiting:
            self._start(loop)
        for future, scores in zip(futures, found, strict=True):
            if future.cancelled():
                continue
            if isinstance(scores, Exception):
                future.set_exception(scores)
            else:
                future.set_result(scores)

    def _scored(self, parts: Sequence[Matrix]) -> list[Scores | Exception]:
        """Score parts as one; where that fails each alone, so that none suffers from another."""
        self.batches[len(parts)] = self.batches.get(len(parts), 0) + 1
        try:
            scores = self.score_now(np.concatenate(parts) if len(parts) > 1 else parts[0])
        except Exception as error:  # noqa: BLE001 - the edge of a model; the request it belongs to is answered with it
            return [error] if len(parts) == 1 else [self._scored([part])[0] for part in parts]
        ends = np.cumsum([len(part) for part in parts])[:-1]
        return list(np.split(scores, ends))

    def _limit(self) -> int:
        """Rows that the next batch may have: many where a row costs less among others than alone."""
        if self._row_s < 0.8 * self._call_s or self._alone >= LOOK_AGAIN:
            self._alone = 0
            return MOST_ROWS
        self._alone += 1
        return 1

    def _learn(self, rows: int, taken_s: float) -> None:
        """What a call costs, and each row beyond its first.

        A shorter time is believed at once and a longer one slowly: a machine that is busy makes everything look slow.
        """
        if rows == 1:
            self._call_s = min(taken_s, self._call_s * SLOWER)
            return
        row_s = max(taken_s - self._call_s, taken_s / 4) / (rows - 1)
        self._row_s = min(row_s, self._row_s * SLOWER)

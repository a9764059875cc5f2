"""Versions of a model beside each other, reduced by the engine: requests, failures, losses, scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import millis
from wellkept.store.telemetry.statements import load

BUCKETS = 1024
"""Callers fall into so many buckets by a hash, so that what one caller repeats can be told from what many meet."""
REQUEST, FAILED, SLOW = 0, 1, 2
ANSWER, LABELLED, LOSS, ABOVE = 0, 1, 2, 3
"""Columns of what is read; from ``ABOVE`` on one for each edge of the scores."""

MOST_PAIRS = 100_000
"""So many of the newest requests of a shadow are compared one by one."""

Floats = NDArray[np.float64]
Void = Sequence[tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True)
class Arm:
    """A version, and the span of time in which it is looked at."""

    digest: str
    number: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about the arms of a model: only traffic that a rollout has divided (``split``), not in ``void``."""

    model: str
    service: str
    arms: tuple[Arm, ...]
    slow_ms: float
    loss: str = ""
    """``log``, ``wrong`` or ``absolute``."""
    edges: tuple[float, ...] = ()
    split: bool = True
    void: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Agreement:
    """A shadow and the version that answered, on the same requests. ``apart`` is the mean difference of the scores."""

    pairs: int
    otherwise: int
    """Requests on which they decide differently."""
    apart: float


class Arms:
    """Reads requests from spans and answers from the prediction log."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def requests(self, asked: Asked) -> list[Floats]:
        """Of each arm float64[BUCKETS, 3]: requests, failed ones, slow ones."""
        numbers = [str(arm.number) for arm in asked.arms]
        parameters = {**_shared(asked), "numbers": numbers, "service": asked.service, "slow": asked.slow_ms * 1e6}
        rows = self._engine.query(load("queries/arm_requests.sql"), parameters)
        return _spread(rows, ["requests", "errors", "slow"], len(asked.arms), 0)

    def answers(self, asked: Asked) -> list[Floats]:
        """Of each arm float64[BUCKETS, 3 + edges]: answers, those of known truth, sum of losses, above each edge."""
        versions, edges = [arm.digest for arm in asked.arms], [float(edge) for edge in asked.edges]
        own = {"versions": versions, "loss": asked.loss, "edges": edges}
        rows = self._engine.query(load("queries/arm_answers.sql"), {**_shared(asked), **own})
        return _spread(rows, ["answers", "labelled", "loss"], len(asked.arms), len(edges))

    def agreement(self, asked: Asked) -> Agreement:
        """The second arm, a shadow, beside the first, prediction by prediction."""
        answering, shadow = asked.arms
        own = {"answering": answering.digest, "shadow": shadow.digest, "loss": asked.loss, "most": MOST_PAIRS}
        (row,) = self._engine.query(load("queries/arm_agreement.sql"), {**_shared(asked), **own}).to_pylist()
        pairs = int(row["pairs"])
        return Agreement(pairs, int(row["otherwise"]), float(row["apart"]) / max(pairs, 1))

    def slowest(self, model: str, service: str, number: int, start: datetime, end: datetime) -> tuple[float, int]:
        """Milliseconds that a hundredth of a version's answers took longer than, and how many answers there were."""
        parameters = {"model": model, "service": service, "number": str(number)}
        window = {"start": millis(start), "end": millis(end)}
        (row,) = self._engine.query(load("queries/arm_slowest.sql"), {**parameters, **window}).to_pylist()
        return float(row["slow"]) / 1e6 if row["requests"] else float("nan"), int(row["requests"])


def _shared(asked: Asked) -> dict[str, Any]:
    starts, ends = [millis(arm.start) for arm in asked.arms], [millis(arm.end) for arm in asked.arms]
    return {
        "model": asked.model,
        "start": min(starts),
        "end": max(ends),
        "starts": starts,
        "ends": ends,
        "split": int(asked.split),
        "buckets": BUCKETS,
        "void_starts": [millis(start) for start, _ in asked.void],
        "void_ends": [millis(end) for _, end in asked.void],
    }


def _spread(rows: pa.Table, names: Sequence[str], arms: int, edges: int) -> list[Floats]:
    found = np.zeros((arms, BUCKETS, len(names) + edges))
    place = rows["place"].to_numpy().astype(np.int64) - 1
    bucket = rows["bucket"].to_numpy().astype(np.int64)
    for column, name in enumerate(names):
        found[place, bucket, column] = rows[name].to_numpy()
    if edges and len(place):
        found[place, bucket, len(names) :] = np.stack(rows["above"].to_numpy())
    return list(found)

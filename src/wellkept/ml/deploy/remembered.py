"""What was read of arms is remembered, so that a look at a long rollout costs no more than one at a short one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from wellkept.ml.deploy.sequential import Floats
from wellkept.store.telemetry.arms import Agreement, Asked

SETTLED = timedelta(seconds=60)
"""What is older comes no more: spans are sent within seconds."""
PAUSE = 20.0
"""Answers are read again after so many times as long as reading them took: truths become known for old ones, too."""
MOST = 64


Kept = TypeVar("Kept")


class Arms(Protocol):
    """Reads requests and answers."""

    def requests(self, asked: Asked) -> list[Floats]: ...

    def answers(self, asked: Asked) -> list[Floats]: ...

    def agreement(self, asked: Asked) -> Agreement: ...

    def slowest(self, model: str, service: str, number: int, start: datetime, end: datetime) -> tuple[float, int]: ...


@dataclass(frozen=True, slots=True)
class _Known:
    until: datetime
    sums: list[Floats]
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Compared:
    until: datetime
    agreement: Agreement
    took_s: float


class Remembered:
    """Reads only what is new of requests, and answers not more often than their reading allows.

    ``timer`` gives seconds. What is remembered is in memory alone: after a start, all is read once.
    """

    def __init__(self, arms: Arms, timer: Callable[[], float]) -> None:
        self._arms, self._timer = arms, timer
        self._requests: dict[Any, _Known] = {}
        self._answers: dict[Any, _Known] = {}
        self._agreements: dict[Any, _Compared] = {}

    def slowest(self, model: str, service: str, number: int, start: datetime, end: datetime) -> tuple[float, int]:
        return self._arms.slowest(model, service, number, start, end)

    def requests(self, asked: Asked) -> list[Floats]:
        """As of the store; what is settled is read once."""
        key, end = _key(asked), max(arm.end for arm in asked.arms)
        known = self._requests.get(key)
        if known is not None and known.until > end:
            return self._arms.requests(asked)
        fresh = self._arms.requests(asked if known is None else _since(asked, known.until))
        found = fresh if known is None else _sum(known.sums, fresh)
        settled = end - SETTLED
        if settled > (known.until if known is not None else min(arm.start for arm in asked.arms)) + SETTLED:
            part = _until(asked if known is None else _since(asked, known.until), settled)
            sums = self._arms.requests(part)
            _keep(self._requests, key, _Known(settled, sums if known is None else _sum(known.sums, sums)))
        return found

    def answers(self, asked: Asked) -> list[Floats]:
        """As of the store, or as they were a moment ago."""
        key, end = _key(asked), max(arm.end for arm in asked.arms)
        known = self._answers.get(key)
        if known is not None and _is_fresh(known, end):
            return known.sums
        began = self._timer()
        found = self._arms.answers(asked)
        _keep(self._answers, key, _Known(end, found, self._timer() - began))
        return found

    def agreement(self, asked: Asked) -> Agreement:
        """As of the store, or as it was a moment ago."""
        key, end = _key(asked), max(arm.end for arm in asked.arms)
        known = self._agreements.get(key)
        if known is not None and _is_fresh(known, end):
            return known.agreement
        began = self._timer()
        found = self._arms.agreement(asked)
        _keep(self._agreements, key, _Compared(end, found, self._timer() - began))
        return found


def _is_fresh(known: _Known | _Compared, end: datetime) -> bool:
    return timedelta(0) <= end - known.until < timedelta(seconds=PAUSE * known.took_s)


def _key(asked: Asked) -> Any:
    """What has to be the same for two readings to be of the same: all but the end."""
    arms = tuple((arm.digest, arm.start) for arm in asked.arms)
    void = tuple(start for start, _ in asked.void)
    return (asked.model, arms, asked.slow_ms, asked.loss, asked.edges, asked.split, void)


def _since(asked: Asked, moment: datetime) -> Asked:
    arms = tuple(replace(arm, start=min(max(arm.start, moment), arm.end)) for arm in asked.arms)
    return replace(asked, arms=arms)


def _until(asked: Asked, moment: datetime) -> Asked:
    arms = tuple(replace(arm, end=max(min(arm.end, moment), arm.start)) for arm in asked.arms)
    return replace(asked, arms=arms)


def _sum(one: list[Floats], other: list[Floats]) -> list[Floats]:
    return [a + b for a, b in zip(one, other, strict=True)]


def _keep(known: dict[Any, Kept], key: Any, value: Kept) -> None:
    known.pop(key, None)
    known[key] = value
    while len(known) > MOST:
        del known[next(iter(known))]

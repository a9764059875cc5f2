"""What becomes known of purchases later: labels for the platform, chargebacks for the feature service."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from wellkept.demo.shop.settings import ShopSettings
from wellkept.demo.shop.wire import Http
from wellkept.demo.world.history import LABEL_DELAY_S

EVERY_S = 0.5
TIMEOUT_S = 60.0
OK = 200
UNKNOWN = 422
"""The platform's answer when a label is of a prediction that it does not have (yet)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One purchase, and the truth about it, known ``at`` (seconds since the epoch)."""

    at: float
    order: str
    terminal: int
    is_fraud: bool

    @property
    def label(self) -> dict[str, Any]:
        time_known = datetime.fromtimestamp(self.at, UTC).isoformat()
        return {"prediction_id": self.order, "value": float(self.is_fraud), "time": time_known}


class Outcomes:
    """Tells what became known, until it is acknowledged. ``labelled`` counts acknowledged labels."""

    def __init__(self, settings: ShopSettings) -> None:
        self._headers = {"content-type": "application/json", "authorization": f"Bearer {settings.token}"}
        self._platform, self._features = Http(settings.collector), Http(settings.url("features"))
        self._labels: deque[Outcome] = deque()
        self._chargebacks: deque[Outcome] = deque()
        self.labelled = 0

    def add(self, order: str, terminal: int, *, is_fraud: bool, is_scored: bool) -> None:
        """Note a purchase that was made just now."""
        outcome = Outcome(time.time() + LABEL_DELAY_S, order, terminal, is_fraud)
        if is_scored:
            self._labels.append(outcome)
        if is_fraud:
            self._chargebacks.append(outcome)

    async def run(self) -> None:
        """Tell, as long as the process lives."""
        await asyncio.gather(self._tell_labels(), self._tell_chargebacks())

    async def _tell_labels(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            due = _due(self._labels)
            if due and await self._post_labels(due) == UNKNOWN:
                # One of them is of a prediction that is still on its way; the others need not wait for it.
                for outcome in due:
                    await self._post_labels([outcome])

    async def _post_labels(self, outcomes: list[Outcome]) -> int:
        """Post labels. Those not taken wait for their next turn, unless one of several is unknown."""
        status = await self._post(self._platform, "/v1/labels", {"labels": [o.label for o in outcomes]})
        if status == OK:
            self.labelled += len(outcomes)
        elif status != UNKNOWN or len(outcomes) == 1:
            self._labels.extendleft(reversed(outcomes))
        return status

    async def _tell_chargebacks(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            due = _due(self._chargebacks)
            if not due:
                continue
            terminals = {"terminals": [o.terminal for o in due]}
            if await self._post(self._features, "/chargebacks", terminals) != OK:
                self._chargebacks.extendleft(reversed(due))

    async def _post(self, server: Http, path: str, body: object) -> int:
        """The status; 0 where there was no answer."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status, _ = await server.post(path, orjson.dumps(body), self._headers)
        except OSError:
            return 0
        return status


def _due(waiting: deque[Outcome]) -> list[Outcome]:
    """Take out what is known by now; the deque is by time, but for what was put back."""
    now, due = time.time(), []
    while waiting and waiting[0].at <= now:
        due.append(waiting.popleft())
    return due

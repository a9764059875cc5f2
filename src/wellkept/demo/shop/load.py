"""The world outside of the shop: buys, tells later what was fraud, and carries a pager. It has no telemetry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import orjson

from wellkept.demo.shop.outcomes import Outcomes
from wellkept.demo.shop.pager import Pager
from wellkept.demo.shop.settings import ShopSettings
from wellkept.demo.shop.web import Body, Handler
from wellkept.demo.shop.wire import Http
from wellkept.demo.world.history import make_history
from wellkept.demo.world.purchases import Purchases
from wellkept.demo.world.world import World

AHEAD_S = 0.25
"""Purchases are drawn this much ahead, and each is made at its own moment."""
ATTEMPTS = 5
TIMEOUT_S = 10.0
JSON = {"content-type": "application/json"}


class Load:
    """Drives the shop as the world goes. ``routes`` lets the demo ask, change its ways, and stop it."""

    def __init__(self, settings: ShopSettings) -> None:
        self._settings = settings
        self._is_buying, self._is_new = True, False
        self._shop = Http(settings.url("checkout"))
        self._outcomes, self._pager = Outcomes(settings), Pager()
        self._open: set[asyncio.Task[None]] = set()
        self._counts = {"bought": 0, "failed": 0, "scored": 0}

    @property
    def routes(self) -> Mapping[str, Handler]:
        """What the demo may ask of it, and what the platform sends."""
        mine = {"GET /admin/counts": self.counts, "POST /admin/fraud": self.change, "POST /admin/buying": self.buying}
        return {**mine, **self._pager.routes}

    async def run(self) -> None:
        """Buy unless told to stop, and tell, for as long as the process lives."""
        world = await asyncio.to_thread(self._present)
        await asyncio.gather(self._buy(world), self._outcomes.run())

    async def counts(self, _: Body) -> Body:
        """How many purchases were made, failed and were scored, and how many labels were acknowledged."""
        return {**self._counts, "labelled": self._outcomes.labelled}

    async def change(self, body: Body) -> Body:
        """Have fraud go its new way, or its old one."""
        self._is_new = body["goes"] == "new"
        return body

    async def buying(self, body: Body) -> Body:
        """Stop buying, or go on; answers with the counts, after a stop when the last purchase is done."""
        self._is_buying = bool(body["goes_on"])
        while self._open and not self._is_buying:
            await asyncio.wait(self._open)
        return await self.counts(body)

    def _present(self) -> World:
        """The world as it is now: what made the history, gone on to this moment."""
        world, _ = make_history(self._settings.seed, self._settings.history_end)
        world.skip(time.time())
        return world

    async def _buy(self, world: World) -> None:
        count = 0
        while True:
            if not self._is_buying:
                await asyncio.sleep(AHEAD_S)
                world.skip(time.time())
                continue
            world.is_new = self._is_new
            until = time.time() + AHEAD_S
            purchases = world.purchases(until)
            for index in range(len(purchases)):
                count += 1
                await asyncio.sleep(max(0.0, float(purchases.at[index]) - time.time()))
                task = asyncio.create_task(self._purchase(f"o-{count:06d}", purchases, index))
                self._open.add(task)
                task.add_done_callback(self._open.discard)
            await asyncio.sleep(max(0.0, until - AHEAD_S / 4 - time.time()))

    async def _purchase(self, order: str, p: Purchases, index: int) -> None:
        terminal = int(p.terminal[index])
        request = {
            "id": order,
            "card": int(p.card[index]),
            "terminal": terminal,
            "amount": float(p.amount[index]),
            "card_present": bool(p.card_present[index]),
            "terminal_age_days": float(p.terminal_age_days[index]),
        }
        answer = await self._ask(request)
        if answer is None:
            self._counts["failed"] += 1
            return
        is_scored = answer["score"] is not None
        self._counts["bought"] += 1
        self._counts["scored"] += is_scored
        self._outcomes.add(order, terminal, is_fraud=bool(p.fraud[index]), is_scored=is_scored)

    async def _ask(self, request: Mapping[str, Any]) -> Body | None:
        """The shop's answer; a connection that broke is tried again, under the same id."""
        body = orjson.dumps(request)
        for attempt in range(ATTEMPTS):
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    status, answer = await self._shop.post("/checkout", body, JSON)
            except OSError:  # a time-out is one, too
                await asyncio.sleep(0.1 * 2**attempt)
                continue
            if status < 400:
                found: Body = orjson.loads(answer)
                return found
            return None
        return None

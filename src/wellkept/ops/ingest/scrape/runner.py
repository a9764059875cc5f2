"""One target's life: it waits for its moment, is asked, and what it said is stored; then it waits again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import OverloadError, StoreError, WellkeptError
from wellkept.ops.ingest.scrape.base import Figures, ScrapeError, Sink, Target
from wellkept.ops.ingest.scrape.fetch import Answer, Fetcher, page_of
from wellkept.ops.ingest.scrape.memory import Memory, Rows
from wellkept.ops.ingest.scrape.timing import first_due, next_due, offset_s, written_at

log = logging.getLogger(__name__)

T = TypeVar("T")
_SHORTEST_REST_S = 0.05
_FAREWELL_S = 10.0
"""How long the end of a target may wait for a store that is busy."""


@dataclass(frozen=True, slots=True)
class Place:
    """What all targets share."""

    sink: Sink
    clock: Clock
    reader: Executor
    """Reads pages, beside the loop: a long page must not keep the others' clocks from being looked at."""


@dataclass(slots=True)
class Health:
    """How scraping a target has gone."""

    health: str = "unknown"
    last_error: str = ""
    last_scrape: str = ""
    last_duration_s: float = 0.0
    last_samples: int = 0
    scrapes: int = 0
    failures: int = 0
    duplicates: int = 0
    """Samples that a page had twice."""
    rejected: int = 0
    """Samples that the store did not take, or that waited for it until the next scrape was due."""


class Runner:
    """Scrapes one target until it is told to leave."""

    def __init__(self, target: Target, place: Place, trust: ssl.SSLContext, memory: Memory | None = None) -> None:
        self.target, self.told = target, Health()
        self.memory = memory or Memory(target)
        self._place, self._fetcher = place, Fetcher(target, trust)
        self._offset_s = offset_s(target)
        self._leaving = asyncio.Event()
        self._lost_for = ""

    def leave(self) -> None:
        """The target is scraped no more; its series are marked as over after the scrape that is under way."""
        self._leaving.set()

    def status(self) -> dict[str, Any]:
        """The target and how it has gone."""
        labels = dict(self.target.labels)
        about = {"job": self.target.job.job, "instance": labels.get("instance", ""), "labels": labels}
        return {**about, "url": self.target.address, **asdict(self.told), "series": self.memory.live}

    async def run(self) -> None:
        """Scrape, again and again."""
        every_s = self.target.job.every_s
        try:
            due = first_due(self._now(), every_s, self._offset_s)
            while not await self._left_within(due - self._now()):
                began = self._now()
                await self._turn(written_at(due, round(began * 1000)), time.monotonic() + every_s)
                due = next_due(began, self._now(), every_s, self._offset_s)
            if self.told.scrapes:
                body = await self._in_reader(self.memory.farewell, round(self._now() * 1000))
                await self._store(body, 0, time.monotonic() + _FAREWELL_S)
        finally:
            await self._fetcher.close()

    async def _turn(self, at_ms: int, until: float) -> None:
        """One scrape. This is the edge at which what nobody foresaw is counted and logged: the next one comes."""
        try:
            await self._scrape(at_ms, until)
        except Exception as error:
            self.told.failures += 1
            self.told.last_error = f"{type(error).__name__}: {error}"
            log.exception("scrape target %s: the scrape broke", self.target.address)

    async def _scrape(self, at_ms: int, until: float) -> None:
        began = time.monotonic()
        rows, error = await self._page()
        duration = time.monotonic() - began
        self._tell(rows, error, duration)
        body = await self._in_reader(self._body, rows, error, duration, at_ms)
        await self._store(body, len(rows.series) if rows else 0, until)

    async def _page(self) -> tuple[Rows | None, ScrapeError | None]:
        try:
            return await self._in_reader(self._read, await self._fetcher.fetch()), None
        except ScrapeError as error:
            return None, error

    def _read(self, answer: Answer) -> Rows:
        return self.memory.read(page_of(answer, self.target.job), answer.dialect)

    def _body(self, rows: Rows | None, error: ScrapeError | None, duration: float, at_ms: int) -> bytes:
        if rows is None:
            figures = Figures(is_up=False, duration_s=duration, scraped=error.scraped if error else 0)
        else:
            kept = len(rows.series)
            figures = Figures(True, duration, kept + rows.duplicates, kept, rows.added)
        return self.memory.body(rows, figures, at_ms)

    async def _store(self, body: bytes, samples: int, until: float) -> None:
        """Have a scrape stored; what may be tried again is, until the next one is due."""
        while True:
            try:
                receipt = await asyncio.wrap_future(self._place.sink.submit(body))
            except (OverloadError, StoreError) as error:
                wait = error.retry_after_s if isinstance(error, OverloadError) else 1
                if time.monotonic() + wait > until:
                    return self._lose(samples, str(error))
                await asyncio.sleep(max(wait, _SHORTEST_REST_S))
            except WellkeptError as error:
                return self._lose(samples, str(error))
            else:
                if receipt.rejected:
                    return self._lose(receipt.rejected, receipt.reason)
                self._lost_for = ""
                return None

    def _tell(self, rows: Rows | None, error: ScrapeError | None, duration: float) -> None:
        told, before = self.told, self.told.health
        told.health, told.last_error = ("up", "") if error is None else ("down", str(error))
        told.last_scrape, told.last_duration_s = self._place.clock.now().isoformat(), round(duration, 6)
        told.last_samples = len(rows.series) if rows else 0
        told.scrapes += 1
        told.failures += error is not None
        told.duplicates += rows.duplicates if rows else 0
        if told.health != before and (error is not None or before == "down"):
            log.warning("scrape target %s is %s%s", self.target.address, told.health, f": {error}" if error else "")

    def _lose(self, samples: int, why: str) -> None:
        self.told.rejected += samples
        self.told.last_error = f"not stored: {why}"
        if why != self._lost_for:
            log.warning("scrape target %s: %d samples were not stored: %s", self.target.address, samples, why)
        self._lost_for = why

    async def _in_reader(self, do: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._place.reader, do, *arguments)

    async def _left_within(self, seconds: float) -> bool:
        """Wait so long, and say whether the target was told to leave."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._leaving.wait(), max(seconds, 0.0))
        return self._leaving.is_set()

    def _now(self) -> float:
        return self._place.clock.now().timestamp()

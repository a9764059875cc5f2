"""The scraper, wired."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from wellkept.kernel.clock import Clock
from wellkept.ops.ingest.scrape.job import Job
from wellkept.ops.ingest.scrape.scraper import Scraper
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.remote.writer import Version


class _Door:
    """Scrapes go in by the door of remote write, so that one metric is one metric whichever way it came."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest

    def submit(self, body: bytes) -> Future[Receipt]:
        return self._ingest.submit_remote(Version.V2, body)


def scraper_of(jobs: Sequence[Job], ingest: Ingest, clock: Clock) -> Scraper | None:
    """The scraper, where the configuration names something to scrape; it scrapes when it is started.

    Raises:
        InputError: a file for a job's certificates cannot be used.
    """
    return Scraper(jobs, _Door(ingest), clock) if jobs else None

"""What the scraper is made of: a target, what one scrape of it came to, and where that goes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from wellkept.kernel.errors import WellkeptError
from wellkept.ops.ingest.scrape.job import Job
from wellkept.store.telemetry.receipt import Receipt

Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted by name; no name twice, and no value is empty."""


class ScrapeError(WellkeptError):
    """A scrape failed: the target did not answer, or with something that is not taken.

    ``scraped`` is how many samples its page had, where that is known.
    """

    def __init__(self, message: str, scraped: int = 0) -> None:
        super().__init__(message)
        self.scraped = scraped


class Sink(Protocol):
    """Where a scrape goes: one uncompressed ``io.prometheus.write.v2.Request``."""

    def submit(self, body: bytes) -> Future[Receipt]:
        """Queue a body; the future is done when it is stored.

        Raises:
            InputError: the body is not what it should be, or over the limit.
            OverloadError: the queue is full, or the disk has no room.
        """
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """One address that is scraped, and what every series of it is labelled with (``job`` and ``instance`` at least)."""

    job: Job
    url: str
    labels: Labels

    @property
    def key(self) -> tuple[str, Labels]:
        """What a target is. Two of one job with the same labels would write the same series."""
        return self.job.job, self.labels

    @property
    def address(self) -> str:
        """The URL without its query, which may hold something that is nobody's business."""
        return self.url.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a scrape says of itself: the values of ``up`` and its four companions."""

    is_up: bool
    duration_s: float
    scraped: int = 0
    kept: int = 0
    added: int = 0


def sorted_labels(labels: Mapping[str, str]) -> Labels:
    """Labels in their order; one with an empty value is none."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))

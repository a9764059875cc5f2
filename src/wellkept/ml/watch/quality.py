"""Reads how the inputs of live versions, their labels and their versions came in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.contract import ModelContract
from wellkept.ml.watch.base import Seen
from wellkept.ml.watch.recent import Recent, slot
from wellkept.spine.registry import CHAMPION, AliasMove, ModelVersion, Registry
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.labelfeed import LabelFeed
from wellkept.store.telemetry.logged import LoggedVersion
from wellkept.store.telemetry.looks import Look

ROWS = 5_000
"""The newest predictions that a look reads, at most."""
AHEAD_S = 300.0
"""Predictions may be dated so far ahead by a sender's clock."""
FEED_SLICES, FEED_WINDOWS = 48, 4
"""Labels are looked at over so many windows of performance, in so many slices."""
RHYTHM_SLICES, RHYTHM_WINDOWS = 48, 4
LARGEST = 1e308
"""Where a contract sets no limit."""


class Looks(Protocol):
    """Looks at the newest predictions."""

    def look(
        self,
        model: str,
        version: str,
        span: tuple[datetime, datetime],
        limit: int,
        ranges: Mapping[str, tuple[float, float]],
    ) -> Look: ...


class Feeds(Protocol):
    """How labels come in."""

    def feed(self, model: str, grid: Grid, delay_s: float) -> LabelFeed: ...


class Logged(Protocol):
    """Which versions predictions name."""

    def versions(self, model: str, start: datetime, end: datetime) -> list[LoggedVersion]: ...


class Rates(Protocol):
    """How much was predicted."""

    def rates(self, model: str, grid: Grid) -> NDArray[np.int64]: ...


class Quality:
    """Looks at one live version after the other. What hardly changes within a slice of time is read once in it."""

    def __init__(self, looks: Looks, feeds: Feeds, logged: Logged, rates: Rates, registry: Registry) -> None:
        self._looks, self._feeds, self._logged, self._rates = looks, feeds, logged, rates
        self._registry = registry
        self._recent = Recent()

    def seen(self, contract: ModelContract, champion: ModelVersion, now: datetime) -> Seen:
        """What is there to be seen at ``now``."""
        window = timedelta(seconds=contract.monitors.drift.window_s)
        end = now + timedelta(seconds=AHEAD_S)
        ranges = {
            entry.name: (_or(entry.at_least, -LARGEST), _or(entry.at_most, LARGEST))
            for entry in contract.inputs
            if entry.at_least is not None or entry.at_most is not None
        }
        name, digest = contract.name, champion.logged_as
        part = slot(now.timestamp(), window.total_seconds())

        def look() -> Look:
            return self._looks.look(name, digest, (now - window, end), ROWS, ranges)

        def versions() -> list[LoggedVersion]:
            return self._logged.versions(name, now - window, end)

        newest = self._recent.once((name, digest, "newest"), part, look)
        since = max((m.at for m in self._moves(champion)), default=champion.created_at)
        rhythm = self._grid(now, RHYTHM_WINDOWS * window.total_seconds(), RHYTHM_SLICES)
        counts = self._recent.once((name, "rhythm"), rhythm.end_ms, lambda: self._rates.rates(name, rhythm))
        has_rows = newest.rows > 0 or bool(counts.any())
        return Seen(
            now=newest,
            before=self._before(contract, champion, newest, ranges),
            feed=self._feed(contract, now),
            versions=tuple(self._recent.once((name, "versions"), part, versions)),
            known=frozenset(version.logged_as for version in self._registry.versions(name)),
            rhythm=counts,
            rhythm_s=rhythm.step_s,
            rhythm_end=rhythm.end_ms / 1000,
            live_since=since,
            ever=has_rows or bool(self._logged.versions(name, since - timedelta(days=1), end)),
        )

    def _before(
        self,
        contract: ModelContract,
        champion: ModelVersion,
        newest: Look,
        ranges: Mapping[str, tuple[float, float]],
    ) -> Look:
        """As many predictions that ended a window before the newest ones began, and after the version went live."""
        if not newest.rows:
            return Look()
        window = contract.monitors.drift.window_s
        slice_s = window / 12
        last = (newest.first - window) // slice_s * slice_s

        def read() -> Look:
            span = (datetime.fromtimestamp(last - window, UTC), datetime.fromtimestamp(last, UTC))
            return self._looks.look(contract.name, champion.logged_as, span, ROWS, ranges)

        return self._recent.once((contract.name, champion.logged_as, "before"), last, read)

    def _feed(self, contract: ModelContract, now: datetime) -> LabelFeed:
        grid = self._grid(now, FEED_WINDOWS * contract.monitors.performance.window_s, FEED_SLICES)

        def read() -> LabelFeed:
            return self._feeds.feed(contract.name, grid, contract.label.delay_s)

        return self._recent.once((contract.name, "feed"), grid.end_ms, read)

    def _moves(self, champion: ModelVersion) -> list[AliasMove]:
        moves = self._registry.alias_history(champion.model)
        return [move for move in moves if move.alias == CHAMPION and move.digest == champion.digest]

    def _grid(self, now: datetime, span_s: float, slices: int) -> Grid:
        """Whole slices; the last one ended at or before ``now``."""
        step_s = span_s / slices
        end = datetime.fromtimestamp(now.timestamp() // step_s * step_s, UTC)
        return Grid.of(end - timedelta(seconds=span_s), end, step_s)


def _or(value: float | None, other: float) -> float:
    return other if value is None else value

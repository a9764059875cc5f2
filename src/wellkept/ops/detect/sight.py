"""What detectors are shown: windows that are moved on, days, the graph, and what the baseline has learned."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.errors import ClosedError, StoreError, WellkeptError
from wellkept.kernel.finding import Finding
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.baseline.base import EntityScores
from wellkept.ops.detect.blind import Blind, awake, uncounted
from wellkept.ops.detect.blindness import Counted, Doors, paused_at
from wellkept.ops.detect.feed import Fed, Feed, Windows
from wellkept.ops.detect.judged import Judged
from wellkept.ops.detect.lasting import spots_at
from wellkept.ops.detect.learned import Floats, Learned, Memory
from wellkept.ops.detect.longview import LongView
from wellkept.ops.detect.parts import EVERY_STEPS, Parts
from wellkept.ops.detect.together import DETECTOR
from wellkept.spine.graph import Graph
from wellkept.spine.pauses import Pause
from wellkept.store.telemetry.routes import endpoints_together, reported_endpoints
from wellkept.store.telemetry.window import Window

DEPLOYS_S = 6 * 3600.0
"""A deploy is told of findings that begin within so long after it."""
CHANGES_LATE_S = 600.0
"""A change may be told so long after it was made."""
UNSEEN_S = 8 * 86_400.0
"""What was learned of a series is kept so long after its last value: a week, and a day."""
UNKNOWN_S = 3600.0
"""The same of a series that had too few values to be known: short-lived instances leave many of them."""

_log = logging.getLogger(__name__)


class Places(Protocol):
    """What detection needs of the topology."""

    def graph(self, at: datetime | None = None) -> Graph: ...


class ChangeLog(Protocol):
    """What detection needs to know of changes."""

    def changes(self, start: datetime, end: datetime) -> list[Change]: ...


class LogPatterns(Protocol):
    """What detection needs of the mining of logs."""

    def tick(self, now: datetime) -> int: ...

    def window(self, start: datetime, end: datetime, step_s: float) -> Window: ...


class Sight:
    """Moves everything on to a moment, and gives the view of it.

    ``memory``: where what was learned outlives the process; it is written every ``save_s`` seconds and by ``save``.
    """

    def __init__(
        self,
        telemetry: Windows,
        topology: Places,
        changes: ChangeLog,
        settings: DetectSettings,
        memory: Memory | None = None,
        patterns: LogPatterns | None = None,
    ) -> None:
        self._topology, self._changes, self._settings, self._memory = topology, changes, settings, memory
        self._patterns = patterns if settings.shard_index == 0 else None
        self._telemetry, self._feed = telemetry, Feed(telemetry, settings)
        self._days = LongView(telemetry.metrics, settings)
        self._doors, self._spans, self._parts = Doors(), telemetry.spans, Parts(settings)
        self._learned = Learned(settings.step_s, f"{settings.shard_index}/{settings.shard_count}")
        self._pauses: Callable[[], Sequence[Pause]] = tuple
        self._restored = False
        self._saved_at: datetime | None = None
        self._until = 0.0
        self._reported: Window | None = None
        self._reported_at = -1
        self._deploys: dict[str, Change] = {}
        self.spent: dict[str, float] = {"feed": 0.0, "baseline": 0.0}
        """Seconds that the last look took to read, and to learn."""

    def view(self, now: datetime, open_ones: Sequence[Finding], judged: Judged) -> View:
        """The view that ends at the last whole step before ``now``, but for the newest ``lag_steps``.

        Raises:
            StoreError: the engine failed; the next look makes up for it.
        """
        settings, pauses = self._settings, tuple(self._pauses())
        fed = self._move(int(now.timestamp() // settings.step_s) - settings.lag_steps, now, pauses)
        endpoints, calls, patterns = (
            uncounted(window, pauses) if window is not None else None
            for window in (*self._of_endpoints(fed), self._lines(fed, now))
        )
        return View(
            metrics=fed.metrics,
            red=fed.red,
            exclusive=fed.exclusive,
            logs=fed.logs,
            step_s=settings.step_s,
            graph=self._topology.graph(now),
            open={finding.fingerprint: finding for finding in open_ones},
            long=self._days.at(now, fed.metrics.series),
            blind=self._blind(fed, now, open_ones, pauses),
            scores=self._learned.scores(fed),
            thresholds=self._thresholds(fed, judged),
            entities=self._entities(fed, judged),
            deploys=dict(self._deploys),
            endpoints=endpoints,
            calls=calls,
            patterns=patterns,
        )

    def _blind(self, fed: Fed, now: datetime, open_ones: Sequence[Finding], pauses: Sequence[Pause]) -> Blind:
        deployed = {entity: change.at.timestamp() for entity, change in self._deploys.items()}
        spots = spots_at(awake(fed.metrics, pauses), open_ones, deployed)
        told = paused_at(now.timestamp(), pauses, self._settings)
        return Blind.of([*spots, *self._doors.spots(now.timestamp()), *told], pauses)

    def watch(self, counted: Counted, pauses: Callable[[], Sequence[Pause]] = tuple) -> None:
        """Ask the doors at each look what they have counted, and when the platform itself was not at work."""
        self._doors = Doors(counted, self._settings.missing_steps * self._settings.step_s)
        self._pauses = pauses

    def save(self) -> None:
        """Write down what was learned. A disk that is full is logged: detection goes on without."""
        if self._memory is None or self._learned.end is None:
            return
        try:
            self._learned.save(self._memory)
        except StoreError as error:
            _log.warning("what was learned is not written down: %s", error)

    def status(self) -> Mapping[str, float]:
        """How much is held, and how far it is.

        ``until``: the end of the newest step that was looked at, seconds since the epoch (0 before the first);
        ``series``; ``entities`` with several metrics; ``bytes_per_series`` of what is learned; ``window_bytes`` of all
        windows; ``feed_s`` and ``baseline_s``: what the last look took to read and to learn.
        """
        learned = self._learned
        return {
            "until": self._until,
            "series": float(learned.series),
            "entities": float(learned.entities_known),
            "bytes_per_series": float(learned.bytes_per_series),
            "window_bytes": float(self._feed.bytes),
            **{f"{name}_s": round(seconds, 4) for name, seconds in self.spent.items()},
        }

    def _move(self, end: int, now: datetime, pauses: Sequence[Pause]) -> Fed:
        """Move on step by step, or by larger parts where there is much to make up for."""
        since = self._since(end)
        began = time.perf_counter()
        learning = 0.0
        for read in self._feed.moved(end, since, self._late(now, pauses)):
            before = time.perf_counter()
            red, exclusive, logs = (uncounted(one, pauses) for one in (read.red, read.exclusive, read.logs))
            fed = replace(read, red=red, exclusive=exclusive, logs=logs)
            self._learned.learn(fed)
            learning += time.perf_counter() - before
        self.spent = {"feed": time.perf_counter() - began - learning, "baseline": learning}
        self._until = end * self._settings.step_s
        self._fork(now)
        self._keep(now)
        return fed

    def _late(self, now: datetime, pauses: Sequence[Pause]) -> int | None:
        """The last step before a pause of the platform after which senders may still send again what they could not."""
        settings = self._settings
        starts = [one.start_s for one in pauses if now.timestamp() - one.end_s < settings.grace_s]
        return int(min(starts) // settings.step_s) if starts else None

    def _lines(self, fed: Fed, now: datetime) -> Window | None:
        """Log patterns on the grid of the other windows. Without them, detection goes on."""
        times = fed.metrics.times
        if self._patterns is None or not len(times):
            return None
        step_s = self._settings.step_s
        start, end = (datetime.fromtimestamp(float(at), UTC) for at in (times[0] - step_s, times[-1]))
        try:
            self._patterns.tick(now)
            return self._patterns.window(start, end, step_s)
        except ClosedError:
            raise
        except WellkeptError as error:
            _log.warning("log patterns are not looked at: %s", error)
            return None
        except Exception:  # noqa: BLE001 - the edge to mining, which reads whatever is logged: detection goes on without
            _log.exception("log patterns are not looked at")
            return None

    def _of_endpoints(self, fed: Fed) -> tuple[Window | None, Window | None]:
        """Endpoints by spans, or as services without spans report them; and calls, where there are spans at all."""
        step = round(self._until / self._settings.step_s)
        traced, calls = self._parts.moved(self._spans, step) if fed.exclusive.series else (None, None)
        if fed.buckets is not None and step // EVERY_STEPS != self._reported_at:
            self._reported_at, self._reported = step // EVERY_STEPS, reported_endpoints(fed.metrics, fed.buckets)
        return endpoints_together(traced, self._reported), calls

    def _since(self, end: int) -> int | None:
        """From where is read after a start or a pause: after what was learned, or as far back as is worth it.

        A first look that failed is made again.
        """
        if self._restored and self._learned.end is not None:
            return self._learned.end
        if self._memory is not None and not self._restored:
            self._learned.restore(self._memory)
        self._restored = True
        earliest = end - round(self._settings.learn_s / self._settings.step_s)
        return max(self._learned.end or self._oldest(end), earliest)

    def _oldest(self, end: int) -> int:
        """The last step before there was anything: a young store is not asked for a day of nothing, part by part."""
        oldest = self._telemetry.oldest()
        return end if oldest is None else int(oldest.timestamp() // self._settings.step_s) - 1

    def _fork(self, now: datetime) -> None:
        """What is usual of an entity that was deployed anew is learned anew, instead of called unusual."""
        since = now - timedelta(seconds=DEPLOYS_S)
        known = {change.id for change in self._deploys.values()}
        recent = now - timedelta(seconds=CHANGES_LATE_S) if known else since
        for change in self._changes.changes(recent, now):
            if change.kind is ChangeKind.DEPLOY and change.id not in known:
                self._deploys[change.entity] = change
                self._learned.fork([change.entity], change.at.timestamp())
        self._deploys = {entity: change for entity, change in self._deploys.items() if change.at >= since}

    def _keep(self, now: datetime) -> None:
        if self._saved_at is None:
            self._saved_at = now
        if (now - self._saved_at).total_seconds() >= self._settings.save_s:
            self._saved_at = now
            self._learned.forget(UNSEEN_S, UNKNOWN_S)
            self.save()

    def _thresholds(self, fed: Fed, judged: Judged) -> dict[str, Floats]:
        found = self._learned.thresholds(fed, self._settings.budget_per_series_week)
        if judged:
            found = {name: levels + judged.shifts(getattr(fed, name).series) for name, levels in found.items()}
        return found

    def _entities(self, fed: Fed, judged: Judged) -> EntityScores:
        found = self._learned.entities(fed, self._settings.budget_per_series_week)
        if judged:
            return replace(found, threshold=found.threshold + judged.of_entities(found.names, DETECTOR))
        return found

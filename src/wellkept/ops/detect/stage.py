"""The runner of detection: reads the windows, asks every detector, publishes and ends findings."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from wellkept.kernel.finding import Finding, FindingKind
from wellkept.kernel.stage import Message, Stage
from wellkept.ops.detect.base import Detector, DetectSettings, View
from wellkept.ops.detect.feed import Feed, Windows, heard
from wellkept.ops.detect.longview import LongView
from wellkept.spine.graph import Graph

STAGE = Stage(
    name="ops.detect",
    consumes=frozenset({Message.TELEMETRY, Message.ENTITY}),
    emits=frozenset({Message.FINDING}),
    purpose="Looks at all series at once for sudden changes, growth towards limits and silence.",
)

_log = logging.getLogger(__name__)


class Findings(Protocol):
    """What detection needs of the stream."""

    def publish(self, findings: Sequence[Finding], now: datetime) -> list[Finding]: ...

    def close(self, fingerprints: Sequence[str], at: datetime) -> list[Finding]: ...

    def open_findings(self, detector_prefix: str = "") -> list[Finding]: ...

    def last_seen(self, finding: str) -> datetime: ...


class Places(Protocol):
    """What detection needs of the topology."""

    def graph(self, at: datetime | None = None) -> Graph: ...


@dataclass(frozen=True, slots=True)
class DetectReport:
    """What one tick did."""

    seen: tuple[Finding, ...]
    ended: tuple[Finding, ...]


class DetectRunner:
    """Runs the given detectors over one window per tick."""

    def __init__(
        self,
        telemetry: Windows,
        topology: Places,
        stream: Findings,
        detectors: Sequence[Detector],
        settings: DetectSettings | None = None,
    ) -> None:
        self._topology, self._stream = topology, stream
        self._detectors = tuple(detectors)
        self._settings = settings or DetectSettings()
        self._feed = Feed(telemetry, self._settings)
        self._days = LongView(telemetry.metrics, self._settings)
        self._first_tick: datetime | None = None

    def tick(self, now: datetime) -> DetectReport:
        """Look once at the window that ends at the last whole step before ``now``."""
        self._first_tick = self._first_tick or now
        mine = {detector.name for detector in self._detectors}
        open_ones = [finding for finding in self._stream.open_findings() if finding.detector in mine]
        view = self._view(now, open_ones)
        seen: list[Finding] = []
        for detector in self._detectors:
            seen.extend(self._ask(detector, view, now))
        published = self._stream.publish(seen, now)
        ended = self._stream.close(self._over(view, open_ones, seen, now), now)
        return DetectReport(tuple(published), tuple(ended))

    def _view(self, now: datetime, open_ones: Sequence[Finding]) -> View:
        settings = self._settings
        *_, fed = self._feed.moved(int(now.timestamp() // settings.step_s) - settings.lag_steps)
        return View(
            metrics=fed.metrics,
            red=fed.red,
            exclusive=fed.exclusive,
            logs=fed.logs,
            step_s=settings.step_s,
            graph=self._topology.graph(now),
            open={finding.fingerprint: finding for finding in open_ones},
            long=self._days.at(now, fed.metrics.series),
        )

    def _ask(self, detector: Detector, view: View, now: datetime) -> list[Finding]:
        """A detector is a plug-in: when it fails, the others still speak."""
        try:
            found = list(detector.detect(view, now))
        except Exception:  # noqa: BLE001 - the plug-in edge: logged, and its open findings stay open
            _log.exception("detector %s %s failed", detector.name, detector.version)
            return [finding for finding in view.open.values() if finding.detector == detector.name]
        if self._first_tick is not None and (now - self._first_tick).total_seconds() < self._settings.grace_s:
            found = [finding for finding in found if not _is_absence(finding)]
        return found

    def _over(self, view: View, open_ones: Sequence[Finding], seen: Sequence[Finding], now: datetime) -> list[str]:
        """Fingerprints of the findings that were not seen for long enough.

        Recovery must be seen to be believed: while the entity is silent its findings stay open, for one window.
        """
        again = {finding.fingerprint for finding in seen}
        hold = timedelta(seconds=self._settings.hold_steps * self._settings.step_s)
        patience = timedelta(seconds=self._settings.window_s)
        speaking = heard((view.metrics, view.red, view.logs), self._settings.hold_steps)
        over = []
        for finding in open_ones:
            if finding.fingerprint in again:
                continue
            unseen = now - self._stream.last_seen(finding.id)
            silent = finding.entity not in speaking and finding.kind is not FindingKind.MISSING_DATA
            if unseen >= (patience if silent else hold):
                over.append(finding.fingerprint)
        return over


def _is_absence(finding: Finding) -> bool:
    """Whether it is about what did not come: right after our own start that may be our doing."""
    return finding.kind is FindingKind.MISSING_DATA or bool(finding.attributes.get("absence"))

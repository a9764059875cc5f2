"""The runner of detection: reads the windows, asks every detector, publishes and ends findings."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from wellkept.kernel.change import Change
from wellkept.kernel.entity import EntityKind
from wellkept.kernel.feedback import Feedback
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.kernel.stage import Message, Stage
from wellkept.ops.detect.base import Detector, DetectSettings, View
from wellkept.ops.detect.blindness import Counted, hiding
from wellkept.ops.detect.feed import Windows
from wellkept.ops.detect.heard import OF_KUBERNETES, heard, tellers
from wellkept.ops.detect.judged import REMEMBERED_S, Judged
from wellkept.ops.detect.learned import Memory
from wellkept.ops.detect.sight import LogPatterns, Places, Sight
from wellkept.spine.pauses import Pause, paused_s

STAGE = Stage(
    name="ops.detect",
    consumes=frozenset({Message.TELEMETRY, Message.ENTITY}),
    emits=frozenset({Message.FINDING}),
    purpose="Looks at all series at once for sudden changes, growth towards limits and silence.",
)

_CONTAINER = f"{EntityKind.CONTAINER}:"
_log = logging.getLogger(__name__)


class Findings(Protocol):
    """What detection needs of the stream."""

    def publish(self, findings: Sequence[Finding], now: datetime) -> list[Finding]: ...

    def close(self, fingerprints: Sequence[str], at: datetime) -> list[Finding]: ...

    def open_findings(self, *, detectors: Collection[str]) -> list[Finding]: ...

    def last_seen(self, finding: str) -> datetime: ...

    def changes(self, start: datetime, end: datetime) -> list[Change]: ...


class Opinions(Protocol):
    """What detection needs of people's feedback."""

    def since(self, at: datetime) -> list[Feedback]: ...


@dataclass(slots=True)
class Tally:
    """How it went with a detector."""

    ticks: int = 0
    turn: int = 0
    failures: int = 0
    last_s: float = 0.0
    held_back: int = 0


@dataclass(frozen=True, slots=True)
class DetectReport:
    """What one tick did."""

    seen: tuple[Finding, ...]
    ended: tuple[Finding, ...]


class DetectRunner:
    """Runs the given detectors over one view per tick."""

    def __init__(
        self,
        telemetry: Windows,
        topology: Places,
        stream: Findings,
        detectors: Sequence[Detector],
        settings: DetectSettings | None = None,
        memory: Memory | None = None,
        opinions: Opinions | None = None,
        patterns: LogPatterns | None = None,
    ) -> None:
        self._stream, self._opinions = stream, opinions
        self.detectors = tuple(detectors)
        self._settings = settings or DetectSettings()
        self._sight = Sight(telemetry, topology, stream, self._settings, memory, patterns)
        self._first_tick: datetime | None = None
        self._ticked = datetime.min.replace(tzinfo=UTC)
        self._off = frozenset[str]()
        self.tallies = {detector.name: Tally() for detector in self.detectors}
        self.looked: tuple[View, Judged] | None = None
        """What was looked at last, and the feedback that counted then."""

    def switched_off(self, names: Iterable[str]) -> None:
        """Nobody asks these detectors any more: the findings that they left open end at the next look."""
        self._off = frozenset(names)

    def watch(self, counted: Counted, pauses: Callable[[], Sequence[Pause]] = tuple) -> None:
        """Ask the doors of the platform at each look what they have counted, and when it was not at work itself; it
        tells of blind spots.
        """
        self._sight.watch(counted, pauses)

    def tick(self, now: datetime) -> DetectReport:
        """Look once at the window that ends at the last whole step before ``now``."""
        if self._first_tick is None or now < self._ticked:
            self._first_tick = now  # a clock that was set back begins anew
        self._ticked = now
        still_open = self._stream.open_findings(detectors=self.tallies.keys() | self._off)
        open_ones = [finding for finding in still_open if finding.detector in self.tallies]
        judged = self.judged(now)
        view = self._sight.view(now, open_ones, judged)
        self.looked = view, judged
        seen: list[Finding] = []
        asked: set[str] = set()
        for detector in self.detectors:
            if self._is_due(detector, view):
                asked.add(detector.name)
                seen.extend(self._ask(detector, view, now, judged))
        published = self._stream.publish(seen, now)
        left = [finding.fingerprint for finding in still_open if finding.detector in self._off]
        # What was not asked about is neither seen again nor over.
        doubtful = [finding for finding in open_ones if finding.detector in asked]
        ended = self._stream.close([*self._over(view, doubtful, seen, now), *left], now)
        return DetectReport(tuple(published), tuple(ended))

    def judged(self, now: datetime) -> Judged:
        """The feedback that counts."""
        since = now - timedelta(seconds=REMEMBERED_S)
        return Judged(self._opinions.since(since) if self._opinions else (), now)

    def status(self) -> Mapping[str, float]:
        """How much is held, and what the last look took; see ``Sight.status``."""
        return self._sight.status()

    def close(self) -> None:
        """Write down what was learned."""
        self._sight.save()

    def _is_due(self, detector: Detector, view: View) -> bool:
        """Whether the steps that it looks at have moved on since it was asked last."""
        tally = self.tallies[detector.name]
        turn = _step(view) // max(1, getattr(detector, "every_steps", 1))
        if tally.ticks and turn == tally.turn:
            return False
        tally.ticks, tally.turn = tally.ticks + 1, turn
        return True

    def _ask(self, detector: Detector, view: View, now: datetime, judged: Judged) -> list[Finding]:
        """A detector is a plug-in: when it fails, the others still speak."""
        tally, began = self.tallies[detector.name], time.perf_counter()
        try:
            found = list(detector.detect(view, now))
        except Exception:  # noqa: BLE001 - the plug-in edge: logged, and its open findings stay open
            tally.failures += 1
            _log.exception("detector %s %s failed", detector.name, detector.version)
            return [finding for finding in view.open.values() if finding.detector == detector.name]
        if self._is_new_here(view, now):
            found = [finding for finding in found if not _is_absence(finding) or finding.fingerprint in view.open]
        tally.last_s = time.perf_counter() - began
        by_score = not getattr(detector, "by_threshold", False)
        said = [finding for finding in found if not (judged and judged.holds_back(finding, by_score))]
        tally.held_back += len(found) - len(said)
        return said

    def _is_new_here(self, view: View, now: datetime) -> bool:
        """Whether the platform was not at work until lately: what it did not hear may be its own doing."""
        first_s = self._first_tick.timestamp() if self._first_tick is not None else 0.0
        is_new = now.timestamp() - first_s < self._settings.grace_s
        return is_new or bool(hiding(now.timestamp(), view.blind.pauses, self._settings))

    def _over(self, view: View, open_ones: Sequence[Finding], seen: Sequence[Finding], now: datetime) -> list[str]:
        """Fingerprints of the findings that were not seen for long enough.

        Recovery must be seen to be believed: while the entity is silent, or telemetry is blind to it, its findings stay
        open, for one window. A container that is silent while others are heard was taken away. Of what Kubernetes tells
        of others, it is Kubernetes that has to be heard.
        """
        again = {finding.fingerprint for finding in seen}
        hold = timedelta(seconds=self._settings.hold_steps * self._settings.step_s)
        patience = timedelta(seconds=self._settings.window_s)
        speaking = heard((view.metrics, view.red, view.logs), self._settings.hold_steps)
        telling = tellers(view.metrics, self._settings.hold_steps)
        over = []
        for finding in open_ones:
            if finding.fingerprint in again:
                continue
            seen_at = self._stream.last_seen(finding.id)
            if seen_at > now and self._first_tick is not None:
                seen_at = self._first_tick  # by a clock that was ahead
            lost_s = paused_s(view.blind.pauses, seen_at.timestamp(), now.timestamp())
            unseen = now - seen_at - timedelta(seconds=lost_s)
            if unseen >= (patience if _is_hidden(view, finding, speaking, telling) else hold):
                over.append(finding.fingerprint)
        return over


def _step(view: View) -> int:
    """The number of the newest step: its end in steps since the epoch."""
    return round(float(view.metrics.times[-1]) / view.step_s) if len(view.metrics.times) else 0


def _is_hidden(view: View, finding: Finding, speaking: Collection[str], telling: Collection[str]) -> bool:
    """Whether that it was not seen again means nothing: who would show it is silent, or telemetry is blind to it."""
    if finding.attributes.get("blind"):
        return bool(finding.entity) and finding.entity not in speaking
    if finding.entity in view.blind.entities or view.blind.hides(finding.entity, finding.signal):
        return True
    if finding.signal.startswith(OF_KUBERNETES):
        return not finding.signal.startswith(tuple(telling))
    if finding.kind is FindingKind.MISSING_DATA:
        return False
    is_gone = finding.entity.startswith(_CONTAINER) and any(one.startswith(_CONTAINER) for one in speaking)
    return finding.entity not in speaking and not is_gone


def _is_absence(finding: Finding) -> bool:
    """Whether it is about what did not come: right after our own start that may be our doing."""
    return finding.kind is FindingKind.MISSING_DATA or bool(finding.attributes.get("absence"))

"""Flap damping: what begins and ends again and again flaps, until it has been calm, with hysteresis between the two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from wellkept.kernel.finding import Finding
from wellkept.ops.correlate.noise.base import FlapLimits

KEPT = 3
"""Windows for which changes are remembered; what they came to before that is remembered as one bit."""


@dataclass(slots=True)
class _Track:
    """The occurrences of one fingerprint: finding id to its beginning and end (seconds since the epoch)."""

    occurrences: dict[str, tuple[float, float | None]] = field(default_factory=dict)
    was_flapping: bool = False
    """Whether it flapped at the beginning of what is remembered."""
    since: float = float("-inf")

    def times(self) -> list[float]:
        return sorted(at for pair in self.occurrences.values() for at in pair if at is not None)


class Flaps:
    """Which fingerprints flap. The answer depends on the changes alone, not on the order in which they became known."""

    def __init__(self, limits: FlapLimits) -> None:
        self._limits = limits
        self._tracks: dict[str, _Track] = {}

    def note(self, finding: Finding) -> None:
        """Take an occurrence as it is now; the same again changes nothing."""
        if not self._limits.starts:
            return
        track = self._tracks.setdefault(finding.fingerprint, _Track())
        end = finding.ends_at.timestamp() if finding.ends_at is not None else None
        track.occurrences[finding.id] = (finding.starts_at.timestamp(), end)
        if len(track.occurrences) > self._limits.starts * KEPT:
            self._shorten(track)

    def changes(self, fingerprint: str, now: float) -> int:
        """How often it changed within the window before ``now``."""
        track = self._tracks.get(fingerprint)
        if track is None:
            return 0
        return sum(now - self._limits.window_s < at <= now for at in track.times())

    def is_flapping(self, fingerprint: str, now: float) -> bool:
        track = self._tracks.get(fingerprint)
        if track is None or (not track.was_flapping and 2 * len(track.occurrences) < self._limits.starts):
            return False
        return flapping_at(track.times(), now, self._limits, track.was_flapping, track.since)

    def forget(self, now: float) -> None:
        """Let go of what is long over."""
        before = now - KEPT * self._limits.window_s
        for fingerprint, track in list(self._tracks.items()):
            last = [max(start, end or start) for start, end in track.occurrences.values()]
            if all(at < before for at in last) and not self.is_flapping(fingerprint, now):
                del self._tracks[fingerprint]

    def _shorten(self, track: _Track) -> None:
        """Fold what is older than the remembered windows into one bit."""
        times = track.times()
        edge = times[-1] - KEPT * self._limits.window_s
        if times[0] >= edge and len(track.occurrences) <= 4 * self._limits.starts * KEPT:
            return
        if times[0] >= edge:  # an extreme rate: the newest changes are enough to know that it goes on
            edge = times[-2 * self._limits.starts]
        track.was_flapping = flapping_at(times, edge, self._limits, track.was_flapping, track.since)
        track.since = edge
        track.occurrences = {
            key: (start, end)
            for key, (start, end) in track.occurrences.items()
            if max(start, end or start) > edge - self._limits.window_s
        }


def flapping_at(
    times: Iterable[float], now: float, limits: FlapLimits, before: bool = False, since: float = float("-inf")
) -> bool:
    """Whether something that changed at these times flaps at ``now``; it did ``before`` at ``since``.

    The count within the window grows with each change and falls when one leaves the window; the state follows both.
    """
    ordered = sorted(at for at in times if at <= now)
    steps = [(at + limits.window_s, -1) for at in ordered] + [(at, 1) for at in ordered]
    count, flapping = 0, before
    for at, step in sorted(steps):
        if at > now:
            break
        count += step
        if at <= since:
            continue
        if count >= limits.starts:
            flapping = True
        elif count <= limits.ends:
            flapping = False
    return flapping and count > limits.ends

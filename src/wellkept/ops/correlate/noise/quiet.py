"""Quiet hours: incidents below a severity open in silence, and are told at the end, all in one digest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from wellkept.kernel.clock import stable_id
from wellkept.kernel.noise import Digest, Held, HoldReason, QuietHours
from wellkept.kernel.schedule import Occurrence
from wellkept.spine.matchers import Matching

MOST_NAMED = 5


class QuietTimes:
    """The quiet hours of a configuration, and which of them were open when they were last looked at."""

    def __init__(self, hours: Iterable[QuietHours]) -> None:
        self._hours = [(one, Matching(one.matchers)) for one in hours]
        self._open: dict[str, Occurrence] = {}
        self._held: dict[str, dict[str, str]] = {}

    @property
    def ask_labels(self) -> bool:
        """Whether any of them are for some incidents alone."""
        return any(hours.matchers for hours, _ in self._hours)

    def fitting(self, labels: Sequence[Mapping[str, str]]) -> frozenset[str]:
        """The names of those that all of these label sets match."""
        return frozenset(hours.name for hours, matching in self._hours if all(map(matching.matches, labels)))

    def hold(self, severity: int, fitting: frozenset[str], now: datetime) -> Held | None:
        """The hold of an incident that is not bad enough for the hour; the one that lasts longest.

        ``fitting`` names those that its findings match; those without matchers are for every incident.
        """
        found: list[Held] = []
        for hours, _ in self._hours:
            here = hours.schedule.at(now)
            if here is None or severity >= hours.below or (hours.matchers and hours.name not in fitting):
                continue
            words = f"quiet hours ({hours.name}) until {here.end:%Y-%m-%d %H:%M} UTC"
            values = {"quiet_hours": hours.name, "ends_at": here.end.isoformat()}
            found.append(Held(HoldReason.QUIET_HOURS, values, words, here.end))
        return max(found, key=lambda held: held.until or now, default=None)

    def note(self, held: Mapping[str, tuple[str, str, datetime]]) -> None:
        """Remember what is held: incident to (name of the quiet hours, title, when it was noticed).

        People were told before the hours of what was noticed before them.
        """
        for incident, (name, title, noticed_at) in held.items():
            if name in self._open and noticed_at >= self._open[name].start:
                self._held.setdefault(name, {})[incident] = title

    def ended(self, live: frozenset[str], now: datetime) -> list[Digest]:
        """The digests of the quiet hours that ended since the last call. ``live``: the incidents that still are."""
        digests: list[Digest] = []
        for hours, _ in self._hours:
            here, before = hours.schedule.at(now), self._open.get(hours.name)
            if here is not None:
                self._open[hours.name] = here
            if before is None or (here is not None and here.start < before.end):
                continue
            if here is None:
                del self._open[hours.name]
            held = self._held.pop(hours.name, {})
            if held:
                digests.append(_digest(hours.name, before, held, live))
        return digests


def _digest(name: str, hours: Occurrence, held: Mapping[str, str], live: frozenset[str]) -> Digest:
    going_on = tuple(sorted(incident for incident in held if incident in live))
    over = tuple(sorted(incident for incident in held if incident not in live))
    named = "; ".join(f"{held[incident]} ({incident})" for incident in going_on[:MOST_NAMED])
    more = f" and {len(going_on) - MOST_NAMED} more" if len(going_on) > MOST_NAMED else ""
    words = f"During the quiet hours {name} {len(held)} incidents were not told: {len(over)} are over"
    words += f", {len(going_on)} go on: {named}{more}." if going_on else "."
    return Digest(stable_id("dig", name, hours.start.isoformat()), name, hours.start, hours.end, going_on, over, words)

"""Quiet hours: incidents below a severity open in silence, and are told at the end, all in one digest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from wellkept.kernel.clock import stable_id
from wellkept.kernel.incident import Incident
from wellkept.kernel.noise import Digest, Held, HeldFinding, HoldReason, QuietHours
from wellkept.kernel.schedule import Occurrence
from wellkept.spine.matchers import Matching

MOST_NAMED = 5
LOOKED_BACK = timedelta(days=8)
"""Longer than quiet hours without a gap are: what they held is still kept when they end."""


class QuietTimes:
    """The quiet hours of a configuration, and which of them were open when they were last looked at.

    What they hold is not remembered here: it is kept in the store, and the digest follows from that, whoever was
    started or died meanwhile.
    """

    def __init__(self, hours: Iterable[QuietHours]) -> None:
        self._hours = [(one, Matching(one.matchers)) for one in hours]
        self._open: dict[str, Occurrence] = {}
        self._ends: list[datetime] | None = None

    @property
    def ask_labels(self) -> bool:
        """Whether any of them are for some incidents alone."""
        return any(hours.matchers for hours, _ in self._hours)

    def fitting(self, labels: Sequence[Mapping[str, str]]) -> frozenset[str]:
        """The names of those that all of these label sets match."""
        return frozenset(hours.name for hours, matching in self._hours if all(map(matching.matches, labels)))

    def hold(self, incident: Incident, fitting: frozenset[str], now: datetime) -> Held | None:
        """The hold of an incident that is not bad enough for the hour; the one that lasts longest.

        ``fitting`` names those that its findings match; those without matchers are for every incident.
        """
        found: list[Held] = []
        for hours, _ in self._hours:
            here = self._at(hours, now)
            if here is None or incident.severity >= hours.below or (hours.matchers and hours.name not in fitting):
                continue
            words = f"quiet hours ({hours.name}) until {here.end:%Y-%m-%d %H:%M} UTC"
            values = {"quiet_hours": hours.name, "starts_at": here.start.isoformat(), "ends_at": here.end.isoformat()}
            values["noticed_at"] = incident.noticed_at.isoformat()
            found.append(Held(HoldReason.QUIET_HOURS, values, words, here.end))
        return max(found, key=lambda held: held.until or now, default=None)

    def have_ended(self, now: datetime) -> bool:
        """Whether any of them ended since the last call. Before the first one some may have, while nobody looked."""
        before, open_ones = self._ends, [here for hours, _ in self._hours if (here := self._at(hours, now))]
        self._ends = [here.end for here in open_ones]
        return bool(self._hours) if before is None else any(end <= now for end in before)

    def _at(self, hours: QuietHours, now: datetime) -> Occurrence | None:
        here = self._open.get(hours.name)
        if here is None or not here.start <= now < here.end:
            here = hours.schedule.stretch(now)
        if here is None:
            self._open.pop(hours.name, None)
        else:
            self._open[hours.name] = here
        return here


def digests_of(held: Iterable[HeldFinding], live: Mapping[str, str], now: datetime) -> list[Digest]:
    """The digests of the quiet hours that are over, of what they held.

    Args:
        held: holds of quiet hours, also those that ended.
        live: the incidents that go on, with their titles.
        now: what ends later is not over.
    """
    found: dict[tuple[str, str, str], list[str]] = {}
    for one in held:
        values = one.held.values
        name, start, end, noticed = (
            values.get(key, "") for key in ("quiet_hours", "starts_at", "ends_at", "noticed_at")
        )
        if not (one.incident and start and end and noticed) or datetime.fromisoformat(end) > now:
            continue
        was_told_before = datetime.fromisoformat(noticed) < datetime.fromisoformat(start)
        is_let_go = one.ended_at is not None and one.ended_at < datetime.fromisoformat(end)
        if not was_told_before and not (is_let_go and one.incident in live):  # what got worse meanwhile was told then
            found.setdefault((name, start, end), []).append(one.incident)
    return [
        _digest(name, Occurrence(datetime.fromisoformat(start), datetime.fromisoformat(end)), sorted(incidents), live)
        for (name, start, end), incidents in sorted(found.items())
    ]


def _digest(name: str, hours: Occurrence, held: Sequence[str], live: Mapping[str, str]) -> Digest:
    going_on = tuple(incident for incident in held if incident in live)
    over = tuple(incident for incident in held if incident not in live)
    named = "; ".join(f"{live[incident]} ({incident})" for incident in going_on[:MOST_NAMED])
    more = f" and {len(going_on) - MOST_NAMED} more" if len(going_on) > MOST_NAMED else ""
    words = f"During the quiet hours {name} {_counted(len(held), 'incident was', 'incidents were')} not told: "
    words += _counted(len(over), "is over", "are over")
    words += f", {_counted(len(going_on), 'goes on', 'go on')}: {named}{more}." if going_on else "."
    return Digest(stable_id("dig", name, hours.start.isoformat()), name, hours.start, hours.end, going_on, over, words)


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"

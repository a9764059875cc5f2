"""The runner of correlation: takes what the stream says, and keeps the list of incidents true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from wellkept.kernel.change import Change
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.kernel.incident import Incident
from wellkept.kernel.stage import Message, Stage
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.groups import Group, group
from wellkept.ops.correlate.life import absorb, grow, is_enough, open_incident, settle
from wellkept.spine.graph import Graph

STAGE = Stage(
    name="ops.correlate",
    consumes=frozenset({Message.FINDING, Message.CHANGE, Message.ENTITY}),
    emits=frozenset({Message.INCIDENT}),
    purpose="Groups findings by time and topology into incidents, and ends incidents when their findings are over.",
)

_MANY = 5_000


class Incidents(Protocol):
    """What correlation needs of the stream."""

    def findings(
        self,
        *,
        ids: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        entity: str | None = None,
        limit: int = 1000,
    ) -> list[Finding]: ...

    def changes(self, start: datetime, end: datetime) -> list[Change]: ...

    def incidents(
        self, *, live: bool | None = None, start: datetime | None = None, limit: int = 100
    ) -> list[Incident]: ...

    def save_incident(self, incident: Incident) -> None: ...


class Places(Protocol):
    """What correlation needs of the topology."""

    def graph(self, at: datetime | None = None) -> Graph: ...


@dataclass(frozen=True, slots=True)
class CorrelateReport:
    """The incidents that one tick opened, changed or ended."""

    opened: tuple[Incident, ...]
    changed: tuple[Incident, ...]


class CorrelateRunner:
    """Keeps incidents. It holds no state of its own: everything is in the stream, so a restart changes nothing."""

    def __init__(self, stream: Incidents, topology: Places, settings: CorrelateSettings | None = None) -> None:
        self._stream, self._topology = stream, topology
        self._settings = settings or CorrelateSettings()

    def tick(self, now: datetime) -> CorrelateReport:
        """Group what is open or was lately, and bring the incidents up to date."""
        settings = self._settings
        recent = self._stream.incidents(
            start=now - timedelta(seconds=max(settings.reopen_s, settings.lookback_s)), limit=_MANY
        )
        live = sorted((i for i in recent if i.state.is_live), key=lambda i: (i.opened_at, i.id))
        past = [incident for incident in recent if not incident.state.is_live]
        groups = group(
            self._candidates(live, past, now),
            self._topology.graph(now),
            settings,
            [[member.finding for member in incident.members] for incident in live],
        )
        opened: list[Incident] = []
        changed: list[Incident] = []
        for part in groups:
            here = [incident for incident in live if _touches(incident, part)]
            if here:
                changed.extend(self._update(here, part, now))
            else:
                opened.extend(self._maybe_open(part, past, now))
        changed.extend(self._close(past, now))
        return CorrelateReport(tuple(opened), tuple(changed))

    def _candidates(self, live: Sequence[Incident], past: Sequence[Incident], now: datetime) -> list[Finding]:
        """The findings of live incidents, and those that belong to none yet.

        What a detector itself calls information is there to be looked at: it opens nothing and keeps nothing open.
        """
        mine = {member.finding for incident in live for member in incident.members}
        taken = {member.finding for incident in past for member in incident.members} - mine
        since = now - timedelta(seconds=self._settings.lookback_s)
        lately = self._stream.findings(start=since, limit=_MANY)
        found = {f.id: f for f in lately if f.id not in taken and not _is_only_told(f)}
        missing = sorted(mine - found.keys())
        if missing:
            found.update({finding.id: finding for finding in self._stream.findings(ids=missing)})
        return list(found.values())

    def _update(self, here: Sequence[Incident], part: Group, now: datetime) -> list[Incident]:
        """The earliest of the incidents that the group touches takes everything; the others close in its favour."""
        survivor, *others = here
        updated = settle(grow(survivor, part, now), part.findings, now, self._settings)
        for other in others:
            updated = updated.note(now, "correlate", f"{other.id} is the same problem and was merged", other.id)
        changed = [updated] if updated != survivor else []
        changed += [absorb(other, survivor, now) for other in others]
        for incident in changed:
            self._stream.save_incident(incident)
        return changed

    def _maybe_open(self, part: Group, past: Sequence[Incident], now: datetime) -> list[Incident]:
        why = is_enough(part.findings, now, self._settings)
        if not why:
            return []
        incident = open_incident(part, now, why, self._changes(part), self._before(part, past, now))
        self._stream.save_incident(incident)
        return [incident]

    def _changes(self, part: Group) -> list[Change]:
        onset = part.findings[0].starts_at
        entities = {finding.entity for finding in part.findings if finding.entity}
        known = self._stream.changes(onset - timedelta(seconds=self._settings.change_s), onset)
        return [change for change in known if change.entity in entities]

    def _before(self, part: Group, past: Iterable[Incident], now: datetime) -> Incident | None:
        """The newest ended incident about the same findings, by entity and fingerprint."""
        prints = {finding.fingerprint for finding in part.findings}
        entities = {finding.entity for finding in part.findings if finding.entity}
        since = now - timedelta(seconds=self._settings.reopen_s)
        for incident in sorted(past, key=lambda i: (i.opened_at, i.id), reverse=True):
            if incident.resolved_at is None or incident.resolved_at < since:
                continue
            if entities.isdisjoint(incident.entities):
                continue
            members = self._stream.findings(ids=[member.finding for member in incident.members])
            if any(finding.fingerprint in prints for finding in members):
                return incident
        return None

    def _close(self, past: Iterable[Incident], now: datetime) -> list[Incident]:
        """Resolved incidents whose time to close has come."""
        changed = []
        for incident in past:
            closed = settle(incident, (), now, self._settings)
            if closed != incident:
                self._stream.save_incident(closed)
                changed.append(closed)
        return changed


def _is_only_told(finding: Finding) -> bool:
    """Whether it is information of a detector; an alert from outside may still belong to an incident."""
    return finding.severity is Severity.INFO and finding.kind is not FindingKind.EXTERNAL


def _touches(incident: Incident, part: Group) -> bool:
    ids = {finding.id for finding in part.findings}
    return any(member.finding in ids for member in incident.members)

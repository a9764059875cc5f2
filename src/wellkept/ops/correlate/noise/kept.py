"""What is held, of findings and of incidents, written down as it begins, changes and ends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident
from wellkept.kernel.noise import Held, HeldFinding
from wellkept.spine.noise import NoiseDesk

MOST = 50_000
"""Holds that are read after a start."""


class Kept:
    """Remembers the holds that go on, so that what stays as it is costs no write."""

    def __init__(self, desk: NoiseDesk) -> None:
        self._desk = desk
        self._findings: dict[str, HeldFinding] = {}
        self._incidents: dict[str, HeldFinding] = {}

    def resume(self) -> list[str]:
        """Know the holds that went on when somebody last looked; returns the findings among what is held."""
        known = self._desk.held(limit=MOST)
        self._findings = {one.finding: one for one in known if one.finding}
        self._incidents = {one.incident: one for one in known if one.incident}
        return list(self._findings)

    def lose(self, findings: Collection[str], now: datetime) -> None:
        """End the holds of findings that are not there any more."""
        self._desk.keep_held([replace(self._findings.pop(id_), ended_at=now) for id_ in sorted(findings)])

    def past(self, over: Sequence[Finding]) -> dict[str, Held | None]:
        """How findings were held that ended before this start: as it was then, whatever is in force now.

        A hold that nobody saw end ended with its finding.
        """
        unseen = [replace(self._findings.pop(one.id), ended_at=one.ends_at) for one in over if one.id in self._findings]
        self._desk.keep_held(unseen)
        known = self._desk.held_of([one.id for one in over])
        return {one.id: _to_its_end(known.get(one.id), one) for one in over}

    def note(
        self, found: Mapping[str, Held | None], finding_of: Callable[[str], Finding | None], now: datetime
    ) -> None:
        """Write down how findings are held now; None is for one that is told."""
        changed: list[HeldFinding] = []
        for id_, held in found.items():
            before, finding = self._findings.get(id_), finding_of(id_)
            if held is not None and finding is not None:
                since = before.since if before is not None else min(now, finding.ends_at or now)
                kept = HeldFinding(id_, finding.fingerprint, finding.entity, held, since, finding.ends_at)
                if kept != before:
                    changed.append(kept)
                self._findings[id_] = kept
                if not finding.is_open:
                    del self._findings[id_]
            elif before is not None:
                changed.append(replace(self._findings.pop(id_), ended_at=now))
        self._desk.keep_held(changed)

    def note_incidents(self, found: Sequence[tuple[Incident, Held]], now: datetime) -> None:
        """Write down which incidents are held as a whole now: these, and no others."""
        before, self._incidents = self._incidents, {}
        for incident, held in found:
            since = before[incident.id].since if incident.id in before else now
            entity = next(filter(None, incident.entities), "")
            self._incidents[incident.id] = HeldFinding("", "", entity, held, since, incident=incident.id)
        changed = [one for id_, one in self._incidents.items() if one != before.get(id_)]
        over = [replace(one, ended_at=now) for id_, one in before.items() if id_ not in self._incidents]
        self._desk.keep_held([*changed, *over])


def _to_its_end(kept: HeldFinding | None, finding: Finding) -> Held | None:
    """The hold in which a finding ended; None where it had been told by then."""
    if kept is None or (kept.ended_at is not None and finding.ends_at is not None and kept.ended_at < finding.ends_at):
        return None
    return kept.held

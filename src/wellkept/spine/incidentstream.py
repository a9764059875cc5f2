"""Incidents in the stream: saved by many at once, listed cheaply however large, and read on by revision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.incident import Incident, Member, Tie
from wellkept.store.state.incidents import IncidentRows
from wellkept.store.state.state import State


class IncidentStream:
    """Save and read incidents."""

    def __init__(self, state: State) -> None:
        self._incidents = IncidentRows(state)

    def save_incident(self, incident: Incident) -> None:
        """Save an incident; what others wrote into it since it was read stays in it.

        One that came from a list may be saved, too: members that were not loaded are not taken out.
        """
        self._incidents.save(incident)

    def grow_incidents(self, parts: Sequence[Incident]) -> tuple[list[Incident], int]:
        """Save many at once, each with no other members and lines than those that are new or changed.

        Returns their heads (all that is stored, without members and story) and the revision before these saves. Who
        groups findings calls this: title, severity and onset are taken as they are given.
        """
        return self._incidents.grow(parts)

    def change_incidents(
        self, ids: Sequence[str], make: Callable[[dict[str, Incident]], Sequence[Incident]]
    ) -> list[Incident]:
        """Read incidents whole, have them changed, and save what ``make`` gives back, while nobody else writes any.

        ``ids`` names also those that may be new. What ``make`` raises leaves everything as it was.
        """
        return self._incidents.change(ids, make)

    def incident(self, incident: str) -> Incident | None:
        """An incident with all of its members and its whole story, be they 100,000."""
        return self._incidents.get(incident)

    def known_incident(self, incident: str) -> Incident:
        """The same of one that has to be there.

        Raises:
            NotFoundError: there is none of that id.
        """
        found = self._incidents.get(incident)
        if found is None:
            raise NotFoundError(f"incident {incident}", "is not known")
        return found

    def incident_as_listed(self, incident: str) -> Incident | None:
        """An incident as lists have it: see ``incidents``."""
        return self._incidents.listed(incident)

    def incidents(self, *, live: bool | None = None, start: datetime | None = None, limit: int = 100) -> list[Incident]:
        """Incidents, newest first, as in lists: of a large one only the first 200 members and the last 200 lines come
        with it, and its ``extent`` says how many members it has, and of which entities.
        """
        return self._incidents.recent(live, start, limit)

    def incidents_since(self, revision: int, limit: int = 500) -> tuple[list[Incident], int]:
        """Incidents as in lists that were saved after a revision, oldest save first, and the revision to go on from.

        An incident that was saved several times meanwhile comes once, as it is now.
        """
        return self._incidents.since(revision, limit)

    def incident_heads_since(self, revision: int, limit: int = 500) -> tuple[list[Incident], int]:
        """The same without members and story, much cheaper: their extents say how many members they have."""
        return self._incidents.heads_since(revision, limit)

    def last_revision(self) -> int:
        """The revision of the newest save of an incident."""
        return self._incidents.last_revision()

    def incident_heads(self, *, live: bool, start: datetime | None = None) -> list[Incident]:
        """All live incidents, or all others that were touched since ``start``, without members and story."""
        return self._incidents.heads(live, start)

    def member_ids(self, incidents: Sequence[str]) -> dict[str, list[str]]:
        """Incident to the ids of all of its findings."""
        return self._incidents.member_ids(incidents)

    def members(self, incident: str, *, offset: int = 0, limit: int = 200) -> list[Member]:
        """Members of an incident in the order in which they joined."""
        return self._incidents.members(incident, offset, limit)

    def hold_members(self, held: Sequence[tuple[str, str, str]]) -> None:
        """Write of members (incident, finding) why they are kept quiet now; empty where they count again."""
        self._incidents.hold(held)

    def holds(self, incident: str, findings: Sequence[str]) -> dict[str, str]:
        """Why members of an incident are kept quiet, of those of ``findings`` that are."""
        return self._incidents.holds(incident, findings)

    def retell_members(self, told: Sequence[tuple[str, str, Tie, str, Mapping[str, str]]]) -> None:
        """Write of members (incident, finding) why they are there by now, unless somebody put them there."""
        self._incidents.retell(told)

    def put_by_hand(self, incidents: Sequence[str]) -> dict[str, list[str]]:
        """Incident to the findings that somebody put there."""
        return self._incidents.by_hand(incidents)

    def ended_about(self, fingerprints: Sequence[str], since: datetime) -> dict[str, str]:
        """Fingerprint to the newest incident about such a finding that is over and was touched after ``since``."""
        return self._incidents.ended_about(fingerprints, since)

    def incidents_holding(self, findings: Sequence[str]) -> dict[str, list[str]]:
        """Finding to the ids of the incidents that it is a member of."""
        return self._incidents.holding(findings)

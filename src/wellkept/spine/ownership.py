"""Whose an incident is, where nobody said it by hand: the owner of its likely cause, else of what showed it first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from wellkept.kernel.diagnosis import Diagnosis
from wellkept.kernel.incident import Incident, StoryKind
from wellkept.spine.catalogue import Catalogue
from wellkept.spine.stream import Stream

ACTOR = "catalogue"


class Ownership:
    """Keeps the owners of live incidents what the catalogue says. It holds no state of its own."""

    def __init__(self, stream: Stream, catalogue: Catalogue) -> None:
        self._stream, self._catalogue = stream, catalogue

    def tick(self, now: datetime) -> list[str]:
        """Give live incidents their owners; returns the ids of those that changed hands."""
        live = [one for one in self._stream.incident_heads(live=True) if not one.owned_by]
        diagnoses = self._stream.diagnoses([incident.id for incident in live])
        changed = []
        for incident in live:
            owner, entity = self.owner_of(incident, diagnoses.get(incident.id))
            if owner and owner != incident.owner:
                self._give(incident.id, owner, entity, now)
                changed.append(incident.id)
        return changed

    def owner_of(self, incident: Incident, diagnosis: Diagnosis | None) -> tuple[str, str]:
        """The owner, and the entity that makes it theirs; both empty where the catalogue knows of none."""
        found = ((self._catalogue.owner(entity), entity) for entity in _suspects(incident, diagnosis))
        return next(((owner, entity) for owner, entity in found if owner), ("", ""))

    def _give(self, incident: str, owner: str, entity: str, now: datetime) -> None:
        def make(found: dict[str, Incident]) -> Sequence[Incident]:
            known = found.get(incident)
            if known is None or known.owned_by or known.owner == owner:
                return ()
            said = f"owned by {owner}, because {entity.partition(':')[2]} is theirs"
            return (replace(known.note(now, ACTOR, said, kind=StoryKind.STATE), owner=owner),)

        self._stream.change_incidents([incident], make)


def _suspects(incident: Incident, diagnosis: Diagnosis | None) -> Iterator[str]:
    if diagnosis is not None and diagnosis.best is not None:
        yield diagnosis.best.entity
    yield from (entity for entity in incident.entities[:20] if entity)

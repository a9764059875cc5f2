"""Facts of incidents and plans, read from where they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from wellkept.kernel.entity import Entity
from wellkept.kernel.finding import Finding, Severity
from wellkept.kernel.incident import Incident
from wellkept.spine.labels import Whose, labels_of
from wellkept.spine.notify.facts import Facts

MOST = 50
"""Of a large incident so many entities and findings are asked; routes look at kinds of things, not at each."""
UNKNOWN_TIER = 3


class Findings(Protocol):
    """Where findings are kept."""

    def findings(self, *, ids: Sequence[str] | None = None) -> list[Finding]: ...


class Places(Protocol):
    """Where entities are kept."""

    def entity(self, entity: str) -> Entity | None: ...


class Describer:
    """Gives the facts that routes ask for."""

    def __init__(self, stream: Findings, places: Places, catalogue: Whose) -> None:
        self._stream, self._places, self._catalogue = stream, places, catalogue

    def incident(self, incident: Incident) -> Facts:
        """The facts of an incident: its owner counts beside those of its entities, and alone where set by hand."""
        ids = [member.finding for member in incident.members[:MOST]]
        found = self._stream.findings(ids=ids) if ids else []
        facts = self.entities("incident", incident.severity, incident.entities, found)
        others = frozenset[str]() if incident.owned_by else facts.owners
        return replace(facts, owners=(others | {incident.owner}) - {""})

    def entities(
        self, event: str, severity: Severity, entities: Iterable[str], findings: Iterable[Finding] = ()
    ) -> Facts:
        """The facts of something that is about some entities."""
        chosen = [entity for entity in dict.fromkeys(entities) if entity][:MOST]
        known = {entity: self._places.entity(entity) for entity in chosen}
        labels: dict[str, set[str]] = {}
        for finding in findings:
            for name, value in labels_of(finding, known.get(finding.entity), self._catalogue).items():
                labels.setdefault(name, set()).add(value)
        for entity in known.values():
            for name, value in (entity.attributes if entity is not None else {}).items():
                labels.setdefault(name, set()).add(str(value))
        owners = {owner for entity in chosen if (owner := self._catalogue.owner(entity))}
        return Facts(
            event=event,
            severity=severity,
            entities=tuple(chosen),
            owners=frozenset(owners),
            tier=min((self._catalogue.tier(entity) for entity in chosen), default=UNKNOWN_TIER),
            labels={name: frozenset(values) for name, values in labels.items()},
        )

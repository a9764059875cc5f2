"""The labels of a finding: what silences, routes and grouping rules match on, the same for everybody who asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from wellkept.kernel.entity import Entity
from wellkept.kernel.finding import Finding


class Whose(Protocol):
    """Whose entities are, and how much rests on them, also of those that telemetry has never shown: the catalogue."""

    def owner(self, entity: str) -> str: ...

    def tier(self, entity: str) -> int: ...


def labels_of(finding: Finding, entity: Entity | None = None, whose: Whose | None = None) -> dict[str, str]:
    """What its sender says, and where that says nothing, what we know.

    ``entity``, ``detector`` and ``fingerprint`` are always ours. An alert's own ``severity`` or ``service`` stays as it
    was sent; without one, the platform's word stands there, and the attributes of its entity. ``whose`` answers for an
    entity that the topology does not know.
    """
    found = dict(finding.evidence[0].attributes) if finding.evidence else {}
    ours = {
        "severity": finding.severity.name.lower(),
        "kind": finding.kind.value,
        "signal": finding.signal,
        "alertname": finding.attributes.get("rule", ""),
        **_of_entity(finding.entity, entity, whose),
    }
    for key, value in ours.items():
        if value:
            found.setdefault(key, value)
    found |= {"entity": finding.entity, "detector": finding.detector, "fingerprint": finding.fingerprint}
    return {key: value for key, value in found.items() if value}


def carries(entity: Entity, labels: Mapping[str, str]) -> bool:
    """Whether an entity has labels, each with this value; one that nothing is known of is not had."""
    known = _of_entity(entity.id, entity, None)
    return all(known.get(name) == value for name, value in labels.items())


def what_of(finding: Finding) -> str:
    """What sort of alert it is: the name of the alert or the rule, else its kind and its signal."""
    signal = finding.signal
    name = finding.evidence[0].attributes.get("alertname", "") if finding.evidence else ""
    return name or finding.attributes.get("rule", "") or f"{finding.kind.value} {signal}".strip()


def _of_entity(name: str, entity: Entity | None, whose: Whose | None) -> dict[str, str]:
    kind, _, rest = name.partition(":")
    found = {"entity_kind": kind}
    if kind == "service":
        namespace, _, service = rest.rpartition("/")
        found |= {"service": service, "namespace": namespace}
    elif kind in ("host", "model"):
        found[kind] = rest
    if entity is not None:
        found |= {"owner": entity.owner, "tier": str(entity.criticality), **entity.attributes}
    elif whose is not None and name:
        found |= {"owner": whose.owner(name), "tier": str(whose.tier(name))}
    return found

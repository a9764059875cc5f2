"""The labels of a finding: what silences, routes and grouping rules match on, the same for everybody who asks."""

from __future__ import annotations

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
    kind, _, name = finding.entity.partition(":")
    ours = {
        "severity": finding.severity.name.lower(),
        "kind": finding.kind.value,
        "signal": finding.evidence[0].signal if finding.evidence else "",
        "alertname": finding.attributes.get("rule", ""),
        "entity_kind": kind,
    }
    if kind == "service":
        namespace, _, service = name.rpartition("/")
        ours |= {"service": service, "namespace": namespace}
    elif kind in ("host", "model"):
        ours[kind] = name
    if entity is not None:
        ours |= {"owner": entity.owner, "tier": str(entity.criticality), **entity.attributes}
    elif whose is not None and finding.entity:
        ours |= {"owner": whose.owner(finding.entity), "tier": str(whose.tier(finding.entity))}
    for key, value in ours.items():
        if value:
            found.setdefault(key, value)
    found |= {"entity": finding.entity, "detector": finding.detector, "fingerprint": finding.fingerprint}
    return {key: value for key, value in found.items() if value}


def what_of(finding: Finding) -> str:
    """What sort of alert it is: the name of the alert or the rule, else its kind and its signal."""
    signal = finding.evidence[0].signal if finding.evidence else ""
    name = finding.evidence[0].attributes.get("alertname", "") if finding.evidence else ""
    return name or finding.attributes.get("rule", "") or f"{finding.kind.value} {signal}".strip()

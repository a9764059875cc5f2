"""How bad an incident is: the worst of its findings, weighed by how much rests on what they are about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from wellkept.kernel.finding import Finding, Severity
from wellkept.spine.graph import Graph

HOPS = 4
"""So far from what is unwell its effects are looked for."""
WIDE = 5
"""So many services and models behind an entity make its trouble a step worse."""
USUAL, VITAL, UNNOTICED = 3, 1, 4
"""Tiers: what nobody said anything about, what everything stops without, and from where on nothing depends on it."""
CRITICALITY = {"critical": 1, "high": 2, "medium": 3, "low": 4}
"""``service.criticality`` of OpenTelemetry's semantic conventions, as tiers."""
_COUNTED = frozenset({"service", "model", "endpoint"})


@dataclass(frozen=True, slots=True)
class Reach:
    """What depends on the entities of an incident, they themselves left out; ids, nearest first."""

    services: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    fronts: tuple[str, ...] = ()
    """Those of the services that no other one depends on: users are likely to meet them first."""

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.services, *self.models)


class Tiers(Protocol):
    """Says how much rests on an entity: 1 (everything stops without it) to 5 (nobody would notice)."""

    def tier(self, entity: str) -> int: ...


def tier_of(text: str) -> int | None:
    """``1``, ``tier-1``, ``Tier 1`` or ``critical`` as a tier; None for anything else."""
    word = text.strip().lower()
    found = re.fullmatch(r"(?:tier)?[\s_-]*([1-5])", word)
    return int(found.group(1)) if found else CRITICALITY.get(word)


def reach_of(graph: Graph, entities: Iterable[str]) -> Reach:
    """What depends on the entities, up to four hops away."""
    own = {entity for entity in entities if entity}
    hops: dict[str, int] = {}
    for entity in sorted(own):
        for other, distance in graph.dependents(entity, HOPS).items():
            if other not in own and _kind(other) in _COUNTED:
                hops[other] = min(distance, hops.get(other, distance))
    found = sorted(hops, key=lambda entity: (hops[entity], entity))
    services = tuple(entity for entity in found if _kind(entity) != "model")
    return Reach(
        services=services,
        models=tuple(entity for entity in found if _kind(entity) == "model"),
        fronts=tuple(one for one in services if not any(_kind(d) in _COUNTED for d in graph.dependents(one))),
    )


def severity_of(findings: Sequence[Finding], catalogue: Tiers, reach: Reach) -> tuple[Severity, str]:
    """The severity of an incident with these findings, and what it was made from, as a sentence.

    The worst finding counts. It is a step worse where a tier 1 entity is unwell or depends on what is, or where many
    depend on it; a step better where all that is unwell, and all that depends on it, is of tier 4 or 5. Information
    stays information.

    Raises:
        ValueError: there are no findings.
    """
    worst = max(finding.severity for finding in findings)
    entities = list(dict.fromkeys(finding.entity for finding in findings if finding.entity))
    said = f"{_name(worst)}, the worst of {_plural(len(findings), 'finding')}"
    if worst is Severity.INFO:
        return worst, f"{said}; information stays information whatever depends on it"
    why = _why_worse(entities, catalogue, reach)
    if why:
        raised = Severity(min(worst + 1, Severity.CRITICAL))
        step = f"raised to {_name(raised)}" if raised is not worst else "already the highest"
        return raised, f"{said}; {step}, because {why}"
    tiers = [catalogue.tier(entity) for entity in (*entities, *reach.all)]
    if tiers and min(tiers) >= UNNOTICED:
        lowered = Severity(worst - 1)
        return lowered, f"{said}; lowered to {_name(lowered)}, because all that is affected is of tier {UNNOTICED} or 5"
    behind = f"; {_behind(reach)}" if reach.all else ""
    return worst, f"{said}{behind}"


def _why_worse(entities: Sequence[str], catalogue: Tiers, reach: Reach) -> str:
    """Why the trouble weighs more than its worst finding says; empty where it does not."""
    vital = next((entity for entity in entities if catalogue.tier(entity) == VITAL), "")
    if vital:
        return f"{_bare(vital)} is of tier 1" + (f" and {_behind(reach)}" if reach.all else "")
    behind = next((entity for entity in reach.all if catalogue.tier(entity) == VITAL), "")
    if behind:
        return f"{_bare(behind)}, which is of tier 1, depends on it"
    return _behind(reach) if len(reach.all) >= WIDE else ""


def _behind(reach: Reach) -> str:
    parts = []
    if reach.services:
        fronts = f" ({len(reach.fronts)} of them facing users)" if reach.fronts else ""
        parts.append(f"{_plural(len(reach.services), 'service')}{fronts}")
    if reach.models:
        parts.append(_plural(len(reach.models), "model"))
    depend = "depends" if len(reach.all) == 1 else "depend"
    return f"{' and '.join(parts)} {depend} on it"


def _name(severity: Severity) -> str:
    return severity.name.lower()


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _kind(entity: str) -> str:
    return entity.partition(":")[0]


def _bare(entity: str) -> str:
    return entity.partition(":")[2] or entity

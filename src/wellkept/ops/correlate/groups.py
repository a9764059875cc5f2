"""Grouping: the connected components of findings, the same whatever the order in which they arrive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Tie
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.links import Neighbourhood, Why, why_linked
from wellkept.spine.graph import Graph


@dataclass(frozen=True, slots=True)
class Group:
    """Findings that are one problem, earliest first, and why each is in it (by finding id)."""

    findings: tuple[Finding, ...]
    why: Mapping[str, Why]


def group(
    findings: Iterable[Finding],
    graph: Graph,
    settings: CorrelateSettings,
    together: Sequence[Iterable[str]] = (),
) -> list[Group]:
    """Group findings by links and by what is ``together`` already (ids of findings of one incident).

    Returns the groups ordered by their earliest finding. Each finding is in exactly one.
    """
    ordered = sorted(findings, key=_order)
    near = Neighbourhood(graph, settings)
    reasons = _reasons(ordered, near, settings)
    leader = {finding.id: finding.id for finding in ordered}
    for a, b in reasons:
        _union(leader, a, b)
    for ids in together:
        known = sorted(identity for identity in ids if identity in leader)
        for other in known[1:]:
            _union(leader, known[0], other)
    parts: dict[str, list[Finding]] = defaultdict(list)
    for finding in ordered:
        parts[_find(leader, finding.id)].append(finding)
    return [Group(tuple(part), _why(part, reasons)) for part in sorted(parts.values(), key=lambda p: _order(p[0]))]


def _reasons(
    ordered: Sequence[Finding], near: Neighbourhood, settings: CorrelateSettings
) -> dict[tuple[str, str], Why]:
    """Why pairs of findings are linked; only pairs on related entities are looked at."""
    by_entity: dict[str, list[Finding]] = defaultdict(list)
    for finding in ordered:
        if finding.entity:
            by_entity[finding.entity].append(finding)
    reasons: dict[tuple[str, str], Why] = {}
    for entity in sorted(by_entity):
        others = [entity, *sorted(other for other in near.related(entity) if other in by_entity)]
        for a in by_entity[entity]:
            for b in (finding for other in others for finding in by_entity[other]):
                pair = (a.id, b.id) if _order(a) < _order(b) else (b.id, a.id)
                if a.id != b.id and pair not in reasons:
                    why = why_linked(a, b, near, settings)
                    if why is not None:
                        reasons[pair] = why
    return reasons


def _why(part: Sequence[Finding], reasons: Mapping[tuple[str, str], Why]) -> dict[str, Why]:
    """Each finding's reason is its link to the earliest finding that it is linked to."""
    why = {part[0].id: Why(Tie.FIRST, "the first sign")}
    for position, finding in enumerate(part[1:], start=1):
        earlier = ((other, reasons.get((other.id, finding.id))) for other in part[:position])
        later = ((other, reasons.get((finding.id, other.id))) for other in part[position + 1 :])
        why[finding.id] = next(
            (replace(link, values={"to": other.id, **link.values}) for other, link in (*earlier, *later) if link),
            Why(Tie.GROUPED_BEFORE, "was grouped before"),
        )
    return why


def _order(finding: Finding) -> tuple[object, ...]:
    return (finding.starts_at, -int(finding.severity), finding.id)


def _find(leader: dict[str, str], identity: str) -> str:
    while leader[identity] != identity:
        leader[identity] = leader[leader[identity]]
        identity = leader[identity]
    return identity


def _union(leader: dict[str, str], a: str, b: str) -> None:
    first, second = sorted((_find(leader, a), _find(leader, b)))
    leader[second] = first

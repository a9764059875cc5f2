"""Common causes: a host or a disk that is used up explains who is unwell on it, and who used it up explains the host.

Clues look at each suspect by itself. What several of them stand on is weighed afterwards, when it is known who of them
is unwell: a resource that is used up under well services is no cause of theirs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from wellkept.kernel.diagnosis import Fault, Reason
from wellkept.kernel.entity import EdgeKind
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.ops.diagnose.base import Case
from wellkept.ops.diagnose.contrast import level, squash

UNWELL, CALLEES = 0.3, 2
"""A callee that is this suspicious, so many calls away, explains what was found at a service."""
SLOWER, LEAST_S = 0.5, 0.002
"""Own work that takes half as long again is half a sign; what takes less than some milliseconds wobbles by as much."""
EXPLAINED = 0.9
"""So much of what speaks against a service a certain common cause takes away."""
SUREST = 0.999999
_OF_ITS_OWN = frozenset({"headroom", "forecast", "change", "feed"})
"""What a shared resource does not bring about: a service's own use of resources, and what was done to it."""
_NAMED = {
    "memory": Fault.MEMORY,
    "filesystem": Fault.DISK,
    "disk": Fault.DISK,
    "cpu": Fault.CPU,
    "error": Fault.ERRORS,
    "duration": Fault.LATENCY,
}
_SYMPTOMS = (FindingKind.ANOMALY, FindingKind.SLO_BURN, FindingKind.MISSING_DATA)

Reasons = dict[str, list[Reason]]


def with_common_causes(case: Case, reasons: Mapping[str, Sequence[Reason]]) -> Reasons:
    """The reasons against every suspect, those against shared resources and against who stands on them set right.

    A host counts by how unwell its services are on the average, or how much slower they work, less what those elsewhere
    are slower too; and not where one of its services used it up. A disk counts as much as the worst evidence
    against a service on its host. Then both take from the evidence against those services. What will only run out
    takes nothing.
    """
    found: Reasons = {entity: list(said) for entity, said in reasons.items()}
    resources = [entity for entity in found if entity.startswith(("host:", "disk:"))]
    slower = _slower(case)
    sick = {entity: _sick(said) for entity, said in found.items() if entity.startswith("service:")}
    for resource in sorted(resources):
        users = users_of(case, resource)
        if not users:
            continue
        factor = max(sick.get(user, 0.0) for user in users)
        if resource.startswith("host:"):
            others = [strength for entity, strength in slower.items() if entity not in users]
            unwell = [max(sick.get(u, 0.0), slower.get(u, 0.0), _found(case, u, sick)) for u in sorted(users)]
            here = float(np.mean(unwell))
            factor = here * (1.0 - (float(np.mean(others)) if others else 0.0))
            factor *= 1.0 - max(_used(found.get(user, ())) for user in users)
        found[resource] = [
            replace(reason, strength=reason.strength * factor) if reason.kind == "headroom" else reason
            for reason in found[resource]
        ]
        certain = noisy_or([reason for reason in found[resource] if reason.kind == "headroom"])
        for victim in _victims(case, users, sick):
            found[victim] = less(found[victim], EXPLAINED * certain)
    return found


def _victims(case: Case, users: set[str], sick: Mapping[str, float]) -> set[str]:
    """The services on a resource, and who calls one of them and is less suspicious: that one would explain it."""
    found = users & sick.keys()
    for user in tuple(found):
        callers = case.graph.dependents(user, CALLEES)
        found |= {caller for caller in callers if caller in sick and sick[caller] < sick[user]}
    return found


def users_of(case: Case, resource: str) -> set[str]:
    """The services on a host; of a disk, those on its host, since who writes where is not known."""
    hosts = {resource} if resource.startswith("host:") else _below(case, resource)
    return {
        service
        for host in hosts
        for service in case.graph.above(host, EdgeKind.RUNS_ON)
        if service.startswith("service:")
    }


def noisy_or(reasons: Sequence[Reason]) -> float:
    """How sure the reasons are together, each taken to be independent of the others."""
    innocent = 1.0
    for reason in reasons:
        innocent *= 1.0 - reason.strength
    return round(1.0 - innocent, 6)


def _below(case: Case, disk: str) -> set[str]:
    return {entity for entity in case.graph.dependencies(disk) if entity.startswith("host:")}


def _sick(reasons: Sequence[Reason]) -> float:
    return noisy_or([reason for reason in reasons if reason.kind not in _OF_ITS_OWN])


def _found(case: Case, service: str, sick: Mapping[str, float]) -> float:
    """The strongest finding that a service is unwell; of nobody whose callees explain it."""
    below = [other for other in case.graph.dependencies(service, CALLEES) if other.startswith("service:")]
    if any(sick.get(other, 0.0) >= UNWELL or case.found(other, *_SYMPTOMS) for other in below):
        return 0.0
    return max((min(1.0, max(0.0, finding.score)) for finding in case.found(service, *_SYMPTOMS)), default=0.0)


def _used(reasons: Sequence[Reason]) -> float:
    """How surely a service uses up CPU or memory itself."""
    return max(
        (r.strength for r in reasons if r.kind == "headroom" and r.fault in (Fault.CPU, Fault.MEMORY)), default=0.0
    )


def _slower(case: Case) -> dict[str, float]:
    """How much longer each service works itself: half for half as long again. Too little to accuse anyone by itself."""
    before, during = (level(case.exclusive, case, during=now) for now in (False, True))
    grown = (during - before) / (before + LEAST_S)
    return {info.entity: squash(float(more), SLOWER) for info, more in zip(case.exclusive.series, grown, strict=True)}


def less(reasons: Sequence[Reason], explained: float, own: frozenset[str] = _OF_ITS_OWN) -> list[Reason]:
    """The reasons, of which together as much is left as is not explained; those of the kinds ``own`` stay.

    All get the same exponent on how innocent they leave the service, so that little explained takes little away.
    """
    sick = min(noisy_or([reason for reason in reasons if reason.kind not in own]), SUREST)
    left = math.log1p(-(1.0 - explained) * sick) / math.log1p(-sick) if sick > 0 else 1.0
    return [r if r.kind in own else replace(r, strength=round(1.0 - (1.0 - r.strength) ** left, 6)) for r in reasons]


def fault_of(finding: Finding) -> Fault:
    """By the name of the series: a resource that runs out is named in it."""
    signal = finding.signal
    return next((fault for word, fault in _NAMED.items() if word in signal), Fault.UNKNOWN)

"""The guard of a comparison: when what both arms stand on is sick, it says nothing about either. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.entity import EntityKind, model_id, service_id
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.kernel.incident import Incident
from wellkept.ml.runtime import NAMESPACE, SERVICE
from wellkept.spine.graph import Graph

MODEL_SERVER = service_id(SERVICE, NAMESPACE)
DEPTH = 4
ABOUT_MODELS = frozenset({FindingKind.DRIFT, FindingKind.DATA_QUALITY, FindingKind.PERFORMANCE, FindingKind.FORECAST})
DEMAND = "span.rate"
"""How often somebody is asked. Fewer requests make no answer worse, and there are simply fewer to compare."""
MODEL_SIDE = (f"{EntityKind.MODEL}:", f"{EntityKind.FEATURE}:")

Held = Sequence[tuple[Incident, Sequence[Finding]]]


@dataclass(frozen=True, slots=True)
class Sickness:
    """What is wrong under both arms, and since when."""

    since: datetime
    sentence: str


def sickness(model: str, incidents: Held, graph: Graph, *, is_champion_hit: bool) -> Sickness | None:
    """The open trouble that reaches both arms: on a host, a disk, a service below the model server or below an input.

    Trouble of the model server itself may be what the challenger does to it: it counts only where the champion's own
    answers suffer too.
    """
    under = {MODEL_SERVER, *graph.dependencies(MODEL_SERVER, DEPTH), *graph.dependencies(model_id(model), DEPTH)}
    found: Mapping[tuple[datetime, str], Sickness] = {
        (finding.starts_at, finding.id): Sickness(
            finding.starts_at,
            f"{graph.called(finding.entity)} is under both and sick (incident {incident.id}): {finding.sentence}",
        )
        for incident, findings in incidents
        for finding in findings
        if finding.is_open and finding.kind not in ABOUT_MODELS and finding.entity in under
        if not finding.entity.startswith(MODEL_SIDE) and (finding.entity != MODEL_SERVER or is_champion_hit)
        if not _is_demand(finding)
    }
    return found[min(found)] if found else None


def server_trouble(incidents: Held) -> datetime | None:
    """Since when something is wrong with the model server itself; None where nothing is."""
    own = [finding for _, findings in incidents for finding in findings if finding.entity == MODEL_SERVER]
    return min((finding.starts_at for finding in own if finding.is_open and not _is_demand(finding)), default=None)


def _is_demand(finding: Finding) -> bool:
    """Whether it says that the model server is asked less or more often, and nothing else."""
    signals = {evidence.signal for evidence in finding.evidence}
    return finding.entity == MODEL_SERVER and signals == {DEMAND}

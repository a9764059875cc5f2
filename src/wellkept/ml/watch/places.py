"""Live models in the topology: what serves them, what they read, and who feeds it."""

from __future__ import annotations

from datetime import datetime

from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind, feature_id, model_id, service_id
from wellkept.ml.contract import ModelContract
from wellkept.ml.runtime import NAMESPACE, SERVICE

MODEL_SERVER = service_id(SERVICE, NAMESPACE)


def places(
    contract: ModelContract, version: int | str, at: datetime, *, is_elsewhere: bool = False
) -> tuple[list[Entity], list[Edge]]:
    """The entities of a live model, and what it depends on; who serves one elsewhere is told by its contract."""
    model = model_id(contract.name)
    about = {"task": contract.task, "version": str(version), "description": contract.description}
    entities = [Entity(EntityKind.MODEL, model, contract.name, about, contract.owner)]
    server = contract.served_by if is_elsewhere else MODEL_SERVER
    edges = [Edge(model, server, EdgeKind.SERVED_BY, at)] if server else []
    for entry in contract.inputs:
        feature = feature_id(contract.name, entry.name)
        entities.append(Entity(EntityKind.FEATURE, feature, entry.name, {"source": entry.source}, contract.owner))
        edges.append(Edge(model, feature, EdgeKind.READS, at))
        if entry.source != "request":
            edges.append(Edge(feature, entry.source, EdgeKind.FED_BY, at))
    return entities, edges

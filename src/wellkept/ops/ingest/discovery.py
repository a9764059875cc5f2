"""Discovery: what the telemetry says exists, and what depends on what.

Entities come from resource attributes, disks from the filesystem series, calls between services from spans and
from what meshes and service graphs count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np

from wellkept.kernel.entity import (
    CLAIM,
    Edge,
    EdgeKind,
    Entity,
    EntityKind,
    entity_of,
    host_id,
    host_of,
    owner_of_pod,
    process_id,
    service_id,
)
from wellkept.spine.topology import Topology
from wellkept.store.telemetry.window import SeriesInfo, Window

OVERLAP = timedelta(seconds=30)
FILESYSTEM = "system.filesystem.usage"
MESH, SERVICE_GRAPH = "istio_requests_total", "traces_service_graph_request_total"
"""Requests by who asked and who was asked: of Istio, and of the Collector's service graphs and of Tempo's."""
SEARCH_EVERY = timedelta(seconds=10)
"""How often spans are gone through for calls, and metrics for disks, which is dear where there are many."""
SPANS = 20_000
"""About so many spans of whole traces are looked at for calls at a time; a rare call is seen at a later one."""
_OF_HOST = ("host.", "os.", "cloud.", "deployment.")


class Resources(Protocol):
    def since(self, since: datetime) -> list[dict[str, str]]: ...


class Metrics(Protocol):
    def window(self, start: datetime, end: datetime, step_s: float, *, names: Sequence[str]) -> Window: ...


class Spans(Protocol):
    def edges(self, start: datetime, end: datetime, limit: int = 0) -> Any: ...


class Heard(Protocol):
    """What discovery reads of the telemetry store."""

    @property
    def resources(self) -> Resources: ...

    @property
    def metrics(self) -> Metrics: ...

    @property
    def spans(self) -> Spans: ...


class Discovery:
    """Keeps the topology as the telemetry shows it."""

    def __init__(self, telemetry: Heard, topology: Topology, *, step_s: float) -> None:
        self._telemetry, self._topology, self._step_s = telemetry, topology, step_s
        self._seen_until: datetime | None = None
        self._searched_until: datetime | None = None

    def tick(self, now: datetime) -> None:
        """Observe what was heard of since the last tick (with some overlap for what came late)."""
        since = self._seen_until or now - timedelta(days=1)
        entities: dict[str, Entity] = {}
        edges: dict[tuple[str, str, EdgeKind], Edge] = {}
        for resource in self._telemetry.resources.since(since):
            _add(entities, edges, *of_resource(resource, now))
        _add(entities, edges, [], workloads_of(entities, now))
        if self._searched_until is None or abs(now - self._searched_until) >= SEARCH_EVERY:
            longest = timedelta(seconds=60 * self._step_s)
            start = max(min(self._searched_until or now - longest, now) - OVERLAP, now - longest)
            found = self._telemetry.metrics.window(start, now, self._step_s, names=[FILESYSTEM, MESH, SERVICE_GRAPH])
            for series in found.series:
                _add(entities, edges, *of_filesystem(series, now))
            asked = np.any(found.values > 0, axis=0).tolist()
            counted = {calling(series) for series, is_asked in zip(found.series, asked, strict=True) if is_asked}
            _add(entities, edges, *self._called([call for call in counted if call], entities, now))
            for call in self._telemetry.spans.edges(start, now, SPANS).to_pylist():
                _add(entities, edges, [], [Edge(call["source"], call["target"], EdgeKind.CALLS, now)])
            self._searched_until = now
        if entities or edges:
            self._topology.observe(entities.values(), edges.values(), now)
        self._seen_until = now - OVERLAP

    def _called(
        self, calls: Collection[tuple[str, str]], heard: Collection[str], now: datetime
    ) -> tuple[list[Entity], list[Edge]]:
        """Calls between services; who is named without a namespace is the one known service that is called so."""
        if not calls:
            return [], []
        paths = {path for call in calls for path in call}
        whole = {service_id(path) for path in paths if "/" in path}
        there = {one.id for one in self._topology.entities(EntityKind.SERVICE, now)}
        there |= {one for one in heard if one.startswith(f"{EntityKind.SERVICE}:")}
        known: dict[str, list[str]] = {}
        for own in there | whole:
            known.setdefault(_bare(own), []).append(own)
        meant = {path: _meant(service_id(path), known) for path in paths}
        unseen = [Entity(EntityKind.SERVICE, own, _bare(own)) for own in {*meant.values()} - there]
        between = ((meant[one], meant[other]) for one, other in calls)
        return unseen, [Edge(one, other, EdgeKind.CALLS, now) for one, other in between if one != other]


def calling(series: SeriesInfo) -> tuple[str, str] | None:
    """Who asks and who is asked, as ``namespace/name`` or ``name``, by a series that counts requests between two."""
    said = {name.replace(".", "_"): text for name, text in series.attributes.items() if text != "unknown"}
    if series.name == MESH:
        source = said.get("source_canonical_service") or said.get("source_workload", "")
        return _call((said.get("source_workload_namespace", ""), source), series.entity.removeprefix("service:"))
    if series.name == SERVICE_GRAPH and not said.get("connection_type"):
        server = _path(said.get("server_service_namespace", ""), said.get("server", ""))
        return _call((said.get("client_service_namespace", ""), said.get("client", "")), server)
    return None


def of_resource(resource: Mapping[str, str], at: datetime) -> tuple[list[Entity], list[Edge]]:
    """The entities that a resource names, and the edges between them."""
    entities: list[Entity] = []
    edges: list[Edge] = []
    host, pid = host_of(resource), resource.get("process.pid")
    if host:
        of_host = {name: value for name, value in resource.items() if name.startswith(_OF_HOST)}
        entities.append(Entity(EntityKind.HOST, host_id(host), resource.get("host.name", host), of_host))
    name = resource.get("service.name", "")
    service = ""
    if name and not name.startswith("unknown_service"):
        service = service_id(name, resource.get("service.namespace", ""))
        entities.append(Entity(EntityKind.SERVICE, service, name, dict(resource)))
        if host:
            edges.append(Edge(service, host_id(host), EdgeKind.RUNS_ON, at))
    if host and pid:
        process = process_id(host, pid)
        display = resource.get("process.executable.name") or name or pid
        entities.append(Entity(EntityKind.PROCESS, process, f"{display} ({pid})", dict(resource)))
        edges.append(Edge(process, host_id(host), EdgeKind.RUNS_ON, at))
        if service:
            edges.append(Edge(service, process, EdgeKind.RUNS_AS, at))
    if not entities:
        return _of_kubernetes(resource, at)
    return entities, edges


def _of_kubernetes(resource: Mapping[str, str], at: datetime) -> tuple[list[Entity], list[Edge]]:
    """What of Kubernetes a resource names that names neither host nor service: a workload runs as its pods and their
    containers, a container in its pod, and a pod on its node.
    """
    own, node, pod = entity_of(resource), resource.get("k8s.node.name", ""), resource.get("k8s.pod.name", "")
    kind, _, path = own.partition(":")
    if kind not in (EntityKind.CONTAINER, EntityKind.HOST):
        return [], []
    entities, edges = [Entity(EntityKind(kind), own, path.rpartition("/")[2], dict(resource))], list[Edge]()
    if kind != EntityKind.CONTAINER or not pod or resource.get(CLAIM):
        return entities, edges
    within = {name: value for name, value in resource.items() if name != "k8s.container.name"}
    if (of_pod := entity_of(within)) != own:
        entities.append(Entity(EntityKind.CONTAINER, of_pod, pod, within))
        edges.append(Edge(own, of_pod, EdgeKind.RUNS_ON, at))
    if owner := owner_of_pod(pod):
        workload = of_pod.removesuffix(pod) + owner
        entities.append(Entity(EntityKind.CONTAINER, workload, owner))
        edges.append(Edge(workload, own, EdgeKind.RUNS_AS, at))
    if node:
        entities.append(Entity(EntityKind.HOST, host_id(node), node))
        edges.append(Edge(of_pod, host_id(node), EdgeKind.RUNS_ON, at))
    return entities, edges


def workloads_of(entities: Collection[str], at: datetime) -> list[Edge]:
    """Services run as the workloads of Kubernetes that are called the same in the namespace of the same name, as the
    semantic conventions of OpenTelemetry have it.
    """
    kind = f"{EntityKind.SERVICE}:"
    pairs = [(own, f"{EntityKind.CONTAINER}:{own.removeprefix(kind)}") for own in entities if own.startswith(kind)]
    return [Edge(own, workload, EdgeKind.RUNS_AS, at) for own, workload in pairs if workload in entities]


def of_filesystem(series: SeriesInfo, at: datetime) -> tuple[list[Entity], list[Edge]]:
    """The disk that a filesystem series is about."""
    host = host_of(series.resource_attributes)
    disk = entity_of(series.resource_attributes, series.attributes)
    if not host or not disk.startswith(f"{EntityKind.DISK}:"):
        return [], []
    mountpoint = disk.removeprefix(f"{EntityKind.DISK}:{host}:")
    entity = Entity(EntityKind.DISK, disk, mountpoint, dict(series.attributes))
    return [entity], [Edge(disk, host_id(host), EdgeKind.RUNS_ON, at)]


def _call(source: tuple[str, str], target: str) -> tuple[str, str] | None:
    namespace, name = source
    return (_path(namespace, name), target) if name and target and _path(namespace, name) != target else None


def _path(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace and name else name


def _bare(service: str) -> str:
    return service.partition(":")[2].rpartition("/")[2]


def _meant(service: str, known: Mapping[str, Sequence[str]]) -> str:
    called_so = known.get(_bare(service), ())
    return called_so[0] if len(called_so) == 1 else service


def _add(
    entities: dict[str, Entity],
    edges: dict[tuple[str, str, EdgeKind], Edge],
    more: Iterable[Entity],
    links: Iterable[Edge],
) -> None:
    for entity in more:
        if entity.id not in entities or len(entity.attributes) >= len(entities[entity.id].attributes):
            entities[entity.id] = entity
    edges.update({(edge.source, edge.target, edge.kind): edge for edge in links})

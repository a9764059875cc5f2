"""Entities and the edges between them: what can be unwell, and how unwellness travels.

Identity comes from identifying resource attributes (OpenTelemetry semantic conventions), never from display names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class EntityKind(StrEnum):
    """What kinds of things can be unwell."""

    HOST = "host"
    PROCESS = "process"
    DISK = "disk"
    CONTAINER = "container"
    SERVICE = "service"
    DATABASE = "database"
    ENDPOINT = "endpoint"
    MODEL = "model"
    MODEL_VERSION = "model_version"
    DEPLOYMENT = "deployment"
    FEATURE = "feature"
    DATASET = "dataset"
    PIPELINE = "pipeline"


class EdgeKind(StrEnum):
    """How one entity depends on another; the source depends on the target."""

    CALLS = "calls"
    RUNS_ON = "runs_on"
    RUNS_AS = "runs_as"
    READS = "reads"
    FED_BY = "fed_by"
    SERVED_BY = "served_by"
    VERSION_OF = "version_of"
    TRAINED_ON = "trained_on"


KUBERNETES = (
    "k8s.resourcequota.name", "k8s.deployment.name", "k8s.statefulset.name", "k8s.daemonset.name",
    "k8s.replicaset.name", "k8s.cronjob.name", "k8s.job.name", "k8s.hpa.name", "k8s.persistentvolume.name",
)  # fmt: skip
"""What of a namespace, or of the whole cluster, is named by itself, where no pod is named."""
JOB = "k8s.job.name"
"""It also names one run of a CronJob."""
CLAIM = "k8s.persistentvolumeclaim.name"
"""A volume that outlives the pods that use it."""

MINOR = (f"{EntityKind.PROCESS}:", f"{EntityKind.ENDPOINT}:")
"""So begin the ids of what every host and service has some of: nobody reads a list of all."""

_POD = re.compile(
    r"(?P<owner>.+?)(?:-[0-9a-f]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}|-[bcdfghjklmnpqrstvwxz2456789]{5}|-\d+)\Z"
)
"""A pod's name: its owner's, and what a Deployment, a DaemonSet or a StatefulSet puts behind it."""

_RUN = re.compile(r"-[0-9]{8,10}\Z")
"""What a CronJob puts behind its name to name a job: the minute, once the second, for which it was to begin."""


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that can be unwell.

    ``id`` is ``kind:identifying parts``, for example ``service:shop/checkout`` or ``disk:<host.id>:/data``.
    """

    kind: EntityKind
    id: str
    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    criticality: int = 3
    """1 (everything stops without it) to 5 (nobody would notice)."""


@dataclass(frozen=True, slots=True)
class Edge:
    """``source`` depends on ``target``, for as long as the edge is valid (``until`` None: still)."""

    source: str
    target: str
    kind: EdgeKind
    since: datetime
    until: datetime | None = None


def service_id(name: str, namespace: str = "") -> str:
    """The id of a service entity."""
    return f"service:{namespace}/{name}" if namespace else f"service:{name}"


def host_id(value: str) -> str:
    """The id of a host entity, from ``host.id`` (or ``host.name`` where there is none)."""
    return f"host:{value}"


def process_id(host: str, pid: str) -> str:
    """The id of a process entity; a restarted process is another entity."""
    return f"process:{host}:{pid}"


def disk_id(host: str, mountpoint: str) -> str:
    """The id of a filesystem, named by where it is mounted."""
    return f"disk:{host}:{mountpoint}"


def container_id(resource: Mapping[str, str]) -> str:
    """The id of what of Kubernetes a resource is about, by its path: a volume claim, a container, its pod, what runs or
    bounds pods (see ``KUBERNETES``), or a namespace. Empty where the resource names none. A job that a CronJob made is
    one of its runs, and so about the CronJob.
    """
    pod, claim = resource.get("k8s.pod.name", ""), resource.get(CLAIM, "")
    named = next((name for name in KUBERNETES if resource.get(name)), "")
    other = resource[named] if named else ""
    other = _RUN.sub("", other) if named == JOB else other
    within = (pod, resource.get("k8s.container.name", "")) if pod and not claim else (claim or other,)
    path = "/".join(part for part in (resource.get("k8s.namespace.name", ""), *within) if part)
    return f"container:{path}" if path else ""


def owner_of_pod(pod: str) -> str:
    """The name of what made a pod, by what Kubernetes puts behind it; empty where it is nobody's."""
    found = _POD.match(pod)
    return found["owner"] if found else ""


def model_id(name: str) -> str:
    """The id of a model entity."""
    return f"model:{name}"


def feature_id(model: str, feature: str) -> str:
    """The id of one input feature of a model."""
    return f"feature:{model}/{feature}"


def deployment_id(model: str) -> str:
    """The id of the running deployment of a model."""
    return f"deployment:{model}"


def host_of(resource: Mapping[str, str]) -> str:
    """The identifying part of the host that a resource runs on; empty where the resource does not say."""
    return resource.get("host.id") or resource.get("host.name") or ""


def entity_of(resource: Mapping[str, str], attributes: Mapping[str, str] | None = None) -> str:
    """The id of the entity that a series, log record or span with these attributes is about.

    The most specific thing wins: a filesystem before a model before a service before a process before a host, and what
    of Kubernetes is named where none of these is. A node of Kubernetes is a host.
    A resource that identifies nothing gives an empty id, and empty ids are never grouped with one another.
    """
    point = attributes or {}
    host = host_of(resource)
    mountpoint = point.get("system.filesystem.mountpoint") or point.get("mountpoint")
    if mountpoint and host:
        return disk_id(host, mountpoint)
    model = point.get("wellkept.model.name") or resource.get("wellkept.model.name")
    if model:
        feature = point.get("wellkept.feature.name")
        return feature_id(model, feature) if feature else model_id(model)
    service = resource.get("service.name", "")
    if service and not service.startswith("unknown_service"):
        return service_id(service, resource.get("service.namespace", ""))
    pid = resource.get("process.pid")
    if pid and host:
        return process_id(host, pid)
    return host_id(host) if host else container_id(resource) or _node_id(resource.get("k8s.node.name", ""))


def _node_id(name: str) -> str:
    return host_id(name) if name else ""

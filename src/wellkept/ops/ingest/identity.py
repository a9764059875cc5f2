"""Whom labels speak of: labels of alerts, streams and messages as the resource attributes that entities are made of.

Others name things as they like, and by name: ``job``, ``instance``, ``node``, ``pod``. Our own telemetry knows the same
things by their identifying attributes. So of all that the labels could mean, what is known already comes first.
"""

from __future__ import annotations

import functools
import ipaddress
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from wellkept.kernel.clock import Clock
from wellkept.kernel.entity import Entity, EntityKind, entity_of, owner_of_pod

REFRESH = timedelta(seconds=10)
_REMEMBERED = 20_000

SERVICES = (
    "service.name", "service_name", "exported_service", "service", "app.kubernetes.io/name", "app_kubernetes_io_name",
    "label_app_kubernetes_io_name", "label_app", "app", "application", "deployment", "statefulset", "daemonset",
    "workload",
)  # fmt: skip
"""Labels that name a service, the surest first."""
NAMESPACES = (
    "service.namespace", "service_namespace", "exported_namespace", "namespace", "kubernetes_namespace",
    "k8s.namespace.name", "k8s_namespace_name",
)  # fmt: skip
PODS = ("k8s.pod.name", "k8s_pod_name", "exported_pod", "pod", "pod_name", "kubernetes_pod_name")
JOBS = ("exported_job", "job", "job_name")
HOST_IDS = ("host.id", "host_id")
HOSTS = (
    "host.name", "host_name", "hostname", "host", "node", "nodename", "node_name", "k8s.node.name", "k8s_node_name",
    "kubernetes_node", "server", "machine", "exported_instance", "instance",
)  # fmt: skip
MOUNTS = ("system.filesystem.mountpoint", "mountpoint", "mount_point")
MODELS = ("wellkept.model.name", "wellkept_model_name")
MAYBE_MODELS = ("model_name", "model")
"""Labels that name a model, if a model of that name is known: a disk's make is called so, too."""
FEATURES = ("wellkept.feature.name", "wellkept_feature_name", "feature")

MEANINGS = {
    "cluster": "k8s.cluster.name", "container": "k8s.container.name", "container_name": "k8s.container.name",
    "env": "deployment.environment.name", "environment": "deployment.environment.name",
    "filename": "log.file.path", "namespace": "k8s.namespace.name", "node": "k8s.node.name",
    "node_name": "k8s.node.name", "pod": "k8s.pod.name", "pod_name": "k8s.pod.name",
}  # fmt: skip
"""Labels of log streams by the names that OpenTelemetry gives to what they mean."""

_OWN_LABELS = frozenset({*SERVICES[1:], *JOBS, *PODS[2:], "container", "namespace"})
_EXPORTERS: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ("node", "node-exporter", "node_exporter", "prometheus-node-exporter", "windows-exporter", "windows_exporter"),
        _OWN_LABELS,
    ),
    **dict.fromkeys(("kube-state-metrics", "kubelet", "cadvisor"), frozenset({"service", "job", "instance"})),
    **dict.fromkeys(("blackbox", "blackbox-exporter", "blackbox_exporter"), frozenset({"service", "job"})),
}
"""Scrape jobs that report about something else, and the labels that then name the reporter instead."""


class Places(Protocol):
    """The topology as identity sees it."""

    def entities(self, kind: EntityKind | None = None, at: datetime | None = None) -> list[Entity]: ...


class Identity:
    """Finds the entity that labels speak of. What is known is read again every ten seconds."""

    def __init__(self, places: Places, clock: Clock) -> None:
        self._places, self._clock = places, clock
        self._read_at: datetime | None = None
        self._hosts: dict[str, set[str]] = {}
        self._services: dict[str, set[str]] = {}
        self._models: frozenset[str] = frozenset()
        self._found: dict[frozenset[tuple[str, str]], dict[str, str]] = {}
        self._changes = 0

    @property
    def changes(self) -> int:
        """How often what is known was another: what was found by it before may be found otherwise now."""
        self._refresh()
        return self._changes

    def entity_of(self, labels: Mapping[str, str]) -> str:
        """The id of the entity; empty where nothing identifies one."""
        resource = self.resource_of(labels)
        return entity_of(resource, resource)

    def resource_of(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The identifying attributes that the labels come down to; to be changed by nobody."""
        self._refresh()
        key = frozenset(labels.items())
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[key] = self._resource_of(labels)
        return found

    def described(self, labels: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Labels as the attributes of a resource, and the labels that are none of those."""
        resource = dict(self.resource_of(labels))
        rest: dict[str, str] = {}
        for name, value in labels.items():
            if name in MEANINGS:
                resource.setdefault(MEANINGS[name], value)
            elif not value or not _says(name, value, resource):
                rest[name] = value
        return resource, rest

    def is_known(self, service: str) -> bool:
        """Whether a service of that name is known, in whatever namespace."""
        self._refresh()
        return service in self._services

    def _resource_of(self, labels: Mapping[str, str]) -> dict[str, str]:
        ignored = _EXPORTERS.get(_first(labels, JOBS).lower(), frozenset())
        said = {name: value for name, value in labels.items() if value and name not in ignored}
        host = self._host(said)
        mount = _first(said, MOUNTS)
        if host and mount:
            return {**host, "system.filesystem.mountpoint": mount}
        model = _first(said, MODELS) or next((said[m] for m in MAYBE_MODELS if said.get(m) in self._models), "")
        if model:
            feature = _first(said, FEATURES)
            return {"wellkept.model.name": model, **({"wellkept.feature.name": feature} if feature else {})}
        return {**self._service(said, is_on_known_host="host.id" in host), **host}

    def _service(self, labels: Mapping[str, str], *, is_on_known_host: bool) -> dict[str, str]:
        """The first name that is the name of a known service; else the surest of the names.

        A scrape job's name alone, which may be anything, gives way to a host that is known.
        """
        namespace, job = _first(labels, NAMESPACES), _first(labels, JOBS)
        names = list(_names(labels))
        for name in (*names, *([job] if job else [])):
            known: Collection[str] = self._services.get(name, ())
            if namespace in known:
                return _named(name, namespace)
            if "" in known:
                return _named(name, "")
            if not namespace and len(known) == 1:
                return _named(name, next(iter(known)))
        if names:
            return _named(names[0], namespace)
        return _named(job, namespace) if job and not is_on_known_host else {}

    def _host(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The host: by its id, or by a name that exactly one known host has, or just by the name."""
        identity = _first(labels, HOST_IDS)
        names = [name for name in (bare_host(labels.get(label, "")) for label in HOSTS) if name]
        if identity:
            return {"host.id": identity, **({"host.name": names[0]} if names else {})}
        for name in names:
            known = self._hosts.get(name.lower()) or self._hosts.get(short_host(name).lower()) or set()
            if len(known) == 1:
                return {"host.id": next(iter(known)), "host.name": name}
        return {"host.name": names[0]} if names else {}

    def _refresh(self) -> None:
        now = self._clock.now()
        if self._read_at is not None and now - self._read_at < REFRESH:
            return
        hosts: dict[str, set[str]] = defaultdict(set)
        for host in self._places.entities(EntityKind.HOST, now):
            identity = host.id.partition(":")[2]
            for name in {host.name, host.attributes.get("host.name", ""), identity} - {""}:
                hosts[name.lower()].add(identity)
                hosts[short_host(name).lower()].add(identity)
        services: dict[str, set[str]] = defaultdict(set)
        for service in self._places.entities(EntityKind.SERVICE, now):
            namespace, _, name = service.id.partition(":")[2].rpartition("/")
            services[name].add(namespace)
        models = frozenset(m.id.partition(":")[2] for m in self._places.entities(EntityKind.MODEL, now))
        self._read_at = now
        if (hosts, services, models) != (self._hosts, self._services, self._models):
            self._hosts, self._services, self._models, self._found = hosts, services, models, {}
            self._changes += 1


@functools.lru_cache(maxsize=65_536)
def bare_host(value: str) -> str:
    """A host's name or address out of ``host:port`` or a URL; empty for what every host calls itself."""
    text = value.strip().partition("://")[2] or value.strip()
    text = text.partition("/")[0].rpartition("@")[2]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    if text.lower().partition(".")[0] in ("localhost", "") and not _is_address(text):
        return ""
    return "" if _is_loopback(text) else text


def short_host(name: str) -> str:
    """The first label of a host's full name; an address is left whole."""
    return name if _is_address(name) else name.partition(".")[0]


def _names(labels: Mapping[str, str]) -> Iterator[str]:
    """What the labels could mean as the name of a service, the surest first."""
    for label in SERVICES:
        value = labels.get(label, "")
        if value and not value.startswith("unknown_service"):
            yield value
    if owner := owner_of_pod(_first(labels, PODS)):
        yield owner


def _says(label: str, value: str, resource: Mapping[str, str]) -> bool:
    """Whether a resource says already what a label says."""
    if label in SERVICES or label in JOBS:
        return resource.get("service.name") == value
    if label in HOSTS:
        return resource.get("host.name") == bare_host(value) != ""
    return resource.get(label) == value


def _named(name: str, namespace: str) -> dict[str, str]:
    return {"service.name": name, **({"service.namespace": namespace} if namespace else {})}


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(text: str) -> bool:
    return _is_address(text) and (ipaddress.ip_address(text).is_loopback or ipaddress.ip_address(text).is_unspecified)

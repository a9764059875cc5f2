"""Which entity a series, a log record or a span is about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.entity import (
    EntityKind,
    deployment_id,
    disk_id,
    entity_of,
    feature_id,
    host_id,
    model_id,
    process_id,
    service_id,
)

HOST = {"host.id": "h1", "host.name": "web-1"}
SERVICE = {"service.name": "checkout", "service.namespace": "shop"}
MOUNT = {"system.filesystem.mountpoint": "/data"}
POD = {"k8s.namespace.name": "shop", "k8s.pod.name": "web-1", "k8s.container.name": "app"}
MODEL = {"wellkept.model.name": "fraud"}

CASES: list[tuple[str, dict[str, str], dict[str, str], str]] = [
    ("nothing that identifies", {"os.type": "linux"}, {}, ""),
    ("an attribute without a name", {"": "something"}, {}, ""),
    ("a host by id", HOST, {}, "host:h1"),
    ("a host by name where there is no id", {"host.name": "web-1"}, {}, "host:web-1"),
    ("an empty id is no id", {"host.id": "", "host.name": "web-1"}, {}, "host:web-1"),
    ("a process on its host", {**HOST, "process.pid": "42"}, {}, "process:h1:42"),
    ("a process without a host identifies nothing", {"process.pid": "42"}, {}, ""),
    ("a service before its host", {**HOST, **SERVICE}, {}, "service:shop/checkout"),
    ("a service before its process", {**HOST, **SERVICE, "process.pid": "42"}, {}, "service:shop/checkout"),
    ("a service without a namespace", {"service.name": "checkout"}, {}, "service:checkout"),
    ("an unnamed service is its process", {**HOST, "service.name": "unknown_service:python", "process.pid": "4"}, {},
     "process:h1:4"),
    ("a model before the service that serves it", {**SERVICE, **MODEL}, {}, "model:fraud"),
    ("a model named by the point", {**SERVICE}, MODEL, "model:fraud"),
    ("the point's model before the resource's", {"wellkept.model.name": "churn"}, MODEL, "model:fraud"),
    ("a feature of a model", SERVICE, {**MODEL, "wellkept.feature.name": "amount"}, "feature:fraud/amount"),
    ("a filesystem before everything", {**HOST, **SERVICE, **MODEL}, MOUNT, "disk:h1:/data"),
    ("a filesystem in the older word", HOST, {"mountpoint": "/data"}, "disk:h1:/data"),
    ("a container by its path", POD, {}, "container:shop/web-1/app"),
    ("a pod", {"k8s.namespace.name": "shop", "k8s.pod.name": "web-1"}, {}, "container:shop/web-1"),
    ("a pod without a namespace", {"k8s.pod.name": "web-1"}, {}, "container:web-1"),
    ("a quota", {"k8s.namespace.name": "shop", "k8s.resourcequota.name": "rq"}, {}, "container:shop/rq"),
    ("a volume of a cluster", {"k8s.persistentvolume.name": "pv-7"}, {}, "container:pv-7"),
    ("a job", {"k8s.namespace.name": "shop", "k8s.job.name": "migrate-2"}, {}, "container:shop/migrate-2"),
    ("a run of a CronJob", {"k8s.namespace.name": "shop", "k8s.job.name": "backup-29401200"}, {},
     "container:shop/backup"),
    ("a deployment", {"k8s.namespace.name": "shop", "k8s.deployment.name": "web"}, {}, "container:shop/web"),
    ("a volume claim before the pod that uses it", {**POD, "k8s.persistentvolumeclaim.name": "data-0"}, {},
     "container:shop/data-0"),
    ("a pod before who runs it", {**POD, "k8s.deployment.name": "web"}, {}, "container:shop/web-1/app"),
    ("a node of Kubernetes is a host", {"k8s.node.name": "n1"}, {}, "host:n1"),
    ("a pod before its node", {**POD, "k8s.node.name": "n1"}, {}, "container:shop/web-1/app"),
    ("a namespace", {"k8s.namespace.name": "shop"}, {}, "container:shop"),
    ("a container that nobody runs in", {"k8s.container.name": "app"}, {}, ""),
    ("a service before its container", {**SERVICE, **POD}, {}, "service:shop/checkout"),
    ("a host before what runs on it", {**HOST, **POD}, {}, "host:h1"),
    ("a filesystem of no host falls to the service", SERVICE, MOUNT, "service:shop/checkout"),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "point", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_the_most_specific_thing_wins(resource: dict[str, str], point: dict[str, str], expected: str) -> None:
    assert entity_of(resource, point) == expected


@given(st.permutations(list({**HOST, **SERVICE, **MODEL, "process.pid": "1"}.items())))
def test_the_order_of_attributes_does_not_matter(items: list[tuple[str, str]]) -> None:
    assert entity_of(dict(items)) == "model:fraud"


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (EntityKind.SERVICE, service_id("a")),
        (EntityKind.HOST, host_id("a")),
        (EntityKind.PROCESS, process_id("a", "1")),
        (EntityKind.DISK, disk_id("a", "/")),
        (EntityKind.MODEL, model_id("a")),
        (EntityKind.FEATURE, feature_id("a", "b")),
        (EntityKind.DEPLOYMENT, deployment_id("a")),
    ],
)
def test_an_id_begins_with_its_kind(kind: EntityKind, found: str) -> None:
    assert found.startswith(f"{kind}:")

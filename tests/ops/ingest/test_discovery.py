"""Discovery: what telemetry says exists, and what depends on what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.store.fixtures import state_in
from tests.store.telemetry.scenes import CUMULATIVE, at, put_metric, put_span
from tests.store.telemetry.test_resources import report

from wellkept.kernel.entity import EdgeKind, EntityKind
from wellkept.ops.ingest.discovery import MESH, SERVICE_GRAPH, Discovery, of_resource, workloads_of
from wellkept.spine.topology import Topology
from wellkept.store.telemetry.telemetry import Telemetry

HOST, PROCESS = "host:h1", "process:h1:7"
CHECKOUT, PAYMENTS = "service:shop/checkout", "service:shop/payments"


@pytest.fixture
def topology(tmp_path: Path) -> Iterator[Topology]:
    state = state_in(tmp_path / "state")
    yield Topology(state)
    state.close()


def edges(topology: Topology) -> set[tuple[str, str, EdgeKind]]:
    return {(edge.source, edge.target, edge.kind) for edge in topology.edges(at(100))}


def test_hosts_services_processes_and_what_runs_on_what(telemetry: Telemetry, topology: Topology) -> None:
    resource: dict[str, Any] = {"host_id": "h1", "host_name": "web-1", "process_pid": "7"}
    report(telemetry, 50, **resource, service_name="checkout", service_namespace="shop")
    Discovery(telemetry, topology, step_s=10).tick(at(60))
    found = {entity.id: (entity.kind, entity.name) for entity in topology.entities(None, at(60))}
    assert found == {
        HOST: (EntityKind.HOST, "web-1"),
        PROCESS: (EntityKind.PROCESS, "checkout (7)"),
        CHECKOUT: (EntityKind.SERVICE, "checkout"),
    }
    assert edges(topology) == {
        (CHECKOUT, HOST, EdgeKind.RUNS_ON),
        (CHECKOUT, PROCESS, EdgeKind.RUNS_AS),
        (PROCESS, HOST, EdgeKind.RUNS_ON),
    }


def test_what_kubernetes_names_is_there_where_nothing_else_is_named() -> None:
    pod = {"k8s.namespace.name": "shop", "k8s.pod.name": "web-1", "k8s.container.name": "app"}
    entities, links = of_resource(pod, at(60))
    assert {(one.kind, one.id, one.name) for one in entities} == {
        (EntityKind.CONTAINER, "container:shop/web-1/app", "app"),
        (EntityKind.CONTAINER, "container:shop/web-1", "web-1"),
        (EntityKind.CONTAINER, "container:shop/web", "web"),
    }
    assert {(link.source, link.target, link.kind) for link in links} == {
        ("container:shop/web-1/app", "container:shop/web-1", EdgeKind.RUNS_ON),
        ("container:shop/web", "container:shop/web-1/app", EdgeKind.RUNS_AS),
    }
    ((deployment,), links) = of_resource({"k8s.namespace.name": "shop", "k8s.deployment.name": "web"}, at(60))
    assert (deployment.id, links) == ("container:shop/web", [])
    ((service,), _) = of_resource({**pod, "service.name": "checkout"}, at(60))
    assert service.kind is EntityKind.SERVICE


def test_a_pod_runs_on_its_node_and_a_node_is_a_host() -> None:
    pod = {"k8s.namespace.name": "shop", "k8s.pod.name": "web-7d9fc6b5d8-x2bcd", "k8s.node.name": "n1"}
    entities, links = of_resource(pod, at(60))
    assert {one.id for one in entities} == {
        "container:shop/web-7d9fc6b5d8-x2bcd", "container:shop/web", "host:n1",
    }  # fmt: skip
    assert {(link.source, link.target, link.kind) for link in links} == {
        ("container:shop/web", "container:shop/web-7d9fc6b5d8-x2bcd", EdgeKind.RUNS_AS),
        ("container:shop/web-7d9fc6b5d8-x2bcd", "host:n1", EdgeKind.RUNS_ON),
    }
    ((node,), _) = of_resource({"k8s.node.name": "n1"}, at(60))
    assert (node.kind, node.id, node.name) == (EntityKind.HOST, "host:n1", "n1")


def test_a_model_that_is_named_is_not_described_by_what_names_it() -> None:
    assert of_resource({"wellkept.model.name": "fraud", "k8s.namespace.name": "shop"}, at(60)) == ([], [])


def test_a_service_runs_as_the_workload_of_its_name() -> None:
    there = ["service:shop/web", "container:shop/web", "service:web", "service:shop/cart", "container:pay/cart"]
    assert [(link.source, link.target, link.kind) for link in workloads_of(there, at(60))] == [
        ("service:shop/web", "container:shop/web", EdgeKind.RUNS_AS)
    ]


def test_calls_between_services(telemetry: Telemetry, topology: Topology) -> None:
    put_span(telemetry, "shop/checkout", 50, 0.3, kind="Client", span=2)
    put_span(telemetry, "shop/payments", 50, 0.2, span=3, parent=2)
    Discovery(telemetry, topology, step_s=10).tick(at(60))
    assert (CHECKOUT, PAYMENTS, EdgeKind.CALLS) in edges(topology)


def test_calls_that_a_mesh_or_a_service_graph_counts(telemetry: Telemetry, topology: Topology) -> None:
    report(telemetry, 50, service_name="payments", service_namespace="shop")
    grown, idle = [(20.0, 5.0), (50.0, 9.0), (140.0, 20.0)], [(20.0, 5.0), (50.0, 5.0)]
    graph = {"service": "collector", "name": SERVICE_GRAPH, "kind": CUMULATIVE}
    put_metric(telemetry, grown, labels={"client": "checkout", "server": "payments"}, **graph)
    put_metric(telemetry, idle, labels={"client": "checkout", "server": "old"}, **graph)
    itself = {"client": "payments", "server": "payments", "server_service_namespace": "shop"}
    put_metric(telemetry, grown, labels=itself, **graph)
    put_metric(
        telemetry, grown, labels={"client": "user", "server": "checkout", "connection_type": "virtual_node"}, **graph
    )
    named = {"source_canonical_service": "checkout", "source_workload_namespace": "shop"}
    put_metric(telemetry, grown, service="bank", name=MESH, kind=CUMULATIVE, labels=named)
    put_metric(telemetry, grown, service="bank", name=MESH, kind=CUMULATIVE, labels={"source_workload": "unknown"})
    put_metric(telemetry, grown, service="bank", name=MESH, kind=CUMULATIVE, labels={"source_workload": "bank"})
    discovery = Discovery(telemetry, topology, step_s=10)
    for second in (60, 100, 145):
        discovery.tick(at(second))
    calls = {(source, target) for source, target, kind in edges(topology) if kind is EdgeKind.CALLS}
    assert calls == {(CHECKOUT, PAYMENTS), (CHECKOUT, "service:bank")}, "one known service is called so"
    told = {one.id: one.attributes for one in topology.entities(EntityKind.SERVICE, at(145))}
    assert (bool(told[PAYMENTS]), told[CHECKOUT]) == (True, {}), "who has said more of itself stays as it is"


def test_a_call_that_came_soon_after_a_look_is_seen_by_the_next_one(telemetry: Telemetry, topology: Topology) -> None:
    """Spans are looked at every ten seconds, other things at each turn."""
    discovery = Discovery(telemetry, topology, step_s=10)
    discovery.tick(at(60))
    put_span(telemetry, "shop/checkout", 61, 0.3, kind="Client", span=2)
    put_span(telemetry, "shop/payments", 61, 0.2, span=3, parent=2)
    discovery.tick(at(64))
    assert (CHECKOUT, PAYMENTS, EdgeKind.CALLS) not in edges(topology)
    discovery.tick(at(70))
    assert (CHECKOUT, PAYMENTS, EdgeKind.CALLS) in edges(topology)


def test_a_clock_that_goes_back_keeps_nothing_from_being_seen(telemetry: Telemetry, topology: Topology) -> None:
    discovery = Discovery(telemetry, topology, step_s=10)
    discovery.tick(at(3600))
    put_span(telemetry, "shop/checkout", 50, 0.3, kind="Client", span=2)
    put_span(telemetry, "shop/payments", 50, 0.2, span=3, parent=2)
    discovery.tick(at(60))
    assert (CHECKOUT, PAYMENTS, EdgeKind.CALLS) in edges(topology)


def test_disks_from_their_filesystem(telemetry: Telemetry, topology: Topology) -> None:
    put_metric(telemetry, [(50, 1)], name="system.filesystem.usage", labels={"system_filesystem_mountpoint": "/data"})
    discovery = Discovery(telemetry, topology, step_s=10)
    discovery.tick(at(60))
    assert topology.entities(EntityKind.DISK, at(60)) == []  # the resource named no host


def test_what_was_seen_stays_and_what_is_new_is_added(telemetry: Telemetry, topology: Topology) -> None:
    discovery = Discovery(telemetry, topology, step_s=10)
    report(telemetry, 0, host_id="h1")
    discovery.tick(at(10))
    report(telemetry, 200, host_id="h2")
    discovery.tick(at(210))
    assert {entity.id for entity in topology.entities(EntityKind.HOST, at(210))} == {"host:h1", "host:h2"}


def test_nothing_seen_is_nothing_said(telemetry: Telemetry, topology: Topology) -> None:
    Discovery(telemetry, topology, step_s=10).tick(at(60))
    assert topology.entities(None, at(60)) == []


def test_a_resource_that_names_nothing() -> None:
    assert of_resource({}, at(0)) == ([], [])
    assert of_resource({"service.name": "unknown_service:java", "process.pid": "7"}, at(0)) == ([], [])

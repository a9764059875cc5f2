"""Whom labels speak of: what is known by its id already comes first, and what every host says of itself is no name."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.ops.ingest.outside import Outside

from wellkept.kernel.entity import Entity, EntityKind
from wellkept.ops.ingest.identity import bare_host

CASES: list[tuple[Mapping[str, str], str]] = [
    ({"service": "checkout"}, "service:checkout"),
    ({"service": "checkout", "namespace": "prod"}, "service:checkout"),
    ({"service": "payments"}, "service:shop/payments"),
    ({"service": "payments", "namespace": "shop"}, "service:shop/payments"),
    ({"service": "payments", "namespace": "staging"}, "service:staging/payments"),
    ({"service": "twice"}, "service:twice"),
    ({"service": "twice", "namespace": "us"}, "service:us/twice"),
    ({"service": "new"}, "service:new"),
    ({"service.name": "unknown_service:python", "job": "checkout"}, "service:checkout"),
    ({"app": "new", "job": "checkout"}, "service:checkout"),
    ({"pod": "checkout-7d4b9c6f5-x2x9z", "namespace": "prod"}, "service:checkout"),
    ({"pod": "cart-0", "namespace": "shop"}, "service:shop/cart"),
    ({"pod": "collector-x2b9z"}, "service:collector"),
    ({"pod": "my-agent"}, ""),
    ({"job": "checkout", "instance": "10.0.0.5:8080"}, "service:checkout"),
    ({"job": "scraped", "instance": "10.0.0.5:8080"}, "service:scraped"),
    ({"job": "scraped", "instance": "web-1:8080"}, "host:4c4c-web-1"),
    ({"job": "node", "instance": "web-1:9100"}, "host:4c4c-web-1"),
    ({"job": "node", "instance": "WEB-1.example.com:9100"}, "host:4c4c-web-1"),
    ({"job": "node", "instance": "10.1.2.3:9100", "node": "db"}, "host:4c4c-db"),
    (
        {"job": "node-exporter", "service": "node-exporter", "pod": "node-exporter-x2b9z", "instance": "db:9100"},
        "host:4c4c-db",
    ),
    ({"job": "node", "instance": "web-1:9100", "mountpoint": "/data"}, "disk:4c4c-web-1:/data"),
    ({"job": "node", "instance": "unheard:9100", "mountpoint": "/"}, "disk:unheard:/"),
    (
        {"job": "kube-state-metrics", "service": "ksm", "instance": "10.0.0.9:8080", "deployment": "checkout"},
        "service:checkout",
    ),
    ({"job": "kube-state-metrics", "instance": "10.0.0.9:8080", "node": "db"}, "host:4c4c-db"),
    ({"job": "blackbox", "instance": "https://web-1.example.com/health"}, "host:4c4c-web-1"),
    ({"host": "twin"}, "host:twin"),
    ({"host_id": "two", "host": "twin"}, "host:two"),
    ({"hostname": "10.9.8.7"}, "host:10.9.8.7"),
    ({"instance": "localhost:9100"}, ""),
    ({"instance": "127.0.0.1:9100"}, ""),
    ({"instance": "[::1]:9100"}, ""),
    ({"instance": "localhost:9100", "mountpoint": "/data"}, ""),
    ({"model_name": "fraud"}, "model:fraud"),
    ({"model_name": "fraud", "feature": "amount"}, "feature:fraud/amount"),
    ({"model": "SAMSUNG MZ7", "instance": "db:9633"}, "host:4c4c-db"),
    ({"wellkept_model_name": "new"}, "model:new"),
    ({"severity": "critical", "cluster": "eu"}, ""),
    ({}, ""),
]


@pytest.mark.parametrize(("labels", "entity"), CASES, ids=lambda value: str(value)[:60])
def test_the_entity_that_labels_speak_of(labels: Mapping[str, str], entity: str, world: Outside) -> None:
    assert world.identity.entity_of(labels) == entity


def test_the_order_of_labels_says_nothing(world: Outside) -> None:
    labels = {"job": "scraped", "app": "new", "pod": "checkout-7d4b9c6f5-x2x9z", "instance": "db:1"}

    assert world.identity.entity_of(labels) == world.identity.entity_of(dict(reversed(labels.items())))


def test_what_becomes_known_is_found_within_seconds(world: Outside) -> None:
    assert world.identity.entity_of({"host": "late"}) == "host:late"
    host = Entity(EntityKind.HOST, "host:4c4c-late", "late", {"host.name": "late"})
    world.identity._places.observe([host], [], world.now)  # type: ignore[attr-defined]

    world.later(seconds=11)

    assert world.identity.entity_of({"host": "late"}) == "host:4c4c-late"


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("web-1:9100", "web-1"),
        ("web-1", "web-1"),
        ("http://web-1:80/x?y=z", "web-1"),
        ("[2001:db8::1]:9100", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("https://u:p@web-1/", "web-1"),
        ("10.0.0.1:1", "10.0.0.1"),
        ("0.0.0.0:80", ""),
        ("localhost.localdomain", ""),
        ("LOCALHOST", ""),
        ("", ""),
        (":9100", ""),
    ],
)
def test_a_host_out_of_what_is_written(written: str, host: str) -> None:
    assert bare_host(written) == host

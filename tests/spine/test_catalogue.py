"""Whose things are and how much rests on them; and how bad an incident is, from both."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spine.scene import NOON, finding

from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.errors import DocumentError
from wellkept.kernel.finding import Finding, Severity
from wellkept.spine.backstage import Described, Ids, edges_among
from wellkept.spine.catalogue import Catalogue, CatalogueSettings, Entry, of_attributes, reach_of, severity_of
from wellkept.spine.graph import Graph
from wellkept.spine.severity import tier_of
from wellkept.spine.topology import Topology
from wellkept.store.state.state import State

CATALOG_INFO = """
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: payments
  labels: {tier: tier-1}
spec: {type: service, lifecycle: production, owner: "group:default/team-pay", dependsOn: ["resource:ledger"]}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: ledger, annotations: {wellkept.io/entity: "database:*/ledger"}}
spec: {type: database, owner: "user:jane"}
---
kind: Group
apiVersion: backstage.io/v1alpha1
metadata: {name: team-pay}
---
kind: Deployment
apiVersion: apps/v1
metadata: {name: payments}
"""


def service(name: str, **attributes: str) -> Entity:
    return Entity(EntityKind.SERVICE, f"service:{name}", name, attributes)


def chain(*names: str) -> Graph:
    """Each of the names calls the next."""
    pairs = itertools.pairwise(names)
    edges = [Edge(f"service:{a}", f"service:{b}", EdgeKind.CALLS, NOON) for a, b in pairs]
    return Graph([service(name) for name in names], edges)


def about(entity: str, severity: Severity = Severity.ERROR) -> Finding:
    return replace(finding(entity), entity=entity, severity=severity)


def test_the_first_entry_that_says_something_counts_for_owner_and_tier_each() -> None:
    entries = (
        Entry(match="service:shop/check*", tier=1),
        Entry(match="service:shop/*", owner="shop", tier=2),
        Entry(match="*", owner="ops"),
    )
    catalogue = Catalogue(CatalogueSettings(entries=entries))

    assert (catalogue.owner("service:shop/checkout"), catalogue.tier("service:shop/checkout")) == ("shop", 1)
    assert (catalogue.owner("host:h1"), catalogue.tier("host:h1")) == ("ops", 3)


def test_backstage_tells_owners_tiers_and_dependencies(tmp_path: Path, state: State) -> None:
    (tmp_path / "pay").mkdir()
    (tmp_path / "pay" / "catalog-info.yaml").write_text(CATALOG_INFO)
    catalogue = Catalogue(CatalogueSettings(backstage=(tmp_path,)))
    topology = Topology(state, catalogue)
    ledger = Entity(EntityKind.DATABASE, "database:pg/ledger", "ledger")
    topology.observe([service("shop/payments"), ledger], [], NOON)

    found = topology.entity("service:shop/payments")
    assert found is not None
    assert (found.owner, found.criticality) == ("team-pay", 1)
    assert catalogue.owner("database:pg/ledger") == "jane"
    assert topology.graph(NOON).dependencies("service:shop/payments") == {"database:pg/ledger": 1}
    assert catalogue.owner("service:other") == ""


@pytest.mark.parametrize(
    ("source", "target", "kind"),
    [
        ("service:pay", "database:pg/ledger", EdgeKind.CALLS),
        ("service:pay", "host:h1", EdgeKind.RUNS_ON),
        ("pipeline:nightly", "dataset:orders", EdgeKind.READS),
        ("model:fraud", "dataset:orders", EdgeKind.TRAINED_ON),
        ("service:pay", "pipeline:nightly", EdgeKind.FED_BY),
    ],
)
def test_the_kinds_of_both_ends_tell_how_one_depends_on_the_other(source: str, target: str, kind: EdgeKind) -> None:
    told = Described(Ids("", re.escape(source)), "", None, (Ids("", re.escape(target)),))

    assert [(edge.source, edge.target, edge.kind) for edge in edges_among([told], [source, target])] == [
        (source, target, kind)
    ]


def test_an_entry_tells_what_its_entities_depend_on() -> None:
    entry = Entry(match="service:shop/*", depends_on=("service:bank/ledger", "database:*/orders", "host:db-?"))
    catalogue = Catalogue(CatalogueSettings(entries=(entry,)))
    asked = {"service:bank/ledger": EdgeKind.CALLS, "database:pg/orders": EdgeKind.CALLS, "host:db-1": EdgeKind.RUNS_ON}
    services = ["service:shop/web", "service:shop/cart"]
    found = {(edge.source, edge.target, edge.kind) for edge in catalogue.declared([*services, *asked, "host:db-12"])}
    assert found == {(source, target, kind) for source in services for target, kind in asked.items()}
    assert (catalogue.owner("service:shop/web"), catalogue.tier("service:shop/web")) == ("", 3)


@pytest.mark.parametrize(("text", "rule"), [("a: [", "is not YAML"), (None, "neither a file nor a folder")])
def test_a_descriptor_that_cannot_be_read_is_named(tmp_path: Path, text: str | None, rule: str) -> None:
    file = tmp_path / "catalog-info.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(DocumentError, match=rule):
        Catalogue(CatalogueSettings(backstage=(file,)))


def test_what_telemetry_carries_counts_where_nobody_wrote_something() -> None:
    assert of_attributes({"team": "shop", "service.criticality": "Critical"}) == ("shop", 1)
    assert of_attributes({"wellkept.tier": "9"}) == ("", None)
    catalogue = Catalogue(CatalogueSettings(entries=(Entry(match="service:*", owner="ops"),)))
    described = catalogue.describe(service("cart", team="cart-team", **{"service.criticality": "low"}))
    assert (described.owner, described.criticality) == ("ops", 4)


@given(st.integers(1, 5), st.sampled_from(["{}", "tier{}", "Tier {}", "tier-{}", "tier_{}"]))
def test_tiers_are_read_as_people_write_them(tier: int, form: str) -> None:
    assert tier_of(form.format(tier)) == tier


def test_a_feature_and_a_disk_belong_to_whom_their_model_and_their_host_belong() -> None:
    entries = (Entry(match="model:fraud", owner="risk", tier=1), Entry(match="host:h1", owner="infra"))
    catalogue = Catalogue(CatalogueSettings(entries=entries))

    assert (catalogue.owner("feature:fraud/amount"), catalogue.tier("feature:fraud/amount")) == ("risk", 1)
    assert catalogue.owner("disk:h1:/data") == "infra"


def test_who_was_asked_about_before_its_host_was_seen_belongs_to_whom_the_host_does() -> None:
    catalogue, disk = Catalogue(), "disk:web-1/data"
    assert (catalogue.owner(disk), catalogue.tier(disk)) == ("", 3)
    catalogue.describe(Entity(EntityKind.HOST, "host:web-1", "web-1", owner="team-web", criticality=1))
    assert (catalogue.owner(disk), catalogue.tier(disk)) == ("team-web", 1)
    catalogue.describe(Entity(EntityKind.HOST, "host:web-1", "web-1", owner="team-data", criticality=2))
    assert (catalogue.owner(disk), catalogue.tier(disk)) == ("team-data", 2)


def test_a_disk_is_of_whom_its_host_says_it_is(state: State) -> None:
    topology = Topology(state, catalogue := Catalogue())
    disk = Entity(EntityKind.DISK, "disk:h1:/data", "/data")
    host = Entity(EntityKind.HOST, "host:h1", "h1", {"team": "infra", "tier": "2"})
    topology.observe([disk, host], [], NOON)

    graph = topology.graph(NOON)

    assert (graph.entities["disk:h1:/data"].owner, catalogue.tier("disk:h1:/data")) == ("infra", 2)


def test_reach_is_what_depends_on_it_and_who_faces_users() -> None:
    graph = chain("web", "checkout", "payments", "db")
    reach = reach_of(graph, ["service:db", ""])

    assert reach.services == ("service:payments", "service:checkout", "service:web")
    assert reach.fronts == ("service:web",)


def test_severity_is_that_of_the_worst_finding_where_nothing_special_rests_on_it() -> None:
    found = [about("service:db", Severity.WARNING), about("service:db", Severity.ERROR)]
    severity, why = severity_of(found, Catalogue(), reach_of(chain("web", "db"), ["service:db"]))

    assert severity is Severity.ERROR
    assert why == "error, the worst of 2 findings; 1 service (1 of them facing users) depends on it"


@pytest.mark.parametrize(
    ("vital", "why"),
    [
        ("service:db", "raised to critical, because db is of tier 1 and 1 service"),
        ("service:web", "raised to critical, because web, which is of tier 1, depends on it"),
    ],
)
def test_what_is_vital_makes_it_a_step_worse(vital: str, why: str) -> None:
    catalogue = Catalogue(CatalogueSettings(entries=(Entry(match=vital, tier=1),)))
    severity, said = severity_of([about("service:db")], catalogue, reach_of(chain("web", "db"), ["service:db"]))

    assert severity is Severity.CRITICAL
    assert why in said


def test_many_that_depend_on_it_make_it_a_step_worse() -> None:
    services = [service(f"s{n}") for n in range(5)]
    graph = Graph(services, [Edge(one.id, "service:db", EdgeKind.CALLS, NOON) for one in services])
    severity, said = severity_of([about("service:db", Severity.WARNING)], Catalogue(), reach_of(graph, ["service:db"]))

    assert severity is Severity.ERROR
    assert said.endswith("because 5 services (5 of them facing users) depend on it")


def test_what_nobody_would_notice_is_a_step_better() -> None:
    catalogue = Catalogue(CatalogueSettings(entries=(Entry(match="service:batch", tier=5),)))
    severity, _ = severity_of([about("service:batch")], catalogue, reach_of(chain("batch"), ["service:batch"]))
    reached, _ = severity_of([about("service:batch")], catalogue, reach_of(chain("web", "batch"), ["service:batch"]))

    assert (severity, reached) == (Severity.WARNING, Severity.ERROR)


@given(st.lists(st.sampled_from(Severity), min_size=1, max_size=5), st.integers(1, 5))
def test_it_is_never_more_than_a_step_from_its_worst_finding(severities: list[Severity], tier: int) -> None:
    catalogue = Catalogue(CatalogueSettings(entries=(Entry(match="*", tier=tier),)))
    found = [about("service:db", severity) for severity in severities]
    severity, why = severity_of(found, catalogue, reach_of(chain("web", "db"), ["service:db"]))

    assert abs(severity - max(severities)) <= 1
    assert why.startswith(max(severities).name.lower())
    assert severity is Severity.INFO or max(severities) > Severity.INFO

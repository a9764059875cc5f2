"""What is one problem and what is not, and that the order of arrival has no say in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.grouper import group
from wellkept.spine.graph import Graph

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SETTINGS = CorrelateSettings()
HOST, DISK = "host:h1", "disk:h1:/logs"
CHECKOUT, PAYMENTS, FEATURES = "service:shop/checkout", "service:shop/payments", "service:shop/features"
OTHER = "service:crm/web"
MODEL, DEPLOYMENT, FEATURE = "model:fraud", "deployment:fraud", "feature:fraud/amount_7d"
EDGES = (
    (CHECKOUT, PAYMENTS, EdgeKind.CALLS),
    (PAYMENTS, FEATURES, EdgeKind.CALLS),
    (FEATURE, FEATURES, EdgeKind.FED_BY),
    (MODEL, FEATURE, EdgeKind.READS),
    (MODEL, DEPLOYMENT, EdgeKind.SERVED_BY),
    *((name, HOST, EdgeKind.RUNS_ON) for name in (CHECKOUT, PAYMENTS, FEATURES, OTHER, DISK, DEPLOYMENT)),
)
ENTITIES = (HOST, DISK, CHECKOUT, PAYMENTS, FEATURES, OTHER, MODEL, DEPLOYMENT, FEATURE)


def shop() -> Graph:
    entities = [Entity(EntityKind(name.partition(":")[0]), name, name) for name in ENTITIES]
    return Graph(entities, [Edge(a, b, kind, NOON) for a, b, kind in EDGES])


def finding(
    entity: str,
    at_s: float = 0.0,
    *,
    kind: FindingKind = FindingKind.ANOMALY,
    signal: str = "latency",
    severity: Severity = Severity.ERROR,
    resource: str = "",
    lasts_s: float | None = None,
    score: float = 0.5,
) -> Finding:
    start = NOON + timedelta(seconds=at_s)
    return Finding(
        fingerprint=fingerprint("test", entity, signal),
        detector="test",
        detector_version="1",
        entity=entity,
        kind=kind,
        severity=severity,
        score=score,
        score_meaning="of a test",
        starts_at=start,
        sentence=f"{signal} of {entity} is bad",
        ends_at=None if lasts_s is None else start + timedelta(seconds=lasts_s),
        attributes={"resource": resource},
    )


def grouped(*findings: Finding) -> set[frozenset[str]]:
    return {frozenset(f.entity for f in part.findings) for part in group(findings, shop(), SETTINGS)}


def test_a_service_and_its_callee_are_one_problem_and_it_says_why() -> None:
    parts = group([finding(CHECKOUT, 20), finding(PAYMENTS)], shop(), SETTINGS)
    assert len(parts) == 1
    assert [f.entity for f in parts[0].findings] == [PAYMENTS, CHECKOUT]
    assert [why.sentence for why in parts[0].why.values()] == [
        "the first sign",
        "shop/checkout depends on shop/payments, and they began 20 s apart",
    ]


def test_two_hops_are_named_step_by_step() -> None:
    part = group([finding(FEATURES), finding(CHECKOUT, 30)], shop(), SETTINGS)[0]
    assert part.why[part.findings[1].id].sentence == (
        "shop/checkout depends on shop/features (through shop/payments), and they began 30 s apart"
    )


def test_a_shared_host_does_not_make_two_problems_one() -> None:
    assert grouped(finding(CHECKOUT), finding(OTHER)) == {frozenset({CHECKOUT}), frozenset({OTHER})}


def test_a_host_with_a_finding_of_its_own_does() -> None:
    cpu = finding(HOST, signal="cpu", resource="cpu")
    assert grouped(finding(CHECKOUT), finding(OTHER), cpu) == {frozenset({CHECKOUT, OTHER, HOST})}


def test_a_filling_disk_and_a_leak_on_one_host_are_two_problems() -> None:
    disk = finding(DISK, kind=FindingKind.FORECAST, signal="disk", resource="disk")
    leak = finding(CHECKOUT, kind=FindingKind.FORECAST, signal="memory", resource="memory")
    busy = finding(HOST, signal="cpu", resource="cpu")
    assert grouped(disk, leak) == {frozenset({DISK}), frozenset({CHECKOUT})}
    assert grouped(disk, leak, busy) == {frozenset({DISK}), frozenset({CHECKOUT}), frozenset({HOST})}


def test_a_leak_and_the_memory_of_its_host_are_one() -> None:
    leak = finding(CHECKOUT, kind=FindingKind.FORECAST, signal="memory", resource="memory")
    host = finding(HOST, 60, kind=FindingKind.FORECAST, signal="memory", resource="memory")
    assert grouped(leak, host) == {frozenset({CHECKOUT, HOST})}


def test_what_began_long_after_is_another_problem_unless_the_first_still_lasts() -> None:
    assert len(grouped(finding(PAYMENTS, lasts_s=60), finding(CHECKOUT, 900))) == 2
    assert len(grouped(finding(PAYMENTS), finding(CHECKOUT, 900))) == 1


def test_drift_joins_the_feature_service_that_feeds_it_also_much_later() -> None:
    slow = finding(FEATURES, lasts_s=300)
    drift = finding(FEATURE, 1500, kind=FindingKind.DRIFT, signal="psi")
    scores = finding(MODEL, 1600, kind=FindingKind.DRIFT, signal="score")
    assert grouped(slow, drift, scores) == {frozenset({FEATURES, FEATURE, MODEL})}


def test_a_sick_model_host_takes_the_model_with_it() -> None:
    cpu = finding(HOST, signal="cpu", resource="cpu")
    assert grouped(cpu, finding(MODEL, 200, kind=FindingKind.PERFORMANCE, signal="latency")) == {
        frozenset({HOST, MODEL})
    }


def test_findings_about_nothing_never_merge() -> None:
    parts = group([finding("", signal=name) for name in ("a", "b", "c")], shop(), SETTINGS)
    assert [len(part.findings) for part in parts] == [1, 1, 1]


def test_what_is_together_stays_together() -> None:
    a, b = finding(CHECKOUT), finding(OTHER)
    assert len(group([a, b], shop(), SETTINGS, [[a.id, b.id]])) == 1


anything = st.builds(
    finding,
    st.sampled_from(["", *ENTITIES]),
    st.integers(0, 2000).map(float),
    kind=st.sampled_from([FindingKind.ANOMALY, FindingKind.FORECAST, FindingKind.DRIFT, FindingKind.MISSING_DATA]),
    signal=st.sampled_from("abc"),
    resource=st.sampled_from(["", "cpu", "memory", "disk"]),
    lasts_s=st.one_of(st.none(), st.integers(1, 1000).map(float)),
)


@given(st.lists(anything, max_size=12, unique_by=lambda f: f.id), st.randoms(use_true_random=False))
def test_the_order_of_arrival_is_irrelevant(findings: list[Finding], random: object) -> None:
    mixed = list(findings)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert group(mixed, shop(), SETTINGS) == group(findings, shop(), SETTINGS)


@given(st.lists(anything, max_size=12, unique_by=lambda f: f.id))
def test_every_finding_is_in_exactly_one_group_with_a_reason(findings: list[Finding]) -> None:
    parts = group(findings, shop(), SETTINGS)
    assert sorted(f.id for part in parts for f in part.findings) == sorted(f.id for f in findings)
    for part in parts:
        assert {f.id for f in part.findings} == part.why.keys()
        assert all(why.sentence != "was grouped before" for why in part.why.values())
        assert len(part.findings) == 1 or all(f.entity for f in part.findings)

"""The partition depends on the set of findings and what was said of them, whatever came when, went, or was late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.ops.correlate.test_groups import (
    CHECKOUT,
    ENTITIES,
    FEATURES,
    HOST,
    NOON,
    OTHER,
    PAYMENTS,
    SETTINGS,
    anything,
    finding,
    shop,
)

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.kernel.incident import Tie
from wellkept.ops.correlate.grouper import Grouper, group
from wellkept.spine.graph import Graph

Partition = set[frozenset[str]]
some_findings = st.lists(anything, max_size=14, unique_by=lambda f: f.id)
in_storms = st.lists(
    st.builds(
        finding,
        st.sampled_from(ENTITIES),
        st.integers(0, 400).map(float),
        signal=st.sampled_from("abcd"),
        lasts_s=st.integers(0, 30).map(float),
    ),
    min_size=10,
    max_size=40,
    unique_by=lambda f: f.id,
)


def made() -> Grouper:
    return Grouper(SETTINGS, shop())


def parts(grouper: Grouper) -> Partition:
    return {frozenset(f.id for f in part.findings) for part in grouper.groups(touched_only=False)}


def at_once(findings: Sequence[Finding]) -> Partition:
    return {frozenset(f.id for f in part.findings) for part in group(findings, shop(), SETTINGS)}


@given(st.one_of(some_findings, in_storms), st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_order_and_any_delay_of_arrival_give_the_same_groups(
    findings: list[Finding], random: Any, step: int
) -> None:
    mixed = list(findings)
    random.shuffle(mixed)
    grouper = made()
    for start in range(0, len(mixed), step):
        grouper.put(mixed[start : start + step])
        grouper.groups()
    assert parts(grouper) == at_once(findings)


@given(in_storms, st.data())
def test_a_finding_that_changes_or_comes_again_stands_as_if_it_had_come_so(
    findings: list[Finding], data: st.DataObject
) -> None:
    grouper, last = made(), {f.id: f for f in findings}
    grouper.put(findings)
    for _ in range(data.draw(st.integers(1, 4))):
        if data.draw(st.booleans()):
            grouper.groups()
        some = data.draw(st.lists(st.sampled_from(findings), max_size=10, unique_by=lambda f: f.id))
        how = data.draw(st.sampled_from(["over", "worse", "again"]))
        if how == "again":
            grouper.drop([f.id for f in some])
        else:
            new = {"ends_at": NOON + timedelta(seconds=450)} if how == "over" else {"severity": Severity.CRITICAL}
            last.update({f.id: replace(last[f.id], **new) for f in some})
        grouper.put([last[f.id] for f in some])
    assert parts(grouper) == at_once(list(last.values()))


@given(st.one_of(some_findings, in_storms), st.data())
def test_what_was_dropped_leaves_no_trace(findings: list[Finding], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(findings or [finding(HOST)]).map(lambda f: f.id)))
    grouper = made()
    grouper.put(findings)
    grouper.groups()
    grouper.drop(gone)
    grouper.groups()
    assert parts(grouper) == at_once([f for f in findings if f.id not in gone])


@given(st.one_of(some_findings, in_storms), st.data())
def test_to_merge_and_then_to_split_is_to_do_nothing(findings: list[Finding], data: st.DataObject) -> None:
    grouper = made()
    grouper.put(findings)
    before = [[f.id for f in part.findings] for part in grouper.groups(touched_only=False)]
    if len(before) < 2:
        return
    one, other = data.draw(st.permutations(before).map(lambda p: p[:2]))
    grouper.together([*one, *other], by="anna")
    assert any({*one, *other} <= part for part in parts(grouper))
    grouper.apart(one, other)
    assert parts(grouper) == {frozenset(part) for part in before}


@given(in_storms, st.data())
def test_a_long_life_leaves_what_its_end_alone_would_have_made(findings: list[Finding], data: st.DataObject) -> None:
    """What came, what went and came back, and what people said of it at some moment between."""
    said = [data.draw(st.sets(st.sampled_from(findings).map(lambda f: f.id), max_size=3)) for _ in range(3)]
    one, other = said[1] - said[2], said[2] - said[1]
    gone = data.draw(st.sets(st.sampled_from(findings).map(lambda f: f.id))) - set().union(*said)
    grouper, fresh = made(), made()
    for start in range(0, len(findings), 7):
        grouper.put(findings[start : start + 7])
        grouper.groups()
        grouper.drop(gone)
        if data.draw(st.booleans()):
            grouper.put(findings[: start + 7])
        if start == 7:
            grouper.together(said[0], by="anna")
            grouper.apart(one, other)
    kept = [f for f in findings if f.id not in gone]
    grouper.drop(gone)
    grouper.put(kept)
    fresh.put(kept)
    for each in (grouper, fresh):
        each.together(said[0], by="anna")
        each.apart(one, other)
    assert parts(grouper) == parts(fresh)


@given(some_findings)
def test_what_shares_nothing_never_links(findings: list[Finding]) -> None:
    """Empty labels, empty resources, empty text and empty entities are not something that is shared."""
    bare = [replace(f, entity="", kind=FindingKind.EXTERNAL, evidence=(Evidence("x", {"pod": ""}),)) for f in findings]
    for part in group(bare, shop(), SETTINGS):
        assert len(part.findings) == 1


@given(some_findings, some_findings)
def test_what_is_far_apart_in_time_never_links(early: list[Finding], late: list[Finding]) -> None:
    over = [replace(f, ends_at=f.starts_at) for f in early]
    moved = [replace(f, starts_at=f.starts_at + timedelta(days=1), ends_at=None) for f in late]
    names = {f.id for f in over}
    for part in group([*over, *moved], shop(), SETTINGS):
        assert len({f.id in names for f in part.findings}) == 1


def test_two_causes_felt_at_one_entry_stay_two_and_it_goes_to_the_nearer() -> None:
    """The gateway feels both; the one that it began right after is the one that it hangs on."""
    gateway, orders, search = "service:edge/gateway", "service:shop/orders", "service:shop/search"
    graph = Graph([], [Edge(gateway, name, EdgeKind.CALLS, NOON) for name in (orders, search)])
    found = [finding(orders, 0), finding(search, 60), finding(gateway, 62)]
    groups = group(found, graph, SETTINGS)
    assert [[f.entity for f in part.findings] for part in groups] == [[orders], [search, gateway]]


def test_an_entry_that_feels_it_first_joins_its_cause_and_no_other() -> None:
    gateway, orders, search = "service:edge/gateway", "service:shop/orders", "service:shop/search"
    graph = Graph([], [Edge(gateway, name, EdgeKind.CALLS, NOON) for name in (orders, search)])
    groups = group([finding(gateway, 0), finding(orders, 5), finding(search, 90)], graph, SETTINGS)
    assert [[f.entity for f in part.findings] for part in groups] == [[gateway, orders], [search]]


def test_an_entry_joins_a_cause_told_right_after_it_rather_than_one_that_has_been_sick_for_long() -> None:
    """A user's alert comes before the detector's step is over: what it waits for is told after it."""
    gateway, orders, search = "service:edge/gateway", "service:shop/orders", "service:shop/search"
    graph = Graph([], [Edge(gateway, name, EdgeKind.CALLS, NOON) for name in (orders, search)])
    found = [finding(orders, 0), finding(gateway, 200), finding(search, 230)]
    for arrived in (found, found[::-1]):
        groups = group(arrived, graph, SETTINGS)
        assert [[f.entity for f in part.findings] for part in groups] == [[orders], [gateway, search]]


def test_what_begins_at_the_very_same_moment_has_no_order() -> None:
    """Detectors judge step by step: a cause may be told after its effect without being later than that."""
    gateway, orders, search = "service:edge/gateway", "service:shop/orders", "service:shop/search"
    graph = Graph([], [Edge(gateway, name, EdgeKind.CALLS, NOON) for name in (orders, search)])
    calm = Severity.WARNING
    (part,) = group([finding(gateway), finding(orders, severity=calm), finding(search, severity=calm)], graph, SETTINGS)
    assert [why.tie for why in part.why.values()] == [Tie.FIRST, Tie.DEPENDS_ON, Tie.DEPENDS_ON]
    assert part.why[part.findings[1].id].sentence.startswith("edge/gateway depends on shop/")


def test_where_nobody_tells_what_depends_on_what_time_alone_ties_services() -> None:
    names = [f"service:shop/s{number}" for number in range(12)]
    entities = [Entity(EntityKind.SERVICE, name, name) for name in names]
    found = [finding(names[0]), finding(names[1], 60), finding(names[2], 400), finding(HOST, 61)]
    groups = group(found, Graph(entities, []), SETTINGS)
    assert [[f.entity for f in part.findings] for part in groups] == [[names[0], names[1]], [HOST], [names[2]]]
    assert groups[0].why[groups[0].findings[1].id].tie is Tie.SAME_TIME
    known = Graph(entities, [Edge(names[4], names[5], EdgeKind.CALLS, NOON)])
    assert len(group(found, known, SETTINGS)) == 4
    grouper = Grouper(SETTINGS, Graph(entities, []))
    grouper.put(found)
    assert len(grouper.groups()) == 3
    grouper.see(known)
    assert len(grouper.groups(touched_only=False)) == 4


def test_the_more_depend_on_one_thing_the_closer_together_they_must_fail_to_be_one() -> None:
    names = [f"service:shop/s{number}" for number in range(30)]
    graph = Graph([], [Edge(name, "database:shop", EdgeKind.CALLS, NOON) for name in names])
    assert len(group([finding(names[0]), finding(names[1], 60)], graph, SETTINGS)) == 2
    (part,) = group([finding(name, number * 0.1) for number, name in enumerate(names)], graph, SETTINGS)
    assert {why.tie for why in list(part.why.values())[1:]} == {Tie.SHARED_DEPENDENCY}


def test_inputs_that_come_with_the_requests_of_one_model_break_as_one() -> None:
    inputs = [f"feature:fraud/f{number}" for number in range(30)]
    fed, stranger = "feature:fraud/fed", "feature:churn/age"
    edges = [Edge("model:fraud", name, EdgeKind.READS, NOON) for name in (*inputs, fed)]
    edges += [Edge(fed, FEATURES, EdgeKind.FED_BY, NOON), Edge("model:churn", stranger, EdgeKind.READS, NOON)]
    graph = Graph([], edges)
    broken = [finding(name, 60.0 * (number % 7), kind=FindingKind.DRIFT) for number, name in enumerate(inputs)]

    parts = group([*broken, finding(fed), finding(stranger)], graph, SETTINGS)

    one = max(parts, key=lambda part: len(part.findings))
    assert {f.entity for f in one.findings} == set(inputs)
    assert sorted(f.entity for part in parts if part is not one for f in part.findings) == [stranger, fed]
    assert "both come with the requests of fraud" in one.why[one.findings[1].id].sentence
    late = finding(inputs[0], SETTINGS.model_onset_s + 60.0, kind=FindingKind.DRIFT)
    assert len(group([finding(inputs[1], lasts_s=60.0), late], graph, SETTINGS)) == 2


def test_inputs_that_one_source_feeds_are_judged_on_the_windows_of_models() -> None:
    inputs = [f"feature:fraud/f{number}" for number in range(2)]
    graph = Graph([], [Edge(name, FEATURES, EdgeKind.FED_BY, NOON) for name in inputs])
    (part,) = group([finding(inputs[0]), finding(inputs[1], 1800.0)], graph, SETTINGS)
    assert part.why[part.findings[1].id].tie is Tie.SHARED_DEPENDENCY


def test_the_same_signals_anew_are_another_outbreak() -> None:
    once = [finding(CHECKOUT, 0, signal=name, lasts_s=5) for name in "abcd"]
    again = [finding(CHECKOUT, 200, signal=name, lasts_s=5) for name in "abcd"]
    assert [len(part.findings) for part in group([*once, *again], shop(), SETTINGS)] == [4, 4]
    assert [len(part.findings) for part in group([*once, again[0]], shop(), SETTINGS)] == [5]


def test_alerts_of_unrelated_places_share_a_pod_or_an_address_but_not_a_host() -> None:
    def alert(entity: str, title: str = "", **labels: str) -> Finding:
        told = (Evidence("alert", labels),)
        return replace(finding(entity, kind=FindingKind.EXTERNAL), evidence=told, sentence=title or "is bad")

    def tie(a: Finding, b: Finding) -> Tie | None:
        found = group([a, b], shop(), SETTINGS)
        return list(found[0].why.values())[1].tie if len(found) == 1 else None

    assert tie(alert(OTHER, pod="web-1"), alert(PAYMENTS, pod="web-1")) is Tie.SHARED_LABELS
    assert tie(alert(OTHER, node="n1"), alert(PAYMENTS, node="n1")) is None
    refused = "connection refused by 10.0.0.7:5432"
    assert tie(alert(OTHER, refused), alert(PAYMENTS, refused + " again")) is Tie.SHARED_TEXT
    assert tie(alert(OTHER, "disk 93% full"), alert(PAYMENTS, "disk 93% full")) is None


def test_a_change_with_one_reference_ties_what_it_changed() -> None:
    grouper = made()
    changes = [Change(name, ChangeKind.DEPLOY, NOON, "ci", "new", "rollout-7") for name in (OTHER, PAYMENTS)]
    grouper.put([finding(OTHER, 60), finding(PAYMENTS, 90)])
    assert len(grouper.groups()) == 2
    grouper.see(shop(), changes)
    (part,) = grouper.groups()
    assert part.why[part.findings[1].id].tie is Tie.SHARED_CHANGE
    assert part.why[part.findings[1].id].values["shared"] == "rollout-7"


def nightly(finding: Finding) -> list[tuple[str, float]]:
    return [("nightly", 300.0)] if finding.entity in (OTHER, PAYMENTS) else []


def test_a_rule_of_the_user_ties_whatever_it_names() -> None:
    grouper = Grouper(SETTINGS, shop(), rules=nightly)
    grouper.put([finding(OTHER), finding(PAYMENTS, 60), finding(FEATURES, 900)])
    first, second = grouper.groups()
    assert [f.entity for f in first.findings] == [OTHER, PAYMENTS]
    assert first.why[first.findings[1].id].tie is Tie.RULE
    assert [f.entity for f in second.findings] == [FEATURES]
    grouper.rule_by(None)
    assert len(grouper.groups(touched_only=False)) == 3


def test_only_what_changed_is_told() -> None:
    grouper = made()
    grouper.put([finding(CHECKOUT), finding(OTHER)])
    assert len(grouper.groups()) == 2
    assert grouper.groups() == []
    grouper.put([finding(PAYMENTS, 10)])
    (part,) = grouper.groups()
    assert [f.entity for f in part.findings] == [CHECKOUT, PAYMENTS]
    assert grouper.groups() == []
    grouper.touch([finding(CHECKOUT).id, "of nobody"])
    assert [f.entity for part in grouper.groups() for f in part.findings] == [CHECKOUT, PAYMENTS]
    grouper.put([replace(finding(OTHER), sentence="worse")])
    assert [part.findings[0].sentence for part in grouper.groups()] == ["worse"]


def test_a_new_edge_groups_what_it_connects_and_leaves_the_rest() -> None:
    grouper = Grouper(SETTINGS, Graph([], []))
    grouper.put([finding(CHECKOUT), finding(PAYMENTS), finding(OTHER)])
    assert len(grouper.groups()) == 3
    grouper.see(shop())
    assert sorted(len(part.findings) for part in grouper.groups(touched_only=False)) == [1, 2]


def test_a_person_counts_before_every_reason_and_is_named() -> None:
    grouper = made()
    found = [finding(CHECKOUT), finding(PAYMENTS), finding(OTHER)]
    grouper.put(found)
    grouper.apart([found[0].id], [found[1].id])
    assert len(grouper.groups()) == 3
    grouper.together([found[0].id, found[2].id], by="anna")
    part = next(part for part in grouper.groups() if len(part.findings) == 2)
    last = part.why[part.findings[1].id]
    assert (last.tie, last.sentence, last.values) == (Tie.HAND, "put together by anna", {"by": "anna"})

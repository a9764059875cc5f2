"""What a rule would have done to the incidents that there were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.ops.correlate.noise.scenes import alert, labelled, matchers

from wellkept.kernel.finding import Finding
from wellkept.kernel.grouping import GroupRule, Require
from wellkept.ops.correlate.noise.counts import Counts
from wellkept.ops.correlate.rules import replay as replaying
from wellkept.ops.correlate.rules.replay import Replayed
from wellkept.ops.correlate.rules.rules import Key
from wellkept.spine.labels import labels_of

RACKS = GroupRule("racks", matchers("alertname=Down"), ("rack",), 600)


def tried(rule: GroupRule, findings: list[Finding], incidents: Mapping[str, list[Finding]]) -> Replayed:
    given = {incident: [finding.id for finding in found] for incident, found in incidents.items()}
    return replaying.replay(rule, findings, given, labels_of, lambda kind, labels: 5)


def test_incidents_of_one_group_would_have_been_one() -> None:
    near, late = [alert(starts=100 * n, rack="r1", n=str(n)) for n in range(3)], alert(starts=2000, rack="r1", n="9")
    found = tried(RACKS, [*near, late], {"inc-1": near[:1], "inc-2": near[1:2], "inc-9": [late]})
    assert found.merged == (("inc-1", "inc-2"),)
    assert (found.matched, found.joined, found.incidents, found.incidents_after) == (4, 1, 3, 2)
    assert (found.recall, found.precision) == (None, 0.0)
    assert (found.compression, found.compression_after) == (0.0, 0.5)


def test_a_group_that_never_had_enough_would_not_have_been_opened() -> None:
    rule = GroupRule("racks", RACKS.match, RACKS.by, 600, Require(findings=3))
    lone = [alert(starts=10 * n, rack="r2", n=f"l{n}") for n in range(2)]
    many = [alert(starts=10 * n, rack="r1", n=str(n)) for n in range(3)]
    other = alert("Else", n="x")
    found = tried(rule, [*lone, *many, other], {"inc-1": lone, "inc-2": many, "inc-3": [other]})
    assert found.not_opened == ("inc-1",)
    assert found.incidents_after == 2


def test_a_share_of_all_is_counted_over_the_topology() -> None:
    rule = GroupRule("racks", RACKS.match, RACKS.by, 600, Require(share=0.6))
    nodes = [alert(starts=n, rack="r1", n=str(n), entity=f"host:{n}") for n in range(3)]
    assert tried(rule, nodes[:2], {"inc-1": nodes[:2]}).not_opened == ("inc-1",)
    assert tried(rule, nodes, {"inc-1": nodes}).not_opened == ()


def test_a_rule_that_keeps_apart_would_have_split() -> None:
    rule = GroupRule("certs", matchers("alertname=Slow"), ("host",), against=matchers("alertname=Cert"))
    mixed = [alert("Slow", host="h"), alert("Cert", host="h"), alert("Other", host="h")]
    found = tried(rule, mixed, {"inc-1": mixed})
    assert (found.split, found.incidents_after) == (("inc-1",), 2)
    assert found.recall == 1 / 3
    elsewhere = [alert("Slow", host="h"), alert("Cert", host="other")]
    assert tried(rule, elsewhere, {"inc-1": elsewhere}).split == ()


alerts = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["r1", "r2", ""]), st.integers(0, 1500), st.integers(0, 3)),
    max_size=12,
    unique=True,
)


@given(alerts)
def test_a_rule_that_puts_together_loses_no_pair_and_splits_nothing(drawn: list[tuple[str, str, int, int]]) -> None:
    found = [
        labelled({"alertname": "Down", "n": f"{n}", "x": x, **({"rack": rack} if rack else {})}, starts)
        for x, rack, starts, n in drawn
    ]
    incidents: dict[str, list[Finding]] = {}
    for finding, (_, _, _, number) in zip(found, drawn, strict=True):
        if number:
            incidents.setdefault(f"inc-{number}", []).append(finding)
    outcome = tried(RACKS, found, incidents)
    assert outcome.recall in (None, 1.0)
    assert (outcome.split, outcome.not_opened) == ((), ())
    assert outcome.incidents_after <= outcome.incidents
    nothing = GroupRule("none", matchers("alertname=Other"))
    same = tried(nothing, found, incidents)
    assert (same.matched, same.merged, same.incidents_after) == (0, (), same.incidents)
    assert same.compression == same.compression_after


@given(
    st.lists(
        st.tuples(st.integers(0, 900), st.integers(0, 400), st.integers(0, 3), st.sampled_from("abc")), max_size=10
    ),
    st.sampled_from([Require(findings=3), Require(kinds=2), Require(entities=3), Require(share=0.6)]),
)
def test_what_is_never_enough_is_what_counting_says(drawn: list[tuple[int, int, int, str]], require: Require) -> None:
    rule = GroupRule("all", matchers("job=x"), (), 200, require)
    found = [
        replace(alert(kind, starts, starts + length, entity=f"host:{n}", job="x", n=f"{n}"), detector=f"{index}")
        for index, (starts, length, n, kind) in enumerate(sorted(drawn))
    ]
    found = list({finding.id: finding for finding in found}.values())
    outcome = tried(rule, found, {f"inc-{finding.id}": [finding] for finding in found})
    counts, enough = Counts(lambda kind, labels: 5), set[str]()
    run: list[Finding] = []
    for finding in [*found, None]:
        if run and (finding is None or (finding.starts_at - run[-1].starts_at).total_seconds() > 200):
            counts = Counts(lambda kind, labels: 5)
            for one in run:
                counts.note(Key("all", ()), one)
                if not counts.tally(Key("all", ()), rule, one.starts_at.timestamp()).lacks(rule):
                    enough |= {each.id for each in run}
            run = []
        if finding is not None:
            run.append(finding)
    assert set(outcome.not_opened) == {f"inc-{finding.id}" for finding in found if finding.id not in enough}

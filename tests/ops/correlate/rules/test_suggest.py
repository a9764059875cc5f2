"""Rules that follow from what people do: after the second like one, and only where they agreed in a place."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.ops.correlate.noise.scenes import NOON, alert, labelled

from wellkept.kernel.finding import Finding
from wellkept.kernel.grouping import DecisionKind, GroupingDecision
from wellkept.kernel.matching import Matcher
from wellkept.ops.correlate.rules.rules import GroupRules
from wellkept.ops.correlate.rules.suggest import suggest
from wellkept.spine.grouping import side_of


def decided(kind: DecisionKind, left: Finding, right: Finding, number: int = 0, by: str = "ann") -> GroupingDecision:
    at = NOON + timedelta(minutes=number)
    return GroupingDecision(f"dec-{number}", kind, at, by, side_of([left]), side_of([right]))


def merge(cluster: str, number: int, apart_s: float = 100, **more: str) -> GroupingDecision:
    place = {"cluster": cluster, **more}
    left = labelled({"alertname": "Slow", "job": "a", **place})
    right = labelled({"alertname": "Full", "job": "b", **place}, apart_s)
    return decided(DecisionKind.MERGE, left, right, number)


def test_the_second_like_merge_suggests_a_rule() -> None:
    assert suggest([merge("c1", 1)]) == []
    (found,) = suggest([merge("c1", 1, apart_s=300), merge("c2", 2)])
    assert found.rule.match == (Matcher("alertname", "=~", "Full|Slow"),)
    assert found.rule.by == ("cluster",)
    assert found.rule.window_s == 480, "half as much again as lay between them, in whole minutes"
    assert found.decisions == ("dec-1", "dec-2")
    assert found.sentence == "ann merged Full, Slow 2 times, each time with the same cluster."
    rules = GroupRules([found.rule])
    pair = [alert(name, cluster="c9") for name in ("Slow", "Full")]
    assert len({rules.key(one) for one in pair}) == 1
    assert rules.key(alert("Slow")) is None


def test_a_rule_that_stands_is_not_suggested_again() -> None:
    decisions = [merge("c1", 1), merge("c2", 2)]
    (found,) = suggest(decisions)
    assert suggest(decisions, [found.rule]) == []


def test_without_a_place_in_common_nothing_is_suggested() -> None:
    pairs = [(alert("Slow", job=f"a{n}"), alert("Full", job=f"b{n}")) for n in range(3)]
    assert suggest([decided(DecisionKind.MERGE, *pair, n) for n, pair in enumerate(pairs)]) == []


def test_what_is_always_the_same_comes_after_what_differs() -> None:
    (found,) = suggest([merge("c1", 1, env="prod"), merge("c2", 2, env="prod")])
    assert found.rule.by == ("cluster", "env")


def test_the_second_like_split_suggests_a_rule_that_keeps_apart() -> None:
    pairs = [(alert("Slow", host=f"h{n}"), alert("CertExpires", host=f"h{n}")) for n in range(2)]
    (found,) = suggest([decided(DecisionKind.SPLIT, *pair, n) for n, pair in enumerate(pairs)])
    assert found.kind is DecisionKind.SPLIT
    assert (found.rule.match, found.rule.against) == (
        (Matcher.of("alertname=CertExpires"),),
        (Matcher.of("alertname=Slow"),),
    )
    rules = GroupRules([found.rule])
    (one,), (other,) = rules.sides(alert("Slow", host="x")), rules.sides(alert("CertExpires", host="x"))
    assert one[0] == other[0]
    assert one[1] is not other[1]
    assert not rules.sides(alert("Slow"))


@given(st.permutations([merge("c1", 1), merge("c2", 2), merge("c3", 3)]))
def test_the_order_in_which_they_are_read_changes_nothing(decisions: list[GroupingDecision]) -> None:
    (found,) = suggest(decisions)
    assert found.decisions == ("dec-1", "dec-2", "dec-3")


def test_about_the_same_findings_the_last_word_counts() -> None:
    again = [merge("c1", 1), replace(merge("c1", 2), kind=DecisionKind.SPLIT), merge("c1", 3)]
    assert suggest(again) == []
    (found,) = suggest([*again, merge("c2", 4)])
    assert found.decisions == ("dec-3", "dec-4")
    assert "2 times" in found.sentence
    assert suggest([*again, replace(merge("c1", 4), kind=DecisionKind.SPLIT), merge("c2", 5)]) == []

"""Grouping rules with versions, and merges and splits by hand as constraints."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.kernel.grouping import DecisionKind, GroupingDecision, GroupRule, Require, Side, StoredRule
from wellkept.kernel.matching import Matcher
from wellkept.spine.audit import Audit
from wellkept.spine.grouping import GroupingDesk, constraints_of, standing
from wellkept.store.state.state import State

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
RULE = GroupRule("shop", (Matcher.of('team="shop"'),), ("cluster",), 600, Require(findings=2))


class Scene:
    def __init__(self, state: State) -> None:
        self.clock, self.audit = SettableClock(NOON), Audit(state)
        self.desk = GroupingDesk(state, self.audit, self.clock)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    state = state_in(tmp_path)
    yield Scene(state)
    state.close()


def finding(name: str) -> Finding:
    return Finding(
        name, "d", "1", f"host:{name}", FindingKind.EXTERNAL, Severity.ERROR, 1, "", NOON, "x",
        evidence=(Evidence(name, {"alertname": name, "team": "shop"}),),
    )  # fmt: skip


def test_a_rule_is_saved_before_anything_matches_and_keeps_its_versions(scene: Scene) -> None:
    assert scene.desk.save_rule(RULE, "ann").version == 1
    assert scene.desk.save_rule(RULE, "bob").version == 2
    assert [(one.version, one.by) for one in scene.desk.versions("shop")] == [(2, "bob"), (1, "ann")]
    scene.desk.remove_rule("shop", "ann")
    assert scene.desk.rules() == []
    with pytest.raises(NotFoundError):
        scene.desk.rule("shop")
    assert scene.desk.versions("shop")[0].removed
    assert [entry.verb for entry in scene.audit.entries()] == [
        "grouping.rule_removed", "grouping.rule_saved", "grouping.rule_saved",
    ]  # fmt: skip


def test_a_rule_of_a_file_is_taken_out_there(scene: Scene) -> None:
    scene.desk.use_files([StoredRule(RULE, 0, "file", NOON, "rules.yaml")])
    assert scene.desk.rule("shop").source == "rules.yaml"
    with pytest.raises(ConflictError, match=r"stands in rules\.yaml"):
        scene.desk.remove_rule("shop", "ann")
    scene.desk.save_rule(RULE, "ann")
    assert scene.desk.rule("shop").source == ""


def test_a_rule_that_means_everything_is_refused(scene: Scene) -> None:
    with pytest.raises(InputError, match="nearly everything"):
        scene.desk.save_rule(GroupRule("all", (Matcher.of('team=~".*"'),)), "ann")


def test_a_decision_keeps_what_can_be_learned_from(scene: Scene) -> None:
    made = scene.desk.decide(DecisionKind.MERGE, [finding("a")], [finding("b")], "ann", incidents=("inc-1", "inc-2"))
    assert made.left.labels[0]["team"] == "shop"
    found, position = scene.desk.decisions()
    assert found == [made]
    assert scene.desk.decisions(position) == ([], position)
    assert scene.desk.decisions(0, NOON + timedelta(seconds=1))[0] == []
    assert scene.desk.constraints().together == (frozenset({finding("a").id, finding("b").id}),)
    with pytest.raises(InputError, match="both sides"):
        scene.desk.decide(DecisionKind.SPLIT, [finding("a")], [], "ann")


sides = st.frozensets(st.sampled_from("abcdef"), min_size=1, max_size=3)


@given(st.lists(st.tuples(st.sampled_from(DecisionKind), sides, sides), max_size=8))
def test_about_two_findings_the_last_word_counts(
    drawn: list[tuple[DecisionKind, frozenset[str], frozenset[str]]],
) -> None:
    drawn = [(kind, left, right) for kind, left, right in drawn if not left & right]
    found = constraints_of(
        GroupingDecision(str(n), kind, NOON, "x", Side(tuple(sorted(left))), Side(tuple(sorted(right))))
        for n, (kind, left, right) in enumerate(drawn)
    )
    last: dict[frozenset[str], DecisionKind] = {}
    for kind, left, right in drawn:
        crossing = [(one, other) for one in left for other in right]
        joined = list(combinations(left | right, 2))
        last |= {frozenset(pair): kind for pair in (joined if kind is DecisionKind.MERGE else crossing)}
    for pair, kind in last.items():
        is_together = any(pair <= joined for joined in found.together)
        is_apart = any(pair & left and pair & right for left, right in found.apart)
        assert is_apart is (kind is DecisionKind.SPLIT), pair
        assert not (is_together and is_apart)


def test_a_merge_and_then_a_split_of_the_same_is_the_split() -> None:
    left, right = Side(("a", "b")), Side(("c",))
    merge, split = (GroupingDecision(kind, kind, NOON, "x", left, right) for kind in DecisionKind)
    found = constraints_of([merge, split])
    assert found.together == (frozenset("ab"),)
    assert found.apart == ((frozenset("ab"), frozenset("c")),)
    assert constraints_of([split, merge]).apart == ()


@given(st.lists(st.tuples(st.sampled_from(DecisionKind), sides, sides), max_size=8))
def test_what_stands_has_the_last_word_about_a_pair(
    drawn: list[tuple[DecisionKind, frozenset[str], frozenset[str]]],
) -> None:
    drawn = [(kind, left, right) for kind, left, right in drawn if not left & right]
    last = {frozenset((one, other)): n for n, (_, left, right) in enumerate(drawn) for one in left for other in right}
    found = standing(
        GroupingDecision(str(n), kind, NOON, "x", Side(tuple(sorted(left))), Side(tuple(sorted(right))))
        for n, (kind, left, right) in enumerate(drawn)
    )
    assert [int(one.id) for one in found] == sorted(set(last.values()))

"""Silences, windows, rules, decisions and what is held, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.ops.correlate.noise.scenes import NOON, alert, at, matchers, silence

from wellkept.kernel.grouping import DecisionKind, GroupingDecision, GroupRule, Require, Side, StoredRule
from wellkept.kernel.noise import Digest, Held, HeldFinding, HoldReason, Maintenance
from wellkept.kernel.schedule import Schedule
from wellkept.store.state.findings import FindingRows
from wellkept.store.state.grouping import GroupingRows
from wellkept.store.state.noise import NoiseRows
from wellkept.store.state.state import State

HELD = Held(HoldReason.TOO_FEW, {"rule": "r", "findings": "1 of 3"}, "rule r asks for more", None)


def test_what_is_saved_is_read_and_each_change_is_counted(state: State) -> None:
    rows = NoiseRows(state)
    assert rows.revision() == 0
    short, long = silence("a=b", identity="s-1", ends=60), silence("a!=b", 'c=~"d"', identity="s-2", ends=600)
    rows.save_silence(short, long)
    assert (rows.silence("s-2"), rows.silence("s-3")) == (long, None)
    assert rows.silences(NOON, 10) == [long, short]
    assert rows.silences(at(60), 10) == [long]
    again = Maintenance(
        "m-1",
        "m",
        "ann",
        "",
        NOON,
        ("host:a",),
        False,
        matchers("x=y"),
        schedule=Schedule("22:00", "06:00", "UTC", ("sat",)),
    )
    once = replace(again, id="m-2", schedule=None, starts_at=NOON, ends_at=at(60))
    rows.save_maintenance(again)
    rows.save_maintenance(once)
    assert (rows.maintenance(NOON, 10), rows.maintenance(at(60), 10)) == ([again, once], [again])
    assert rows.window("m-2") == once
    assert rows.revision() == 3
    rows.forget(at(3600))
    assert (rows.silences(NOON, 10), rows.maintenance(NOON, 10)) == ([], [again])


def test_what_is_held_and_how_often_it_was_told(state: State) -> None:
    rows, findings = NoiseRows(state), FindingRows(state)
    mine = alert(n="1")
    for seconds in range(3):
        findings.merge([mine], at(seconds))
    found = rows.told([mine.fingerprint])[mine.fingerprint]
    assert (found.occurrences, found.times, found.first_at, found.last_at) == (1, 3, NOON, at(2))
    held = HeldFinding(mine.id, mine.fingerprint, "", HELD, NOON)
    rows.save_held([held, replace(held, finding="fnd-2", ended_at=at(5))])
    assert rows.held(None, None, 10) == [held]
    assert len(rows.held(HoldReason.TOO_FEW, at(4), 10)) == 2
    assert rows.held_counts() == {"too_few": 1}
    assert rows.held_of([mine.id, "fnd-9"]) == {mine.id: held}


def test_digests_are_read_on(state: State) -> None:
    rows = NoiseRows(state)
    first, second = (Digest(f"d-{n}", "night", NOON, at(60), ("inc-1",), (), "x") for n in range(2))
    for digest in (first, first, second):
        rows.save_digest(digest)
    found, position = rows.digests(0, 1)
    assert found == [first]
    assert rows.digests(position, 10)[0] == [second]


def test_rules_keep_their_versions_and_decisions_their_order(state: State) -> None:
    rows = GroupingRows(state)
    rule = GroupRule("r", matchers("a=b"), ("c",), 60, Require(share=0.5), comment="why")
    assert [rows.save_rule(StoredRule(rule, 0, "ann", at(n))).version for n in range(2)] == [1, 2]
    other = rows.save_rule(StoredRule(replace(rule, name="q"), 0, "ann", NOON))
    assert [(one.rule.name, one.version) for one in rows.rules()] == [("q", 1), ("r", 2)]
    rows.save_rule(replace(other, removed=True))
    assert [one.rule.name for one in rows.rules()] == ["r"]
    assert [one.removed for one in rows.versions("q")] == [True, False]
    assert NoiseRows(state).revision() == 4
    side = Side(("fnd-1",), "inc-1", ("fp",), ("host:a",), ({"a": "b"},), (NOON,))
    made = [
        GroupingDecision(f"dec-{n}", DecisionKind.MERGE, NOON + timedelta(seconds=n), "ann", side, side)
        for n in range(3)
    ]
    for decision in made:
        rows.save_decision(decision)
    found, position = rows.decisions()
    assert found == made
    assert rows.decisions(position) == ([], position)
    assert rows.decisions(0, at(1))[0] == made[1:]

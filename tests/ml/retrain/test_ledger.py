"""Decisions stay one row for as long as they are the same; exclusions have versions, and taint what they come after."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.ml.retrain.exclusions import TAINTED, joined, taint, version_of
from wellkept.ml.retrain.ledger import Ledger
from wellkept.ml.retrain.policy import Act, Decision
from wellkept.spine.audit import Audit
from wellkept.spine.registry import ModelVersion, Registry
from wellkept.store.state.retrains import BadSpan, RetrainRows
from wellkept.store.state.state import State

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NONE = Decision("fraud", "expected_value", Act.NONE, NOW, "Not worth it: 0.001.", "not worth it", numbers={"net": -0.1})


class World:
    def __init__(self, state: State) -> None:
        self.registry, self.audit = Registry(state), Audit(state)
        self.ledger = Ledger(RetrainRows(state), self.registry, self.audit)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(State.open(tmp_path / "state.db"))


def test_the_same_decision_is_one_row_with_a_later_end_and_the_newest_numbers(world: World) -> None:
    for hour in range(5):
        said = f"Not worth it: {hour}."
        world.ledger.note(replace(NONE, at=NOW + hour * HOUR, sentence=said, numbers={"net": -float(hour)}))
    (kept,) = world.ledger.told("fraud", 10)
    assert kept["at"] == NOW.isoformat()
    assert kept["until"] == (NOW + 4 * HOUR).isoformat()
    assert kept["sentence"] == "Not worth it: 4."
    assert kept["numbers"] == {"net": -4.0}
    assert world.ledger.told("churn", 10) == []


def test_another_reason_is_another_row_and_each_retrain_is_its_own(world: World) -> None:
    decisions = [
        NONE,
        replace(NONE, action=Act.HOLD, reason="cool-down"),
        replace(NONE, action=Act.HOLD, reason="budget"),
        replace(NONE, action=Act.RETRAIN, reason="worth it"),
        replace(NONE, action=Act.RETRAIN, reason="worth it"),
        NONE,
    ]
    for hour, decision in enumerate(decisions):
        world.ledger.note(replace(decision, at=NOW + hour * HOUR))
    told = [(one["action"], one["reason"]) for one in world.ledger.told("fraud", 10)]
    assert told == [(str(one.action), one.reason) for one in reversed(decisions)]
    verbs = [entry.verb for entry in world.audit.entries() if entry.verb.startswith("retrain.")]
    assert sorted(verbs) == ["retrain.hold", "retrain.hold", "retrain.retrain", "retrain.retrain"]


def version(number: int, excluded: str = "") -> ModelVersion:
    window = f"{(NOW - 100 * HOUR).isoformat()} to {NOW.isoformat()}"
    digest = f"sha256:{number:064x}"
    lineage = {"window": window, "excluded": excluded}
    return ModelVersion("fraud", digest, NOW, digest, "onnx", digest, number=number, lineage=lineage)


def test_a_version_trained_on_what_is_later_found_bad_is_marked(world: World) -> None:
    bad = BadSpan(NOW - 50 * HOUR, NOW - 40 * HOUR, "risk_7d had no value.")
    clean = f"{bad.start.isoformat()} to {bad.end.isoformat()}"
    world.registry.register(version(1))
    world.registry.register(version(2, excluded=clean))
    world.ledger.exclude("fraud", [bad], NOW)
    marked = {one.number: one.lineage.get(TAINTED, "") for one in world.registry.versions("fraud")}
    assert marked[1].startswith("10%")
    assert "risk_7d had no value." in marked[1]
    assert marked[2] == ""
    assert [e.verb for e in world.audit.entries()] == ["version.tainted"]
    world.ledger.exclude("fraud", [bad], NOW + HOUR)
    assert len(world.ledger.versions("fraud")) == 1
    assert len(world.audit.entries()) == 1


def test_a_sliver_taints_nothing() -> None:
    assert taint(version(1), [BadSpan(NOW - HOUR / 2, NOW, "short")]) == ""
    assert taint(replace(version(1), lineage={}), [BadSpan(NOW - 50 * HOUR, NOW, "long")]) == ""


spans = st.lists(
    st.tuples(st.integers(0, 100), st.integers(0, 20)).map(
        lambda pair: BadSpan(NOW + pair[0] * HOUR, NOW + (pair[0] + pair[1]) * HOUR, "bad")
    ),
    max_size=8,
)


@given(spans, st.randoms(use_true_random=False))
def test_joined_spans_are_apart_and_cover_the_same_and_their_digest_knows_no_order(
    given_spans: list[BadSpan], random: object
) -> None:
    kept = joined(given_spans)
    assert all(a.end < b.start for a, b in itertools.pairwise(kept))
    for one in given_spans:
        assert any(big.start <= one.start and one.end <= big.end for big in kept)
    shuffled = list(given_spans)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert version_of("m", shuffled, NOW).digest == version_of("m", given_spans, NOW + HOUR).digest
    assert joined(kept) == kept

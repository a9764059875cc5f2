"""What faults do to a day."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from wellkept.ml.contract import parse_contract
from wellkept.simulate import faults
from wellkept.simulate.base import DAY_S, Plan, Seen, Told, World
from wellkept.simulate.expect import broken_expectations, false_alarms, right_finding

END = datetime(2026, 7, 6, tzinfo=UTC)
CONTRACT = """
name: shop
task: binary_classification
owner: shop
inputs: [{name: a}, {name: b, source: "service:shop/f", nullable: true}, {name: c, source: "service:shop/f"}]
metrics: {primary: roc_auc}
label: {delay_s: 86400}
"""


def plan(fault: str) -> Plan:
    return Plan((), Path(), END, 2, fault)


def world() -> World:
    """Ten rows a day, known a day later."""
    start = plan("none").start.timestamp()
    at = start - 10 * DAY_S + np.arange(700) * DAY_S / 10
    rows = np.ones((700, 3))
    label = (np.arange(700) % 2).astype(float)
    keys = np.full(700, "k", dtype=object)
    return World(parse_contract(CONTRACT), Path(), at, at + DAY_S, rows, label, keys, 100)


@pytest.mark.parametrize("fault", ["none", "drift", "no_traffic", "broken_feed"])
def test_inputs_are_served_as_they_are(fault: str) -> None:
    rows = np.ones((4, 3))
    assert (faults.served(plan(fault), world(), 40, rows) == rows).all()


def test_a_broken_pipe_spoils_one_source_for_a_while_and_leaves_the_world_as_it_is() -> None:
    rows = np.ones((4, 3))
    assert (faults.served(plan("broken_pipe"), world(), 29, rows) == 1).all()
    assert (faults.served(plan("broken_pipe"), world(), 30, rows) == [1, 0, 0]).all()
    assert (faults.served(plan("broken_pipe"), world(), 40, rows) == 1).all()
    assert (rows == 1).all()


def test_a_renamed_input_has_no_value_for_the_model() -> None:
    found = faults.served(plan("renamed"), world(), 59, np.ones((2, 3)))
    assert np.isnan(found[:, 1]).all()
    assert (found[:, [0, 2]] == 1).all()


def test_a_healthy_feed_sends_the_truth_of_each_row_once() -> None:
    sent = [faults.sent(plan("none"), world(), day) for day in range(60)]
    rows = np.concatenate([one.row for one in sent])
    assert rows.tolist() == list(range(100, 690))
    assert (np.concatenate([one.value for one in sent]) == world().label[rows]).all()


def test_a_broken_feed_sends_nothing() -> None:
    assert not len(faults.sent(plan("broken_feed"), world(), 30).row)
    assert len(faults.sent(plan("broken_feed"), world(), 29).row)


def test_a_storm_sends_all_again_as_1_and_then_the_truth() -> None:
    storm = faults.sent(plan("label_storm"), world(), 31)
    assert (storm.value == 1).all()
    assert len(storm.row) > 20 * 10
    after = faults.sent(plan("label_storm"), world(), 33)
    assert (after.value == world().label[after.row]).all()
    assert len(after.row) > 20 * 10


def test_a_clock_that_is_ahead_dates_labels_into_the_future() -> None:
    sent = faults.sent(plan("label_clock"), world(), 30)
    now = plan("label_clock").start.timestamp() + 31 * DAY_S
    assert (sent.at > now).all()


def told(*seen: Seen, retrainings: tuple[int, ...] = (), own: float = 0.8) -> Told:
    performance = {"wellkept": own, "never": 0.7, "weekly": 0.8}
    return Told("shop", list(seen), retrainings=list(retrainings), metric="roc_auc", performance=performance, weekly=8)


def seen(day: int, kind: str, cause: str = "", entity: str = "model:shop") -> Seen:
    return Seen(day, kind, "d", entity, cause, "")


def test_a_fault_must_be_found_for_what_it_is() -> None:
    right = seen(33, "data_quality", "label_feed")
    assert not broken_expectations(plan("broken_feed"), told(right))
    assert right_finding(plan("broken_feed"), told(right)) is right
    assert broken_expectations(plan("broken_feed"), told(seen(33, "drift")))
    assert broken_expectations(plan("broken_feed"), told(seen(20, "data_quality", "label_feed")))


@pytest.mark.parametrize("fault", ["broken_feed", "label_storm", "label_clock", "renamed", "no_traffic", "broken_pipe"])
def test_no_fault_may_lead_to_a_retraining(fault: str) -> None:
    before, after = told(retrainings=(5,)), told(retrainings=(5, 40))
    words = "retrained 1 times because of a fault"
    assert not any(words in one for one in broken_expectations(plan(fault), before))
    assert any(words in one for one in broken_expectations(plan(fault), after))


def test_the_clock_may_retrain_after_a_fault_but_not_while_it_lasts() -> None:
    words, storm = "because of a fault", plan("label_storm")
    for days, is_wrong in (((33,), True), ((40,), False)):
        by_clock = told(retrainings=days)
        by_clock.decisions = [{"policy": "schedule"}]
        assert is_wrong == any(words in one for one in broken_expectations(storm, by_clock))


def test_a_change_must_lead_to_one_and_it_must_help() -> None:
    drift = seen(35, "performance")
    assert not broken_expectations(plan("drift"), told(drift, retrainings=(36,)))
    assert broken_expectations(plan("drift"), told(drift))
    assert broken_expectations(plan("drift"), told(drift, retrainings=(36,), own=0.7))
    assert broken_expectations(plan("drift"), told(drift, retrainings=(36, 40, 44, 48, 52)))


def test_where_nothing_changes_little_may_happen() -> None:
    assert not broken_expectations(plan("none"), told(retrainings=(7, 14)))
    assert broken_expectations(plan("none"), told(retrainings=(7, 14, 21)))
    assert broken_expectations(plan("none"), told(own=0.78))
    alarms = [seen(day, "drift") for day in (3, 9, 40)]
    assert len(false_alarms(plan("none"), told(*alarms))) == 3
    assert broken_expectations(plan("none"), told(*alarms))
    assert len(false_alarms(plan("drift"), told(*alarms))) == 2
    told_only = Seen(3, "drift", "d", "model:shop", "", "", "info")
    assert not false_alarms(plan("none"), told(told_only))

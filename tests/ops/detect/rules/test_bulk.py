"""The life of alerts over a whole history is what it is step by step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wellkept.ops.detect.rules.base import Expression, Rule
from wellkept.ops.detect.rules.bulk import fired, step_by_step
from wellkept.ops.detect.rules.templates import compiled
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import Vector

STEP_MS = 15_000
HELD = st.sampled_from([0.0, 15.0, 20.0, 30.0, 60.0, 100.0])


def rule(for_s: float = 0.0, keep_s: float = 0.0, **labels: str) -> Rule:
    return Rule(
        "Trouble", Expression("up == 0"), 1, for_s=for_s, keep_s=keep_s,
        labels={name: compiled(text) for name, text in labels.items()},
    )  # fmt: skip


def vector(present: np.ndarray, values: np.ndarray | None = None, *, same: bool = False) -> Vector:
    labels = [(("instance", "all" if same else f"i{row}"),) for row in range(len(present))]
    return Vector(labels, np.ones(present.shape) if values is None else values, present)


FLAGS = st.integers(1, 3).flatmap(lambda rows: arrays(bool, st.tuples(st.just(rows), st.integers(1, 40))))


@settings(max_examples=300)
@given(FLAGS, HELD, HELD)
def test_bulk_equals_step_by_step(present: np.ndarray, for_s: float, keep_s: float) -> None:
    steps = Steps(1_700_000_010_000, STEP_MS, present.shape[1])
    one = rule(for_s, keep_s)
    assert fired(one, vector(present), steps) == step_by_step(one, vector(present), steps)


@settings(max_examples=100)
@given(FLAGS, HELD, HELD, st.integers(1, 3))
def test_a_limit_means_the_same_in_bulk(present: np.ndarray, for_s: float, keep_s: float, limit: int) -> None:
    steps = Steps(0, STEP_MS, present.shape[1])
    one = rule(for_s, keep_s)
    assert fired(one, vector(present), steps, limit) == step_by_step(one, vector(present), steps, limit)


@given(FLAGS, HELD)
def test_labels_that_follow_the_value_mean_the_same_in_bulk(present: np.ndarray, for_s: float) -> None:
    steps = Steps(0, STEP_MS, present.shape[1])
    one = rule(for_s, level="{{ if gt $value 1.5 }}high{{ else }}low{{ end }}")
    values = np.where(np.arange(present.shape[1]) % 3 == 0, 2.0, 1.0) * np.ones(present.shape)
    assert fired(one, vector(present, values), steps) == step_by_step(one, vector(present, values), steps)


@given(FLAGS)
def test_series_that_come_down_to_the_same_labels_are_an_error_at_their_steps(present: np.ndarray) -> None:
    steps = Steps(0, STEP_MS, present.shape[1])
    alike = vector(present, same=True)
    assert fired(rule(), alike, steps) == step_by_step(rule(), alike, steps)


def test_an_alert_fires_when_it_has_held_for_long_enough() -> None:
    present = np.array([[0, 1, 1, 1, 1, 0, 1, 0]], dtype=bool)
    (one,) = fired(rule(for_s=30), vector(present), Steps(0, STEP_MS, 8))
    assert (one.active_ms, one.fired_ms, one.last_ms, one.is_open) == (15_000, 45_000, 60_000, False)
    assert dict(one.labels) == {"alertname": "Trouble", "instance": "i0"}


def test_keep_firing_for_bridges_gaps() -> None:
    present = np.array([[1, 0, 0, 1, 0, 0, 0, 0, 0]], dtype=bool)
    found = fired(rule(keep_s=45), vector(present), Steps(0, STEP_MS, 9))
    assert [(one.fired_ms, one.last_ms) for one in found] == [(0, 90_000)]


@pytest.mark.parametrize("present", [np.zeros((2, 5), dtype=bool), np.zeros((0, 5), dtype=bool)])
def test_nothing_fires_where_nothing_is(present: np.ndarray) -> None:
    assert fired(rule(), vector(present), Steps(0, STEP_MS, 5)) == []

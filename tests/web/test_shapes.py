"""Distributions before and after a moment."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.web.answers import Answers
from wellkept.web.views.shapes import kept, psi, shape

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
COUNTS = st.lists(st.integers(0, 10_000), min_size=3, max_size=12)


def answers(before: np.ndarray, after: np.ndarray) -> Answers:
    values = np.concatenate([before, after])
    times = np.concatenate([np.full(len(before), 10.0), np.full(len(after), 20.0)])
    empty = np.full(len(values), np.nan)
    return Answers(np.array([0.0, 15.0, 30.0]), 15.0, times, values, empty, empty, {"x": values})


@given(COUNTS)
def test_what_has_not_moved_has_no_index(counts: list[int]) -> None:
    row = np.array(counts, dtype=np.float64)
    assert psi(row, row) == pytest.approx(0.0)


@given(COUNTS, st.randoms(use_true_random=False))
def test_the_index_is_never_negative(counts: list[int], random: object) -> None:
    usual = np.array(counts, dtype=np.float64)
    assert psi(usual, usual[::-1].copy()) >= 0


def test_a_shift_is_seen_and_so_are_values_that_are_gone() -> None:
    random = np.random.default_rng(3)
    before = random.normal(0, 1, 2000)
    same, moved = (
        shape(answers(before, random.normal(0, 1, 2000)), "x", 15),
        shape(answers(before, before + 2), "x", 15),
    )
    gone = shape(answers(before, np.full(500, np.nan)), "x", 15)
    assert same is not None
    assert moved is not None
    assert gone is not None
    assert same.psi < 0.05
    assert moved.psi > 0.25
    assert gone.histogram.labels[-1] == "no value"
    assert (gone.none_before, gone.none_after) == (0.0, 1.0)
    assert sum(gone.histogram.now) == pytest.approx(1.0)


def test_a_constant_or_too_few_rows_or_an_unknown_name() -> None:
    constant = shape(answers(np.zeros(200), np.zeros(200)), "score", 15)
    assert constant is not None
    assert constant.psi == pytest.approx(0.0)
    assert shape(answers(np.zeros(9), np.zeros(200)), "x", 15) is None
    assert shape(answers(np.zeros(200), np.zeros(200)), "unknown", 15) is None


def test_buckets_are_rates_and_latencies() -> None:
    found = answers(np.zeros(30), np.zeros(60))
    assert found.rates() == [2.0, 4.0]
    assert found.ends == [15.0, 30.0]
    assert all(np.isnan(found.p95()))
    assert all(np.isnan(found.measured(lambda label, score: 1.0)))


def test_where_nothing_came_before_the_monitor_knows_how_it_was_in_training() -> None:
    values = {"psi": 1.2, "now.up to 2": 0.9, "now.over 2": 0.1, "then.up to 2": 0.4, "then.over 2": 0.6}

    drawn = kept(drifted(Evidence("feature", {"feature": "tenure"}, values=values)))

    assert drawn is not None
    assert drawn.title == "tenure, in training and now"
    assert (list(drawn.labels), list(drawn.usual), list(drawn.now)) == (["up to 2", "over 2"], [0.4, 0.6], [0.9, 0.1])
    assert kept(drifted(Evidence("relation", values=values))) is None
    assert kept(drifted(Evidence("feature", values={"psi": 1.2}))) is None


def drifted(evidence: Evidence) -> Finding:
    return Finding(
        "fp", "drift", "2", "feature:churn/tenure", FindingKind.DRIFT, Severity.WARNING, 0.9, "", NOON, "It moved.",
        evidence=(evidence,),
    )  # fmt: skip

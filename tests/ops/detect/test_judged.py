"""Feedback: thresholds move by what was said, less with time, never for good; what is expected is kept back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.feedback import Feedback, Opinion
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.ops.detect.judged import MOST, Judged
from wellkept.store.telemetry.window import SeriesInfo

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
SERIES = (
    SeriesInfo(1, "load", "1", "gauge", "host:a"),
    SeriesInfo(2, "load", "1", "gauge", "host:b"),
    SeriesInfo(3, "heat", "1", "gauge", "host:a"),
)


def said(opinion: Opinion = Opinion.NOISE, days: float = 0.0, **changes: object) -> Feedback:
    at = NOW - timedelta(days=days)
    one = Feedback("fnd-1", "fp-1", "anomaly", "host:a", "load", 0.5, at, opinion, at, "ann")
    return replace(one, **changes)  # type: ignore[arg-type]


def found(starts_at: datetime = NOW, score: float = 0.5, **changes: object) -> Finding:
    one = Finding(
        "fp-1", "anomaly", "1", "host:a", FindingKind.ANOMALY, Severity.INFO, score, "share", starts_at,
        "It is odd.", evidence=(Evidence("load"),),
    )  # fmt: skip
    return replace(one, **changes)  # type: ignore[arg-type]


def test_noise_asks_for_more_of_its_series_and_a_little_more_of_the_metric() -> None:
    assert Judged([said()], NOW).shifts(SERIES).tolist() == pytest.approx([0.5, 0.1, 0.0])
    assert Judged([said(Opinion.USEFUL)], NOW).shifts(SERIES).tolist() == pytest.approx([-0.3, -0.06, 0.0])
    assert Judged([said(days=30)], NOW).shifts(SERIES).tolist() == pytest.approx([0.25, 0.05, 0.0])
    assert not Judged([said(days=181)], NOW)
    assert Judged([], NOW).shifts(SERIES).tolist() == [0.0, 0.0, 0.0]


@given(
    st.lists(
        st.builds(said, st.sampled_from(list(Opinion)), st.floats(0, 200), signal=st.sampled_from(["load", "heat"])),
        max_size=40,
    )
)
def test_no_feedback_silences_a_series_for_good(feedback: list[Feedback]) -> None:
    judged = Judged(feedback, NOW)
    shifts = judged.shifts(SERIES)
    assert np.abs(shifts).max(initial=0.0) <= MOST
    for info, shift in zip(SERIES, shifts.tolist(), strict=True):
        assert judged.shift(info.entity, info.name) == pytest.approx(shift, abs=1e-4)


def test_feedback_on_a_finding_of_an_entity_moves_its_threshold_alone() -> None:
    judged = Judged([said(detector="entity", entity="b"), said(detector="anomaly", entity="a")], NOW)
    assert judged.of_entities(("a", "b"), "entity").tolist() == [0.0, 0.5]


def test_what_is_expected_is_kept_back_at_that_time_of_day() -> None:
    judged = Judged([said(Opinion.EXPECTED, days=3)], NOW)
    assert (
        judged.holds_back(found(NOW + timedelta(minutes=50)), by_score=False) == "expected around 12:00 UTC, said ann"
    )
    assert judged.holds_back(found(NOW - timedelta(days=1, minutes=55)), by_score=False)
    for other in (
        found(NOW + timedelta(minutes=70)),
        found(entity="host:b"),
        found(detector="robust"),
        found(evidence=(Evidence("heat"),)),
    ):
        assert not judged.holds_back(other, by_score=False)
    assert not Judged([said(Opinion.EXPECTED, days=91)], NOW).holds_back(found(), by_score=False)


def test_of_a_detector_without_thresholds_noise_is_kept_back_until_it_is_stronger() -> None:
    judged = Judged([said()], NOW)
    assert judged.holds_back(found(score=0.5), by_score=True) == "not more than what ann called noise"
    assert not judged.holds_back(found(score=0.51), by_score=True)
    assert not judged.holds_back(found(score=0.3, fingerprint="fp-2"), by_score=True)
    assert not judged.holds_back(found(score=0.3), by_score=False)
    assert not Judged([said(days=30)], NOW).holds_back(found(score=0.3), by_score=True)
    both = Judged([said(days=1), said(Opinion.USEFUL, by="bob")], NOW)
    assert not both.holds_back(found(score=0.3), by_score=True)

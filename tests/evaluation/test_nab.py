"""The NAB score: silence, perfection, early and late, and the price of false alarms."""

from __future__ import annotations

import numpy as np
import pytest

from wellkept.evaluation.nab import PROFILES, Windowed, best, score


def series(*detections: int, rows: int = 1000, windows: tuple[tuple[int, int], ...] = ((500, 599),)) -> Windowed:
    scores = np.zeros(rows)
    scores[list(detections)] = 1.0
    return Windowed(scores, windows, 150)


@pytest.mark.parametrize("profile", PROFILES)
def test_silence_is_0_and_a_detection_at_the_first_row_of_each_window_is_100(profile: str) -> None:
    assert score([series()], 0.5, profile) == 0
    assert score([series(500), series(500)], 0.5, profile) == pytest.approx(100)


def test_an_early_detection_is_worth_more_than_a_late_one() -> None:
    early, late = (score([series(row)], 0.5, "nab_standard") for row in (510, 590))

    assert 100 > early > late > 50


def test_only_the_best_detection_of_a_window_counts() -> None:
    assert score([series(510, 520, 590)], 0.5, "nab_standard") == score([series(510)], 0.5, "nab_standard")


def test_a_false_alarm_costs_its_weight_in_full_before_any_window_and_little_just_behind_one() -> None:
    assert score([series(200, 500)], 0.5, "nab_standard") == pytest.approx(100 - 100 * 0.11 / 2)
    assert score([series(500, 600)], 0.5, "nab_standard") > 99


def test_what_lies_in_the_probation_does_not_count() -> None:
    assert score([series(10, 500)], 0.5, "nab_standard") == pytest.approx(100)
    assert score([series(500, windows=((20, 60), (500, 599)))], 0.5, "nab_standard") == pytest.approx(100)


def test_missing_a_window_costs_double_where_misses_are_dear() -> None:
    corpus = [series(500), series()]

    assert score(corpus, 0.5, "nab_low_fn") == pytest.approx(50)
    assert score(corpus, 0.5, "nab_standard") == pytest.approx(50)


def test_the_best_threshold_leaves_false_alarms_out() -> None:
    one = series(500)
    one.scores[200:300] = 0.5

    found, limit = best([one], "nab_standard")
    assert found == pytest.approx(100)
    assert limit == 1.0

"""VUS-PR: known values of TSB-AD 1.5, limits, and the window it takes for a curve."""

from __future__ import annotations

import numpy as np
import pytest

from wellkept.evaluation.vus import period, segments, vus_pr

KNOWN = [
    (0, 700, 1, 10, 0.5708891),
    (1, 900, 3, 30, 0.7115997),
    (2, 1200, 6, 31, 0.6963984),
]
"""Seed, rows, segments, window, and the volume that TSB-AD 1.5 computes."""


def curve(seed: int, rows: int, runs: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.zeros(rows, dtype=np.bool_)
    for _ in range(runs):
        first = int(rng.integers(0, rows - 40))
        labels[first : first + int(rng.integers(1, 40))] = True
    return rng.random(rows) + labels * rng.random(rows), labels


@pytest.mark.parametrize(("seed", "rows", "runs", "window", "expected"), KNOWN)
def test_it_gives_what_tsb_ad_gives(seed: int, rows: int, runs: int, window: int, expected: float) -> None:
    scores, labels = curve(seed, rows, runs)

    assert vus_pr(scores, labels, window) == pytest.approx(expected, abs=1e-6)


def test_a_score_that_is_the_label_is_nearly_perfect_and_its_opposite_is_poor() -> None:
    _, labels = curve(0, 2000, 3)

    assert vus_pr(labels.astype(float), labels, 20) > 0.8
    assert vus_pr(-labels.astype(float), labels, 20) < 0.1


def test_nothing_labelled_has_no_volume() -> None:
    assert np.isnan(vus_pr(np.arange(10.0), np.zeros(10, dtype=np.bool_), 5))


def test_segments_are_first_and_last_rows() -> None:
    assert segments(np.array([1, 0, 1, 1, 0, 1], dtype=np.bool_)) == [(0, 0), (2, 3), (5, 5)]


@pytest.mark.parametrize("length", [20, 63, 150])
def test_the_window_is_the_period_of_the_curve(length: int) -> None:
    assert abs(period(np.sin(2 * np.pi * np.arange(5000) / length)) - length) <= 1


def test_the_window_of_a_flat_curve_is_the_usual_one() -> None:
    assert period(np.ones(1000)) == 125

"""Event F1, alarms under a threshold, and delay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.evaluation.scoring import alarms, event_f1
from wellkept.evaluation.vus import segments


def plain_event_f1(scores: list[float], labels: list[bool]) -> float:
    """The definition, threshold by threshold."""
    found = segments(np.array(labels))
    weights = [int(np.floor(np.log(last - first + 4) / np.log(3) + 1e-9)) for first, last in found]
    best = 0.0
    for limit in set(scores):
        hits = sum(weight for weight, (a, b) in zip(weights, found, strict=True) if max(scores[a : b + 1]) >= limit)
        false = sum(score >= limit and not label for score, label in zip(scores, labels, strict=True))
        precision, recall = hits / (hits + false) if hits + false else 0.0, hits / sum(weights)
        best = max(best, 2 * precision * recall / (precision + recall) if hits else 0.0)
    return best


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=60))
def test_event_f1_is_its_definition(rows: list[tuple[int, bool]]) -> None:
    scores, labels = [float(score) for score, _ in rows], [label for _, label in rows]
    got = event_f1(np.array(scores), np.array(labels))

    if any(labels):
        assert got == pytest.approx(plain_event_f1(scores, labels))
    else:
        assert np.isnan(got)


def test_alarms_half_an_hour_apart_are_two_and_delay_counts_from_the_beginning() -> None:
    times = np.arange(0.0, 18_000.0, 60.0)
    labels = np.zeros(300, dtype=np.bool_)
    labels[200:220] = True
    above = np.zeros(300, dtype=np.bool_)
    above[[10, 20, 50, 51, 100, 205, 206]] = True

    found = alarms(above, labels, times)

    assert (found.segments, found.found, found.delays_s) == (1, 1, (300.0,))
    assert found.false_groups == 2
    assert found.weeks == pytest.approx(279 * 60 / 604_800)

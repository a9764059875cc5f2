"""Windows of training data: which rows they take, which are worth a try, and which one a back-test chooses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.ml.windows import CONTRACT, GROWING, SINCE, WEIGHTED, Window, best, candidates, usual

TIME = np.arange(0.0, 100.0)


@given(st.floats(0, 120), st.one_of(st.none(), st.floats(1, 200)))
def test_a_window_never_looks_ahead(until: float, seconds: float | None) -> None:
    rows, weights = Window("any", seconds).rows(TIME, until)
    assert weights is None
    assert (TIME[rows] < until).all()
    if seconds is not None:
        assert (TIME[rows] >= until - seconds).all()


def test_weights_halve_with_age() -> None:
    rows, weights = Window(WEIGHTED, None, 10.0).rows(TIME, 50.0)
    assert weights is not None
    assert len(weights) == rows.stop - rows.start == 50
    assert weights[30] / weights[20] == pytest.approx(2.0)


def test_a_short_history_has_nothing_longer_than_the_contract() -> None:
    assert {one.name for one in candidates(10, 10)} == {"0.5 x window", CONTRACT}
    many = {one.name for one in candidates(10, 100, since_s=3)}
    assert {CONTRACT, GROWING, WEIGHTED, SINCE, "8 x window"} <= many
    assert usual(many) == WEIGHTED
    assert usual([CONTRACT]) == CONTRACT


def test_another_window_must_be_better_by_more_than_chance() -> None:
    clear = {CONTRACT: [0.0] * 8, GROWING: [0.02, 0.03, 0.025, 0.02, 0.03, 0.02, 0.025, 0.03]}
    assert best(clear, CONTRACT) == GROWING
    noise = {CONTRACT: [0.0] * 8, GROWING: [0.2, -0.2, 0.1, -0.1, 0.15, -0.14, 0.1, -0.1]}
    assert best(noise, CONTRACT) == CONTRACT
    assert best({CONTRACT: []}, CONTRACT) == CONTRACT

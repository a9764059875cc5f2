"""How inputs are spread, window by window, beside the training data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wellkept.ml.contract import parse_contract
from wellkept.ml.reference import SCORE, Distribution
from wellkept.ml.watch.spread import WINDOWS, Spread, Spreads
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.serving import Histograms

NOW = datetime(2026, 11, 24, 14, 0, 7, tzinfo=UTC)
CONTRACT = """
name: shop
task: regression
owner: shop
inputs: [{name: a, nullable: true}]
metrics: {primary: mae}
monitors: {drift: {window_s: 3600, min_rows: 50}}
"""
REFERENCE = {name: Distribution((1.0, 2.0), (10, 20, 30), 0.0, 0.1) for name in ("a", SCORE)}


def spreads(a: Sequence[Sequence[int]], scores: Sequence[Sequence[int]], *, live: bool = True) -> tuple[Spread, ...]:
    """What is said of the newest windows with these counts; the older ones are empty."""

    def padded(rows: Sequence[Sequence[int]]) -> Any:
        return np.vstack([np.zeros((WINDOWS - len(rows), 3), dtype=np.int64), np.asarray(rows, dtype=np.int64)])

    class Counts:
        def histograms(self, model: str, version: str, grid: Grid, edges: Mapping[str, Any]) -> Histograms:
            assert (model, version, grid.count) == ("shop", "v", WINDOWS)
            none = np.zeros(WINDOWS, dtype=np.int64)
            bins = {"a": padded(a), SCORE: padded(scores)}
            return cast("Histograms", SimpleNamespace(times=grid.times, bins=bins, nulls={"a": none, SCORE: none}))

    champion = SimpleNamespace(logged_as="v") if live else None
    registry = SimpleNamespace(alias=lambda *_: champion)
    releases = SimpleNamespace(contract=lambda _: parse_contract(CONTRACT), reference=lambda _: REFERENCE)
    return Spreads(cast("Any", registry), cast("Any", releases), Counts()).of("shop", NOW)


def test_a_model_that_is_not_live_has_none() -> None:
    assert spreads([], [], live=False) == ()


def test_inputs_come_before_the_scores_and_few_rows_say_nothing() -> None:
    a, scores = spreads([[10, 20, 30], [9, 20, 20]], [[10, 20, 30], [10, 20, 30]])
    assert (a.name, scores.name) == ("a", SCORE)
    assert a.index[-2] < 1e-6
    assert math.isnan(a.index[-1]), "49 rows are too few"
    assert a.now is not None
    assert a.rows == 60


def test_what_is_not_logged_at_all_has_no_value() -> None:
    a, _ = spreads([[10, 20, 30], [0, 0, 0]], [[10, 20, 30], [20, 40, 60]])
    assert a.nulls[-2:].tolist() == [0.0, 1.0]
    assert a.rows == 60


@given(st.lists(st.integers(0, 1000), min_size=3, max_size=3))
def test_shares_are_shares(counts: list[int]) -> None:
    a, _ = spreads([counts], [counts])
    assert (a.now is not None) == (sum(counts) >= 50)
    if a.now is not None:
        assert np.isclose(a.now.sum(), 1)
        assert a.index[-1] >= 0

"""Known streams: what they say of themselves is so."""

from __future__ import annotations

import numpy as np
import pytest

from wellkept.evaluation.streams_known import KNOWN, ROWS_A_DAY, make
from wellkept.ml.metrics import METRICS

ROWS = 12_000
_roc_auc = METRICS["roc_auc"]


@pytest.mark.parametrize("kind", KNOWN)
def test_the_same_seed_gives_the_same_stream_and_the_change_is_after_the_training(kind: str) -> None:
    one, again = make(kind, 3, rows=ROWS, features=8), make(kind, 3, rows=ROWS, features=8)
    assert np.array_equal(one.x, again.x, equal_nan=True)
    assert np.array_equal(one.label, again.label)
    assert (np.diff(one.time) > 0).all()
    assert (one.change_at is None) == (kind == "none")
    if one.change_at is not None:
        assert one.change_at > one.trained
        assert not one.strength[: one.change_at].any()
        assert one.strength.max() == 1.0


def _auc(kind: str, seed: int) -> tuple[float, float]:
    """Of the model before the change, and in the changed rows."""
    stream = make(kind, seed, rows=24_000)
    assert stream.change_at is not None
    score = stream.score_of(stream.x)
    before = slice(stream.trained, stream.change_at)
    after = stream.strength > 0.9
    return _roc_auc(stream.label[before], score[before]), _roc_auc(stream.label[after], score[after])


@pytest.mark.parametrize("kind", ["sudden", "label_only", "broken_pipe"])
def test_a_change_that_matters_costs_the_model(kind: str) -> None:
    before, after = _auc(kind, 2)
    assert before > 0.7
    assert after < before - 0.03


def test_a_change_of_an_unimportant_feature_costs_nothing() -> None:
    before, after = _auc("feature_only", 1)
    assert abs(after - before) < 0.03


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="must be one of none, sudden"):
        make("sideways", 0)
    with pytest.raises(ValueError, match=f"{8 * ROWS_A_DAY} rows, got 3 and 100"):
        make("none", 0, rows=100, features=3)

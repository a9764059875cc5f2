"""Quantiles over rows that have holes are those of each row alone."""

from __future__ import annotations

import numpy as np
import pytest

from wellkept.ops.detect.growth import pairs
from wellkept.ops.detect.statistics import median, quantiles


@pytest.mark.parametrize("shape", [(9,), (5, 1), (6, 11), (3, 4, 8), (0, 7), (4, 0)])
def test_quantiles_are_those_of_each_row(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(len(shape))
    values = random.normal(size=shape)
    values[random.random(shape) < 0.4] = np.nan
    if len(values):
        values[0] = np.nan
    found = quantiles(values, 0.0, 0.25, 0.9)
    for level, rows in zip((0.0, 0.25, 0.9), found, strict=True):
        assert rows.shape == shape[:-1]
        for place in np.ndindex(*shape[:-1]):
            known = values[place][np.isfinite(values[place])]
            wanted = np.quantile(known, level) if len(known) else np.nan
            np.testing.assert_allclose(rows[place], wanted, rtol=1e-12)
    np.testing.assert_array_equal(median(values), quantiles(values, 0.5)[0])


def test_pairs_are_told_apart_by_how_far_they_lie_apart() -> None:
    for multiple in (1, 3):
        early, late = pairs(8, multiple)
        wanted = [(a, b) for a in range(8) for b in range(a + 1, 8) if (b - a) % multiple == 0]
        assert list(zip(early.tolist(), late.tolist(), strict=True)) == wanted
    with pytest.raises(ValueError, match="read-only"):
        pairs(8)[0][0] = 1

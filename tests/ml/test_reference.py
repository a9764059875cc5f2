"""What a model was trained on, in a few numbers: they count every row, and come back as they were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.ml.reference import BINS, FILE, SCORE, distribution, make_reference, parse_reference, write_reference

VALUES = st.lists(
    st.one_of(st.sampled_from([0.0, 1.0, -3.5]), st.floats(-1e6, 1e6), st.just(float("nan"))), max_size=60
)


@given(VALUES)
def test_every_known_value_is_in_exactly_one_bin(values: list[float]) -> None:
    column = np.array(values, dtype=np.float64)
    known = column[np.isfinite(column)]

    found = distribution(column)

    assert found.rows == len(known)
    assert len(found.counts) == len(found.edges) + 1 <= BINS
    assert list(found.edges) == sorted(set(found.edges))
    by_hand = [sum(1 for value in known if sum(value > edge for edge in found.edges) == place) for place in range(BINS)]
    assert list(found.counts) == by_hand[: len(found.counts)]
    assert found.nulls == pytest.approx(1 - len(known) / len(column) if len(column) else 0.0)


def test_a_constant_is_its_own_most_common_value() -> None:
    found = distribution(np.full(20, 4.0))

    assert (found.edges, found.counts, found.top_share, found.nulls) == ((4.0,), (20, 0), 1.0, 0.0)


def test_nothing_at_all_and_nothing_known() -> None:
    assert distribution(np.empty(0)).rows == 0
    assert (distribution(np.full(3, np.nan)).rows, distribution(np.full(3, np.nan)).nulls) == (0, 1.0)


def test_it_is_written_and_read_as_it_was(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).random((100, 2))
    rows[:7, 1] = np.nan
    reference = make_reference(rows, ["amount", "risk"], rows[:, 0])

    write_reference(reference, tmp_path)

    assert parse_reference(tmp_path.joinpath(FILE).read_bytes()) == reference
    assert reference.keys() == {"amount", "risk", SCORE}
    assert reference["risk"].nulls == pytest.approx(0.07)

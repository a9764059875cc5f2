"""Masks: equal stays equal, nobody reads it, and another installation makes something else of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.kernel.errors import InputError
from wellkept.ml.data.masks import hashed, masked, read_key

KEY, OTHER = b"k" * 32, b"o" * 32


@settings(max_examples=50, deadline=None)
@given(st.lists(st.none() | st.text(max_size=4), max_size=10))
def test_equal_values_and_no_others_become_equal(values: Any) -> None:
    found = hashed(pa.chunked_array([pa.array(values, pa.string())]), KEY).to_pylist()

    for one, made in zip(values, found, strict=True):
        assert (one is None) == (made is None)
        for other, theirs in zip(values, found, strict=True):
            assert (one == other) == (made == theirs)
    assert found == hashed(pa.chunked_array([pa.array(values, pa.string())]), KEY).to_pylist()


def test_numbers_are_hashed_as_texts_and_columns_keep_their_place() -> None:
    table = pa.table({"card": [7, 8], "email": ["a", "b"], "amount": [1.0, 2.0]})

    found = masked(table, {"card": "hash", "email": "drop", "phone": "drop"}, KEY)

    assert found.column_names == ["card", "amount"]
    assert all(len(value) == 32 for value in found["card"].to_pylist())
    assert found["card"] != masked(table, {"card": "hash"}, OTHER)["card"]


def test_a_key_that_is_not_there_or_too_short_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_key(tmp_path / "none")
    (tmp_path / "key").write_bytes(b"short\n")
    with pytest.raises(InputError, match="at least 16 bytes"):
        read_key(tmp_path / "key")

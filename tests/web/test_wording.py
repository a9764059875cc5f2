"""Values in words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.web.wording import amount, bare, duration, plain, short_digest


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.871, "1", "87.1 %"),
        (1.24e9, "By", "1.24 GB"),
        (0.0, "By", "0 B"),
        (0.34, "s", "340 ms"),
        (0.4, "ms", "400 µs"),
        (12.0, "s", "12 s"),
        (12.5, "1/s", "12.5 /s"),
        (3.0, "{thread}", "3 thread"),
        (5.2e6, "By/s", "5.2 MB/s"),
        (100.0, "", "100"),
        (math.nan, "1", "–"),
        (None, "s", "–"),
    ],
)
def test_amounts_carry_their_unit(value: float | None, unit: str, words: str) -> None:
    assert amount(value, unit) == words


@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(["", "1", "s", "ms", "By", "1/s", "{x}"]))
def test_every_number_has_words(value: float, unit: str) -> None:
    assert amount(value, unit)


def test_lengths_of_time() -> None:
    assert [duration(s) for s in (-3, 40, 720, 12600, 200000)] == ["0 s", "40 s", "12 min", "3.5 h", "2 days"]


def test_entities_lose_their_kind() -> None:
    assert bare("service:shop/checkout") == "shop/checkout"
    assert bare("disk:h1:/var/log") == "h1:/var/log"
    assert bare("") == ""


def test_arguments_are_plain() -> None:
    assert plain({"a": [1, True], "b": "x"}) == "a=1, yes, b=x"
    assert short_digest("sha256:" + "ab" * 32) == "abababababab"

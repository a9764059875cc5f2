"""Taking values out of lines: as the regular expression of the pattern would, but in one pass."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.ops.detect.patterns.masks import MASK
from wellkept.ops.detect.patterns.restore import values_of


@given(st.text(f"ab{MASK}", max_size=7), st.text("ab\n", max_size=9))
def test_values_are_those_of_the_shortest_match(pattern: str, line: str) -> None:
    expression = "(.*?)".join(re.escape(part) for part in pattern.split(MASK)) + r"\Z"
    found = re.match(expression, line, re.DOTALL)
    assert values_of(pattern, [line]) == ([found.groups()] if found else [])


@pytest.mark.parametrize("values", [30, 300])
def test_a_line_that_nearly_fits_is_given_up_at_once(values: int) -> None:
    pattern = " x ".join([MASK] * values) + " end"
    assert values_of(pattern, [" x ".join(["1"] * 2 * values) + " ended"]) == []

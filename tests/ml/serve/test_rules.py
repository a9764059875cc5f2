"""Rules of inputs: what is let through is as the contract says, and what is not is named."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.kernel.errors import InputError
from wellkept.ml.inputspec import Input
from wellkept.ml.serve.protocols import rows_of_infer
from wellkept.ml.serve.rules import Rows, Rules

INPUTS = (
    Input(name="amount", at_least=0, at_most=1000),
    Input(name="count", type="int"),
    Input(name="foreign", type="bool"),
    Input(name="risk", nullable=True, at_most=1),
)
NAMES = tuple(entry.name for entry in INPUTS)
RULES = Rules("fraud", INPUTS)
RIGHT = {"amount": 1.0, "count": 2, "foreign": True, "risk": None}


def allowed(entry: Input, value: Any) -> bool:
    """The rules, value by value."""
    if value is None:
        return entry.nullable
    if not isinstance(value, bool | int | float):
        return False
    if (entry.type == "int" and value % 1) or (entry.type == "bool" and value not in (0, 1)):
        return False
    too_low = entry.at_least is not None and value < entry.at_least
    return not too_low and not (entry.at_most is not None and value > entry.at_most)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(-2000, 2000), st.text(max_size=3), st.just([1.0])
)


@settings(deadline=None, max_examples=200)
@given(
    values=st.lists(st.tuples(VALUES, VALUES, VALUES, VALUES), min_size=1, max_size=4), order=st.permutations(range(4))
)
def test_rows_pass_exactly_when_each_value_does(values: list[tuple[Any, ...]], order: list[int]) -> None:
    rows = Rows(tuple(NAMES[place] for place in order), [[row[place] for place in order] for row in values])
    wrong = {INPUTS[place].name for row in values for place in range(4) if not allowed(INPUTS[place], row[place])}
    if wrong:
        with pytest.raises(InputError) as refused:
            RULES.matrix(rows)
        assert refused.value.thing.split(",")[0].removeprefix("input ") in wrong
        return
    expected = [[math.nan if value is None else float(value) for value in row] for row in values]
    assert np.array_equal(RULES.matrix(rows), np.array(expected), equal_nan=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amount": -1}, "input amount: must be at least 0, got -1"),
        ({"amount": 1000.5}, "input amount: must be at most 1000, got 1000.5"),
        ({"risk": 1.5}, "input risk: must be at most 1, got 1.5"),
        ({"count": 2.5}, "input count: must be a whole number, got 2.5"),
        ({"foreign": 3}, "input foreign: must be true or false, got 3"),
    ],
)
def test_a_value_out_of_its_range_is_named(change: dict[str, Any], words: str) -> None:
    values = [{**RIGHT, **change}[name] for name in NAMES]

    with pytest.raises(InputError) as refused:
        RULES.matrix(Rows(NAMES, [values]))

    assert str(refused.value) == words


def test_of_several_rows_the_wrong_one_is_named() -> None:
    right = [RIGHT[name] for name in NAMES]

    with pytest.raises(InputError, match="input amount, row 2: must not be null"):
        RULES.matrix(Rows(NAMES, [right, right, [None, 1, True, 0.5]]))


def test_many_orders_of_names_do_not_fill_the_memory() -> None:
    rules = Rules("m", [Input(name=f"f{n}") for n in range(6)])
    import itertools

    for order in itertools.permutations([f"f{n}" for n in range(6)]):
        rules.matrix(Rows(order, [[0.0] * 6]))

    assert len(rules._places) <= 100


@settings(deadline=None, max_examples=60)
@given(count=st.integers(1, 4), width=st.integers(2, 4), nested=st.booleans())
def test_one_tensor_may_be_the_whole_table(count: int, width: int, nested: bool) -> None:
    table = [[float(10 * row + column) for column in range(width)] for row in range(count)]
    data = table if nested else [value for row in table for value in row]

    rows = rows_of_infer({"inputs": [{"name": "x", "datatype": "FP64", "shape": [count, width], "data": data}]})

    assert (rows.names, [list(row) for row in rows.values]) == (None, table)


@pytest.mark.parametrize(
    ("shape", "data"),
    [([2, 4], [1.0] * 7), ([2, 4], [[1.0] * 4]), ([0, 4], []), ([1, 4], [[1.0] * 3]), ([-1, 4], [1.0] * 4)],
)
def test_a_table_that_is_not_as_its_shape_says_is_refused(shape: list[int], data: list[Any]) -> None:
    with pytest.raises(InputError, match=r"input x: (shape: must be|data: must be)"):
        rows_of_infer({"inputs": [{"name": "x", "datatype": "FP64", "shape": shape, "data": data}]})


def test_a_table_of_another_width_than_the_model_is_refused() -> None:
    with pytest.raises(InputError, match="row 0: must have 4 values, one an input, in the order amount, count"):
        RULES.matrix(Rows(None, [[1.0, 2.0]]))

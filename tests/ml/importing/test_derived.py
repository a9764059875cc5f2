"""A contract is derived from a file, or must fit it; what changed for callers is said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.errors import DocumentError, InputError
from wellkept.ml.contract import RESERVED, parse_contract
from wellkept.ml.importing.derived import COLUMN, check_fits, columns_of, derive
from wellkept.ml.signature import signature_changes

TOLD: dict[str, Any] = {"task": "regression", "width": 2, "inputs": ["a b", "time"], "nullable": True}


@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_names_become_columns_each_once(names: list[str]) -> None:
    columns = columns_of(names)

    assert len(columns) == len(set(columns)) == len(names)
    assert all(COLUMN.match(column) and column not in RESERVED and column != "label" for column in columns)


def test_a_derived_contract_is_one_and_fits() -> None:
    contract = parse_contract(derive("price", "ada", TOLD, "a file"))

    assert contract.features == ("a_b", "time_1")
    assert all(entry.nullable for entry in contract.inputs)
    assert contract.metrics.primary == "mae"
    check_fits(contract, "price", TOLD)
    named = parse_contract(derive("price", "ada", TOLD, "a file", ("x", "y")))
    assert named.features == ("x", "y"), "what lies beside the file says it better"
    with pytest.raises(DocumentError):
        derive("No Name", "ada", TOLD, "a file")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "other"}, "must be other"),
        ({"width": 3, "inputs": []}, "the file takes 3"),
        ({"inputs": ["a_b", "when"]}, "number 2 is 'when'"),
        ({"task": "binary_classification"}, "of the task"),
    ],
)
def test_a_contract_that_is_not_of_the_file_is_refused(change: dict[str, Any], words: str) -> None:
    contract = parse_contract(derive("price", "ada", {**TOLD, "inputs": []}, "x", ("a_b", "time_1")))
    told = {**TOLD, **{name: value for name, value in change.items() if name != "name"}}

    with pytest.raises(InputError, match=words):
        check_fits(contract, change.get("name", "price"), told)


def test_every_change_that_a_caller_would_notice_is_said() -> None:
    head = "{name: m, owner: ada, metrics: {primary: mae}, task: regression, inputs: "
    before = parse_contract(head + "[{name: a}, {name: b, nullable: true}, {name: c, type: int}]}")
    after = parse_contract(head + "[{name: a}, {name: b}, {name: c}, {name: d, nullable: true}]}")

    assert signature_changes(before, after) == [
        "input b may be missing no more",
        "input c is float, was int",
        "input d is new, and may be missing",
    ]
    assert signature_changes(after, before)[0] == "input d is gone"
    assert signature_changes(before, before) == []

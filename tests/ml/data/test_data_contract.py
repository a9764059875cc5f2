"""The data contract: every rule, what it says of rows that break it, and what it does not show."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ml.data.projects import NOON

from wellkept.ml.data.datacontract import DataContractError, report_of, report_text
from wellkept.ml.dataspec import Checks

ROWS = pa.table(
    {
        "time": [NOON - timedelta(hours=n) for n in range(4)],
        "amount": [1.0, None, -3.0, float("nan")],
        "country": ["DE", "FR", "XX", None],
        "email": ["a@x.org", "nobody", "b@x.org", "c@x.org"],
        "order": [1, 1, 2, 3],
    }
)


def report(checks: dict[str, Any], table: pa.Table = ROWS, **masks: str) -> dict[str, Any]:
    return report_of(table, Checks.model_validate(checks), masks, NOON)


def broken(checks: dict[str, Any], **masks: str) -> list[tuple[str, str, int]]:
    found = report(checks, **masks)
    return [(one["column"], one["rule"], one["failed_rows"]) for one in found["checks"] if not one["passed"]]


@pytest.mark.parametrize(
    ("column", "rules", "failed"),
    [
        ("amount", {"min": 0}, [("min 0", 1)]),
        ("amount", {"max": 0.5}, [("max 0.5", 1)]),
        ("amount", {"nullable": False}, [("not null", 2)]),
        ("amount", {"max_null_share": 0.25}, [("max_null_share 0.25", 2)]),
        ("amount", {"max_null_share": 0.5, "type": "float", "min": -3, "max": 1}, []),
        ("amount", {"type": "int"}, [("type int", 4)]),
        ("country", {"in": ["DE", "FR"]}, [("in DE, FR", 1)]),
        ("country", {"type": "text", "in": ["DE", "FR", "XX"]}, []),
        ("email", {"regex": r"\w@x\.org"}, [(r"regex \w@x\.org", 1)]),
        ("email", {"regex": "@"}, [("regex @", 4)]),
        ("order", {"unique": True}, [("unique", 2)]),
        ("order", {"in": [1, 2, 3], "type": "int"}, []),
        ("time", {"type": "time", "unique": True}, []),
        ("nowhere", {"min": 0}, [("is there", 4)]),
        ("country", {"min": 0}, [("min 0", 4)]),
    ],
)
def test_a_rule_tells_how_many_rows_break_it(column: str, rules: Any, failed: Any) -> None:
    assert broken({"columns": {column: rules}}) == [(column, rule, count) for rule, count in failed]


def test_rules_of_all_rows() -> None:
    assert broken({"min_rows": 4, "freshness_s": 1, "unique": ["order", "time"]}) == []
    assert broken({"min_rows": 5}) == [("", "min_rows 5", 4)]
    assert broken({"unique": ["order"]}) == [("", "unique order", 2)]
    assert broken({"unique": ["order", "card"]}) == [("card", "unique order, card", 4)]
    old = ROWS.set_column(0, "time", pa.array([NOON - timedelta(days=1)] * 4))
    found = report({"freshness_s": 3600}, old)
    assert report_text(found) == (
        "  time: the newest row must be at most 3600 s older than the window's end, is 86400 s"
    )
    assert not report({"freshness_s": 3600}, ROWS.drop_columns(["time"]))["passed"]


def test_a_report_says_which_values_and_hides_those_of_masked_columns() -> None:
    checks = {"columns": {"email": {"regex": ".+@.+"}, "country": {"in": ["DE", "FR"]}}}

    open_, masked = report(checks), report(checks, email="hash", country="drop")

    assert "nobody" in report_text(open_)
    assert "1 of 4 rows break it, such as 'XX'" in report_text(open_)
    assert "nobody" not in str(masked)
    assert "XX" not in str(masked)
    assert "(masked)" in report_text(masked)


def test_rules_that_hold_are_told_too() -> None:
    found = report({"columns": {"amount": {"min": -5, "max": 5}}})

    assert found["passed"]
    assert report_text(found) == "all 2 rules hold for 4 rows"


def test_looking_at_rows_leaves_arrow_as_it_was() -> None:
    report({"columns": {"amount": {"min": 0}}})

    east = NOON.astimezone(timezone(timedelta(hours=2)))
    assert pa.array([east]).cast(pa.timestamp("us", tz="UTC"))[0].as_py() == NOON


def test_the_error_holds_the_report() -> None:
    found = report({"columns": {"amount": {"min": 0}}})

    error = DataContractError("fraud", found)

    assert error.report == found
    assert str(error) == (
        "data of fraud: must keep their contract (data.checks):\n  amount: min 0: 1 of 4 rows break it, such as -3.0"
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.none() | st.floats(-5, 5), min_size=1, max_size=12), st.floats(-5, 5), st.floats(-5, 5))
def test_as_many_rows_break_a_range_as_lie_outside(values: Any, least: float, most: float) -> None:
    least, most = min(least, most), max(least, most)
    table = pa.table({"x": pa.array(values, pa.float64())})

    found = report({"columns": {"x": {"min": least, "max": most}}}, table)

    low, high = (one["failed_rows"] for one in found["checks"])
    assert low == sum(value is not None and value < least for value in values)
    assert high == sum(value is not None and value > most for value in values)

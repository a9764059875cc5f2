"""What a project's ``load`` may return, and what is left out of it whatever it returns."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.ml.workshop import CONTRACT, NOON, logged

from wellkept.kernel.errors import InputError
from wellkept.ml.contract import parse_contract
from wellkept.ml.data.base import Reach
from wellkept.ml.data.reader import asked_of
from wellkept.ml.data.stage import flat, without
from wellkept.ml.data.worker import work
from wellkept.ml.inputspec import Input
from wellkept.ml.project import function_of

pytestmark = pytest.mark.usefixtures("workers_world")
HOUR = timedelta(hours=1)
TOLD_APART = "must hold no whole number beyond 9.0072e+15: floats do not tell such numbers apart"
FINITE = "must be a finite number in every row, or null where there is none"
DATED = "must be known in every row; leave out the rows without one"
NUMBERS = "must be a column of numbers"
CATEGORY = "{name: amount, type: category}"
KNOWN = "must be known in every row; leave out the rows whose label is not known yet"


def loaded(
    folder: Path,
    body: str,
    *,
    excluded: Any = (),
    task: str = "binary_classification",
    carried: tuple[str, ...] = (),
    entry: str = "{name: amount}",
) -> pa.Table:
    """The snapshot of a project whose ``load(window)`` has this body."""
    code = "import pyarrow as pa\nimport pyarrow.parquet as pq\n\ndef load(window):\n" + textwrap.indent(
        textwrap.dedent(body), "    "
    )
    folder.joinpath("model.py").write_text(code, encoding="utf-8")
    folder.joinpath("mask.key").write_text("a key of this very test", encoding="utf-8")
    contract = parse_contract(CONTRACT.replace("{name: amount}, {name: risk}", entry))
    pq.write_table(flat(logged([]), contract.inputs), folder / "logged.parquet")
    request = {
        **asked_of(folder, contract, (NOON - HOUR, NOON), Reach()),
        "excluded": [[a.isoformat(), b.isoformat()] for a, b in excluded],
        "history": str(folder / "history.parquet"),
        "logged": str(folder / "logged.parquet"),
        "features": ["amount"],
        "categories": {one.name: list(one.values) for one in contract.inputs if one.is_category},
        "model": "fraud",
        "contract": "sha256:0",
        "code": "sha256:0",
        "task": task,
        "carried": list(carried),
        "needs_time": False,
        "has_ids": False,
        "mask_key": str(folder / "mask.key"),
        "out": str(folder / "out.parquet"),
        "manifest": str(folder / "manifest"),
    }
    result = work(request)
    table = pq.read_table(folder / "out.parquet")
    assert result["rows"] == table.num_rows
    assert result["report"]["passed"]
    return table


def test_the_window_says_what_is_asked_for(tmp_path: Path) -> None:
    span = (NOON - HOUR, NOON - HOUR / 2)
    table = loaded(
        tmp_path,
        """
        assert window.history.name == "history.parquet"
        names = ["id", "time", "version", "score", "label", "entity_key", "amount"]
        assert window.predictions().column_names == names
        (start, end), = window.excluded
        return pa.table({"amount": [1.0], "label": [1], "asked": [[window.start, window.end, start, end]]})
        """,
        excluded=[span],
    )

    assert table["asked"][0].as_py() == [NOON - HOUR, NOON, *span]


def test_exact_numbers_of_a_database_are_numbers(tmp_path: Path) -> None:
    table = loaded(
        tmp_path,
        """
        from decimal import Decimal
        return pa.table({"amount": [Decimal("12.50"), None], "label": [Decimal(1), Decimal(0)]})
        """,
    )

    assert table["amount"].to_pylist() == [12.5, None]
    assert table["label"].to_pylist() == [1.0, 0.0]


def test_a_category_becomes_plain_texts_and_an_empty_one_is_null(tmp_path: Path) -> None:
    body = "return pa.table({'amount': pa.array(['b', '', None, 'a']).dictionary_encode(), 'label': [1, 0, 1, 0]})"

    table = loaded(tmp_path, body, entry=CATEGORY)

    assert table["amount"].type == pa.string()
    assert table["amount"].to_pylist() == ["b", None, None, "a"]


@pytest.mark.parametrize(
    ("values", "entry", "message"),
    [
        ("[1, 2]", CATEGORY, "must be a column of texts, as it is a category in model.yaml, got 'int64'"),
        ("[True, False]", CATEGORY, "must be a column of texts, as it is a category in model.yaml, got 'bool'"),
        (
            "['a', 'c']",
            "{name: amount, type: category, values: [a, b]}",
            "must be one of its values in model.yaml (a, b), got 'c'",
        ),
        (
            "[str(n) for n in range(1001)]",
            CATEGORY,
            "must have at most 1,000 categories; what names a single row is no input, got '1,001'",
        ),
        ("['a', 'b' * 501]", CATEGORY, "must have categories of at most 500 characters, got 501"),
    ],
)
def test_what_is_no_category_is_refused(values: str, entry: str, message: str, tmp_path: Path) -> None:
    body = f"values = {values}\nreturn pa.table({{'amount': values, 'label': [n % 2 for n in range(len(values))]}})"

    with pytest.raises(InputError) as refused:
        loaded(tmp_path, body, entry=entry)

    assert str(refused.value) == f"load(window): amount: {message}"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return None", "load(window): must return a frame that speaks Arrow, got 'NoneType'"),
        ("return [1, 2]", "load(window): must return a frame that speaks Arrow, got 'list'"),
        (
            "return pa.table({'label': [1]})",
            "load(window): must return a frame with every input and the label; missing, got 'amount'",
        ),
        (
            "return pa.table({'amount': [1]})",
            "load(window): must return a frame with every input and the label; missing, got 'label'",
        ),
        (
            "return pa.table({'amount': ['a'], 'label': [1]})",
            f"load(window): amount: {NUMBERS}; an input of texts is `type: category` in model.yaml, got 'string'",
        ),
        (
            "return pa.table({'amount': [1], 'label': ['yes']})",
            f"load(window): label: {NUMBERS}, got 'string'",
        ),
        ("return pa.table({'amount': [1, 2], 'label': [1, 2]})", "load(window): label: must be 0 or 1, got 2.0"),
        (
            "return pa.table({'amount': [1, 2, 3], 'label': [1.0, None, float('nan')]})",
            f"load(window): label: {KNOWN}, got '2 of 3 rows without a label'",
        ),
        (
            "return pa.table({'amount': [1], 'label': [1], 'time': [17]})",
            "load(window): time: must be a column of timestamps, got 'int64'",
        ),
        (
            "return pa.table({'amount': [1, 2], 'label': [1, 0], 'time': [window.start, None]})",
            f"load(window): time: {DATED}, got '1 of 2 rows without a time'",
        ),
        (
            "return pa.table([[1.0], [1], [1]], names=['amount', 'label', 'label'])",
            "load(window): must return one column of a name; there twice or more, got 'label'",
        ),
        (
            "return pa.table({'amount': [1, 2**53 + 2], 'label': [1, 0]})",
            f"load(window): amount: {TOLD_APART}, got 9007199254740994",
        ),
        (
            "return pa.table({'amount': [1.0, float('inf'), None], 'label': [1, 0, 1]})",
            f"load(window): amount: {FINITE}, got '1 infinite ones'",
        ),
    ],
)
def test_what_it_returns_is_checked(body: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        loaded(tmp_path, body)

    assert str(raised.value) == message


def test_another_column_may_hold_ids_of_any_size(tmp_path: Path) -> None:
    ids = [2**62 + 1, -(2**62)]

    table = loaded(tmp_path, f"return pa.table({{'amount': [1.0, 2.0], 'label': [1, 0], 'id': {ids}}})")

    assert table["id"].to_pylist() == ids


def test_a_project_without_the_function_is_told_so(tmp_path: Path) -> None:
    tmp_path.joinpath("model.py").write_text("load = 3\n", encoding="utf-8")

    with pytest.raises(InputError, match=r"model\.py: load: must be a function"):
        function_of(tmp_path, "load")


def test_a_regression_may_have_any_label(tmp_path: Path) -> None:
    assert loaded(tmp_path, "return pa.table({'amount': [1], 'label': [-7.5]})", task="regression").num_rows == 1


def test_a_label_is_finite(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="label: must be a finite number in every row, got '1 infinite ones'"):
        loaded(tmp_path, "return pa.table({'amount': [1], 'label': [float('inf')]})", task="regression")


def test_an_item_of_a_forecast_is_known(tmp_path: Path) -> None:
    rule = (
        r"shop: must be known in every row of a forecast; leave out the rows without one, got '1 of 2 rows without one'"
    )
    with pytest.raises(InputError, match=rule):
        loaded(
            tmp_path,
            "return pa.table({'amount': [1, 2], 'label': [1, 2], 'shop': ['a', None]})",
            task="forecasting",
            carried=("shop",),
        )


def test_times_may_be_finer_than_they_are_kept(tmp_path: Path) -> None:
    """As those of pandas are."""
    times = "pa.array([1_700_000_000_123_456_789], pa.timestamp('ns'))"
    table = loaded(
        tmp_path,
        f"return pa.table({{'amount': [1], 'label': [1], 'time': {times}}})",
        excluded=[(NOON - HOUR, NOON)],
    )

    assert table["time"].cast("int64").to_pylist() == [1_700_000_000_123_456]


@pytest.mark.parametrize("values", ["[True, False]", "[0, 1]", "[0.0, 1.0]"])
def test_a_binary_label_may_be_written_as_a_boolean(values: str, tmp_path: Path) -> None:
    assert loaded(tmp_path, f"return pa.table({{'amount': [1, None], 'label': {values}}})").num_rows == 2


@pytest.mark.parametrize("frame", ["pandas", "arrow"])
def test_any_frame_that_speaks_arrow_will_do(frame: str, tmp_path: Path) -> None:
    ending = ".to_pandas()" if frame == "pandas" else ""

    assert loaded(tmp_path, f"return pa.table({{'amount': [1.5], 'label': [1]}}){ending}")["amount"].to_pylist() == [
        1.5
    ]


@pytest.mark.parametrize(
    "kind", ["pa.timestamp('us', tz='UTC')", "pa.timestamp('ms')", "pa.timestamp('ns', tz='Europe/Berlin')"]
)
def test_excluded_rows_are_left_out_wherever_the_project_took_them_from(kind: str, tmp_path: Path) -> None:
    table = loaded(
        tmp_path,
        f"""
        step = (window.end - window.start) / 6
        time = pa.array([window.start + n * step for n in range(6)], pa.timestamp("us", tz="UTC"))
        return pa.table({{"time": time.cast({kind}), "amount": range(6), "label": [0, 1, 0, 1, 0, 1]}})
        """,
        excluded=[(NOON - HOUR * 5 / 6, NOON - HOUR * 4 / 6), (NOON - HOUR / 6, NOON)],
    )

    assert table["amount"].to_pylist() == [0, 3, 4]


def test_dataclasses_work_in_a_project(tmp_path: Path) -> None:
    body = """
        from dataclasses import dataclass

        @dataclass
        class Row:
            amount: float
            label: int

        return pa.table({"amount": [Row(1.0, 1).amount], "label": [1]})
        """

    assert loaded(tmp_path, body).num_rows == 1


def test_logged_predictions_have_one_column_an_input() -> None:
    rows = logged(
        [
            {"time": NOON, "label": 1.0, "features": {"amount": 2.0, "risk": None}, "categories": {"plan": ""}},
            {"time": NOON, "features": {"risk": 0.5}, "categories": {"plan": "yearly"}},
        ]
    )

    table = flat(rows, [Input(name="amount"), Input(name="risk"), Input(name="plan", type="category")])

    assert table["amount"].to_pylist() == [2.0, None]
    assert table["risk"].to_pylist() == [None, 0.5]
    assert table["plan"].to_pylist() == [None, "yearly"]
    assert table["label"].to_pylist() == [1.0, None]
    assert flat(logged([]), [Input(name="amount")]).num_rows == 0


def test_intervals_hold_both_their_ends() -> None:
    times = [NOON + timedelta(seconds=n) for n in range(5)]
    table = pa.table({"time": pa.array(times, pa.timestamp("us", tz="UTC")), "n": range(5)})

    assert without(table, [(times[1], times[3])])["n"].to_pylist() == [0, 4]
    assert without(table, [])["n"].to_pylist() == [0, 1, 2, 3, 4]
    assert without(table, [(datetime(1970, 1, 1, tzinfo=UTC), NOON + HOUR)]).num_rows == 0


def test_a_row_without_a_time_is_in_no_interval() -> None:
    table = pa.table({"time": pa.array([None, NOON], pa.timestamp("us", tz="UTC")), "n": [0, 1]})

    assert without(table, [(NOON - HOUR, NOON + HOUR)])["n"].to_pylist() == [0]

"""MLflow's /invocations: its four forms, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.ml.serve.doors import Asked, served

from wellkept.ml.serve import csvrows

ROW = {"amount": 1.0, "count": 2, "foreign": False, "risk": 0.5}
OTHER = {"amount": 5.0, "count": 1, "foreign": True, "risk": None}

FORMS: dict[str, Any] = {
    "dataframe_split": {"columns": list(ROW), "data": [list(ROW.values()), list(OTHER.values())]},
    "dataframe_records": [ROW, OTHER],
    "instances": [list(ROW.values()), list(OTHER.values())],
    "inputs": {name: [ROW[name], OTHER[name]] for name in ROW},
}


@pytest.mark.parametrize("form", FORMS)
def test_each_of_the_four_forms_is_understood(form: str, asked: Asked) -> None:
    answer = asked.post("/invocations", {form: FORMS[form]})

    assert (answer.status_code, answer.json()) == (200, {"predictions": [3.5, 7.0]})
    assert [record["features"]["risk"] for record in asked.log.records] == [0.5, None]


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [ROW, OTHER]},
        {"inputs": [ROW, OTHER]},
        {"inputs": [list(ROW.values()), list(OTHER.values())]},
        {"inputs": {name: [[ROW[name]], [OTHER[name]]] for name in ROW}},
        {"instances": [{name: [value] for name, value in row.items()} for row in (ROW, OTHER)]},
    ],
    ids=["instances of names", "inputs of names", "inputs of lists", "columns of tensors", "rows of tensors"],
)
def test_the_tensor_forms_may_name_their_columns_or_nest_their_values(body: Any, asked: Asked) -> None:
    assert asked.post("/invocations", body).json() == {"predictions": [3.5, 7.0]}


def test_bare_inputs_are_one_row(asked: Asked) -> None:
    assert asked.post("/invocations", {"inputs": ROW}).json() == {"predictions": [3.5]}


MISTAKES: dict[str, tuple[Any, str]] = {
    "not an object": ([ROW], "body: must be an object with exactly one of dataframe_split"),
    "none": (
        {"rows": [ROW]},
        "body: must hold exactly one of dataframe_split, dataframe_records, instances, inputs, got []",
    ),
    "two": ({"instances": [ROW], "inputs": [ROW]}, "body: must hold exactly one of dataframe_split, dataframe_records"),
    "no columns": ({"dataframe_split": {"data": [[1]]}}, "dataframe_split.columns: must be a list of names"),
    "no data": (
        {"dataframe_split": {"columns": ["amount"]}},
        "dataframe_split.data: must be a list of at least one row",
    ),
    "not split": ({"dataframe_split": [1]}, "dataframe_split.columns: must be a list of names"),
    "short row": (
        {"dataframe_split": {"columns": ["amount", "count"], "data": [[1]]}},
        "dataframe_split.data[0]: must be a list of 2 values (amount, count), got [1]",
    ),
    "records of lists": ({"dataframe_records": [[1]]}, "dataframe_records[0]: must be an object, got [1]"),
    "no rows": ({"dataframe_records": []}, "dataframe_records: must be a list of at least one row, got []"),
    "no list": ({"instances": 3}, "instances: must be a list of at least one row, got 3"),
    "short instance": (
        {"instances": [[1, 2]]},
        "row 0: must have 4 values, one an input, in the order amount, count, foreign, risk, got 2",
    ),
    "bare instance": ({"instances": [1]}, "instances[0]: must be a list of values, or an object, got 1"),
    "columns": (
        {"inputs": {"amount": [1, 2], "count": [1]}},
        "inputs: must be columns of the same number of rows, at least one, got {'amount': 2, 'count': 1}",
    ),
    "no inputs": ({"inputs": {}}, "inputs: must be columns of the same number of rows"),
    "empty columns": ({"inputs": {"amount": []}}, "inputs: must be columns of the same number of rows"),
    "missing": ({"dataframe_records": [{"amount": 1}]}, "input count: is required"),
    "unknown": ({"dataframe_records": [{**ROW, "colour": 1}]}, "input colour: is not an input of fraud"),
    "null": ({"dataframe_records": [{**ROW, "amount": None}]}, "input amount: must not be null"),
    "text": ({"dataframe_records": [{**ROW, "amount": "1"}]}, "input amount: must be a number, got '1'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_for_callers_of_both_protocols(mistake: str, asked: Asked) -> None:
    body, message = MISTAKES[mistake]

    answer = asked.post("/invocations", body)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(message)
    assert answer.json()["message"] == answer.json()["error"]
    assert answer.json()["error_code"] == "BAD_REQUEST"
    assert asked.log.records == []


CSV = "amount,count,foreign,risk\n1.0,2,False,0.5\n5.0,1,true,\n"


@pytest.mark.parametrize(
    "body",
    [CSV, "\ufeff" + CSV, CSV.replace("\n", "\r\n"), CSV + "\n", '"risk",foreign,count,amount\n0.5,0,2,1\nNaN,1,1,5'],
    ids=["plain", "byte order mark", "other ends of lines", "an empty line", "another order"],
)
def test_a_data_frame_may_come_as_csv(body: str, asked: Asked) -> None:
    answer = asked.send("/invocations", body.encode(), "text/csv; charset=utf-8")

    assert (answer.status_code, answer.json()) == (200, {"predictions": [3.5, 7.0]})
    assert [record["features"]["risk"] for record in asked.log.records] == [0.5, None]


CSV_MISTAKES = {
    "nothing": (b"", "csv: must begin with a line of names"),
    "no row": (b"amount,count,foreign,risk\n", "csv: must have at least one row behind the line of names"),
    "an index": (b",amount\n0,1\n", "csv, line 1: must name every column; pandas leaves out the one of its index"),
    "short row": (b"amount,count\n1,2\n1\n", "csv, line 3: must have 2 fields (amount, count), got 1"),
    "text": (b"amount\nmuch\n", "input amount, line 2: must be a finite number, true, false or empty, got 'much'"),
    "infinity, in full": (b"amount\n-Infinity\n", "input amount, line 2: must be a finite number"),
    "an overflow": (b"amount\n1e400\n", "input amount, line 2: must be a finite number"),
    "a number of Python": (b"amount\n1_000\n", "input amount, line 2: must be a finite number"),
    "a decimal comma": (b'amount\n"1,5"\n', "input amount, line 2: must be a finite number"),
    "other digits": ("amount\n１２\n".encode(), "input amount, line 2: must be a finite number"),
    "infinity": (b"amount\ninf\n", "input amount, line 2: must be a finite number"),
    "unknown": (b"colour\n1\n", "input colour: is not an input of fraud"),
    "twice": (b"amount,count,foreign,risk,risk\n1,2,0,1,1\n", "input risk: is there twice"),
    "rounded": (
        b"amount,count,foreign,risk\n1,-9007199254740993,0,1\n",
        "input count: must be at most 9007199254740992",
    ),
    "null": (b"amount,count,foreign,risk\n,2,0,1\n", "input amount: must not be null"),
    "another encoding": ("amount,größe\n1,2\n".encode("latin-1"), "csv: must be UTF-8"),
    "an open quote": (b'amount\n"1\n', "csv: must be CSV"),
}


@pytest.mark.parametrize("mistake", CSV_MISTAKES)
def test_a_mistake_in_csv_is_named(mistake: str, asked: Asked) -> None:
    body, message = CSV_MISTAKES[mistake]

    answer = asked.send("/invocations", body, "text/csv")

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(message)
    assert asked.log.records == []


def test_csv_has_no_more_rows_than_json(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvrows, "MAX_ROWS", 1)

    answer = asked.send("/invocations", CSV.encode(), "text/csv")

    assert (answer.status_code, answer.json()["error"]) == (413, "csv: must have at most 1 rows")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-protobuf", "application/json; charset=latin-1"])
def test_other_content_types_are_refused(kind: str, asked: Asked) -> None:
    answer = asked.send("/invocations", json.dumps({"instances": [ROW]}).encode(), kind)

    assert answer.status_code == 415
    assert answer.json()["error"].startswith("content-type: must ")


@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON", "application/json;charset=utf-8", 'application/json; charset="UTF-8"'],
)
def test_json_in_utf_8_is_taken_however_it_is_written(kind: str, asked: Asked) -> None:
    assert asked.send("/invocations", json.dumps({"instances": [ROW]}).encode(), kind).status_code == 200


def test_it_is_not_json(asked: Asked) -> None:
    answer = asked.send("/invocations", b"{", "application/json")

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("body: must be JSON")


@pytest.mark.parametrize("names", [[], ["fraud", "churn"]])
def test_its_address_names_no_model_so_exactly_one_must_be_live(names: list[str], asked: Asked) -> None:
    asked.serve(*(served(name) for name in names))

    answer = asked.post("/invocations", {"instances": [ROW]})

    assert answer.status_code == 404
    assert "needs exactly one live model; use /models/NAME/invocations" in answer.json()["error"]
    assert asked.get("/ping").status_code == (200 if names else 404)


def test_each_of_several_models_has_an_address_of_its_own(asked: Asked) -> None:
    assert asked.post("/models/fraud/invocations", {"instances": [ROW]}).json() == {"predictions": [3.5]}
    assert asked.post("/models/churn/invocations", {"instances": [ROW]}).status_code == 404
    assert asked.post("/models/a/b/invocations", {"instances": [ROW]}).status_code == 404
    assert asked.get("/models/fraud/invocations").status_code == 405

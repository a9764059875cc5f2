"""Inputs that are categories, as they are asked for, refused, logged, explained and scored in files."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.app.running import until
from tests.ml.serve.doors import Asked, tensor

from wellkept.kernel.errors import InputError
from wellkept.ml.contract import parse_contract
from wellkept.ml.reference import make_reference, write_reference
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.serve.answered import opened
from wellkept.ml.serve.batch import score_file
from wellkept.ml.serve.served import Served

INFER = "/v2/models/churn/infer"
CONTRACT = """
name: churn
task: binary_classification
owner: customer care
inputs:
  - {name: tenure, type: int}
  - {name: plan, type: category}
  - {name: sex, type: category, values: [female, male], nullable: true}
output: {name: score, threshold: 0.5}
metrics: {primary: roc_auc}
"""
CATEGORIES = {"plan": ["monthly", "yearly"], "sex": ["female", "male"]}
ROW = {"tenure": 3, "plan": "yearly", "sex": "male"}


class Places:
    """Scores a row by its tenure, ten times the place of its plan (7 without), and a hundred times that of its sex."""

    def score(self, rows: Matrix) -> Scores:
        return np.asarray(rows[:, 0] + 10 * np.nan_to_num(rows[:, 1], nan=7.0) + 100 * np.nan_to_num(rows[:, 2]))


def model(folder: Path | None = None, **changes: Any) -> Served:
    contract = parse_contract(CONTRACT)

    def read(name: str) -> bytes:
        assert folder is not None
        return (folder / name).read_bytes()

    given = {"categories": CATEGORIES, "file": read, **changes}
    return Served("churn", "sha256:1", 2, contract, Places(), contract.inputs, "onnx", **given)


@pytest.fixture
def churn(asked: Asked) -> Asked:
    asked.serve(model())
    return asked


def tensors(**changes: Any) -> list[dict[str, Any]]:
    kinds = {"tenure": "INT64", "plan": "BYTES", "sex": "BYTES"}
    return [tensor(name, value, datatype=kinds[name]) for name, value in {**ROW, **changes}.items()]


def records(asked: Asked) -> list[tuple[dict[str, float], dict[str, str]]]:
    return [(one["features"], one["categories"]) for one in asked.log.records]


def test_texts_are_asked_by_tensors_and_logged_as_categories(churn: Asked) -> None:
    answer = churn.post(INFER, {"inputs": tensors()})

    assert answer.json()["outputs"][0]["data"] == [113.0]
    assert records(churn) == [({"tenure": 3.0}, {"plan": "yearly", "sex": "male"})]
    assert [one["datatype"] for one in churn.get("/v2/models/churn").json()["inputs"]] == ["INT64", "BYTES", "BYTES"]


@pytest.mark.parametrize(
    "body",
    [
        {
            "dataframe_split": {
                "columns": ["sex", "tenure", "plan"],
                "data": [["male", 3, "yearly"], [None, 1, "weekly"]],
            }
        },
        {"dataframe_records": [ROW, {"tenure": 1, "plan": "weekly", "sex": ""}]},
        {"instances": [[3, "yearly", "male"], [1, "weekly", None]]},
        {"inputs": {"tenure": [3, 1], "plan": ["yearly", "weekly"], "sex": ["male", None]}},
    ],
    ids=["split", "records", "instances", "inputs"],
)
def test_a_category_that_training_never_saw_is_scored_as_missing_and_logged_as_it_came(body: Any, churn: Asked) -> None:
    answer = churn.post("/invocations", body)

    assert answer.json() == {"predictions": [113.0, 71.0]}
    assert records(churn)[1] == ({"tenure": 1.0}, {"plan": "weekly", "sex": ""})


def test_lines_of_csv_are_texts_where_the_contract_says_so(churn: Asked) -> None:
    answer = churn.send("/invocations", b"plan,tenure,sex\nyearly,3,male\n12,1,\n", "text/csv")

    assert answer.json() == {"predictions": [113.0, 71.0]}
    assert records(churn)[1] == ({"tenure": 1.0}, {"plan": "12", "sex": ""})


def binary(asked: Asked, cut: int = 0, texts: tuple[bytes, ...] = (b"yearly", "wöchentlich".encode())) -> Any:
    """Two rows whose plans are a binary tensor; ``cut`` bytes are missing at its end."""
    data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    data = data[: len(data) - cut]
    plan = {"name": "plan", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": len(data)}}
    rest = [tensor("tenure", 3, 1, datatype="INT64"), tensor("sex", "male", None, datatype="BYTES")]
    head = json.dumps({"inputs": [plan, *rest]}).encode()
    return asked.send(INFER, head + data, "", **{"inference-header-content-length": str(len(head))})


def test_texts_may_be_binary(churn: Asked) -> None:
    assert binary(churn).json()["outputs"][0]["data"] == [113.0, 71.0]
    assert records(churn)[1][1]["plan"] == "wöchentlich"


@pytest.mark.parametrize(
    ("cut", "texts", "words"),
    [
        (
            1,
            (b"yearly", b"x"),
            "input plan: binary_data_size: must be texts, each behind its length in 4 bytes, got 14",
        ),
        (2, (b"yearly", b""), "input plan: binary_data_size: must be texts, each behind its length in 4 bytes, got 12"),
        (0, (b"yearly", b"\xff"), "input plan: data: must be UTF-8: invalid start byte in text 1"),
    ],
)
def test_damaged_texts_are_refused(cut: int, texts: tuple[bytes, ...], words: str, churn: Asked) -> None:
    answer = binary(churn, cut, texts)

    assert (answer.status_code, answer.json()["error"]) == (400, words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plan": 3}, "input plan: must be a text, as it is a category, got 3"),
        ({"plan": True}, "input plan: must be a text, as it is a category, got True"),
        ({"plan": None}, "input plan: must not be null"),
        ({"plan": ""}, "input plan: must not be null"),
        ({"plan": "x" * 501}, "input plan: must have at most 500 characters, got 501"),
        ({"sex": "other"}, "input sex: must be one of female, male, got 'other'"),
        ({"tenure": "long"}, "input tenure: must be a number, got 'long'"),
    ],
)
def test_what_is_no_such_category_is_refused(changes: dict[str, Any], words: str, churn: Asked) -> None:
    answer = churn.post("/invocations", {"dataframe_records": [{**ROW, **changes}]})

    assert (answer.status_code, answer.json()["error"]) == (400, words)
    assert churn.log.records == []


def test_a_row_that_names_no_category_is_refused(churn: Asked) -> None:
    answer = churn.post("/invocations", {"dataframe_records": [ROW, {"tenure": 3, "sex": "male"}]})

    assert answer.json()["error"] == "input plan, row 1: is required"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (tensor("plan", 1.0), "input plan: must be a text, as it is a category, got 1.0"),
        (tensor("plan", 1, datatype="BYTES"), "input plan: data: must be texts, as its datatype BYTES says, got 1"),
    ],
)
def test_a_number_in_place_of_a_category_is_refused(given: dict[str, Any], words: str, churn: Asked) -> None:
    answer = churn.post(INFER, {"inputs": [tensors()[0], given, tensors()[2]]})

    assert (answer.status_code, answer.json()["error"]) == (400, words)


def test_a_shadow_logs_what_itself_does_not_know(churn: Asked) -> None:
    told: dict[str, Any] = {"categories": {**CATEGORIES, "plan": ["yearly"]}, "deployment": {"role": "shadow"}}
    shadow = model(**told)
    churn.serve(model(), Served("churn", "sha256:2", 3, shadow.contract, Places(), shadow.inputs, "onnx", **told))

    churn.post(INFER, {"inputs": tensors(plan="monthly")})

    until(lambda: len(churn.log.records) == 2, "what the shadow said")
    assert [one["score"] for one in churn.log.records] == [103.0, 173.0]
    assert [one["categories"]["plan"] for one in churn.log.records] == ["monthly", "monthly"]


def test_a_journal_of_before_has_no_categories() -> None:
    payload = json.dumps(["sha256:1", "churn", 0.5, ["tenure"]]).encode()

    assert opened(payload)[1].categories == {}


def test_categories_are_explained_by_what_they_were_in_training(tmp_path: Path) -> None:
    rows = np.column_stack([np.full(200, 5.0), np.arange(200) % 2, np.zeros(200)])
    texts = {name: [CATEGORIES[name][int(code)] for code in rows[:, n + 1]] for n, name in enumerate(CATEGORIES)}
    write_reference(make_reference(rows, ["tenure", "plan", "sex"], Places().score(rows), texts=texts), tmp_path)

    found = model(tmp_path).explainer.explain(np.array([[5.0, 1.0, 0.0], [5.0, np.nan, 0.0]]))

    assert found.method == "sampled"
    assert found.contributions[:, [0, 2]].tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert found.contributions[:, 1] == pytest.approx([5.0, 65.0], abs=2.0)  # half of the training rows are yearly


def test_a_file_of_texts_is_scored(tmp_path: Path) -> None:
    plans = pa.array(["yearly", "weekly", "monthly"]).dictionary_encode()
    pq.write_table(pa.table({"tenure": [3, 1, 2], "plan": plans, "sex": ["male", None, ""]}), tmp_path / "rows.parquet")

    score_file(model(), tmp_path / "rows.parquet", tmp_path / "out.parquet")

    assert pq.read_table(tmp_path / "out.parquet")["score"].to_pylist() == [113.0, 71.0, 2.0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plan": [1.0]}, "plan: must be a column of texts, as it is a category, got 'double'"),
        ({"plan": pa.array([None], pa.string())}, "plan: must not be null, nor empty"),
        ({"sex": ["other"]}, "sex: must be one of female, male, got 'other'"),
    ],
)
def test_a_file_with_other_categories_is_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({**{name: [value] for name, value in ROW.items()}, **changes}), tmp_path / "rows.parquet")

    with pytest.raises(InputError, match=words):
        score_file(model(), tmp_path / "rows.parquet", tmp_path / "out.parquet")

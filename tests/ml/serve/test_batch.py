"""Batch scoring: every row in its place, mistakes named, and no half a file left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.ml.workshop import CONTRACT

from wellkept.kernel.errors import InputError
from wellkept.ml.contract import parse_contract
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.serve.batch import score_file
from wellkept.ml.serve.served import Served

TEXT = CONTRACT.replace("{name: risk}", "{name: risk, nullable: true}")


class Sum:
    """Scores a row by its sum; a missing value counts 100."""

    def score(self, rows: Matrix) -> Scores:
        return np.asarray(np.nan_to_num(rows, nan=100.0).sum(axis=1))


def served() -> Served:
    contract = parse_contract(TEXT)
    return Served("fraud", "sha256:0", 1, contract, Sum(), contract.inputs, "onnx")


def test_scores_come_behind_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wellkept.ml.serve.batch.ROWS", 7)
    table = pa.table({"who": [f"c{n}" for n in range(30)], "risk": [None, *[0.5] * 29], "amount": list(range(30))})
    pq.write_table(table, tmp_path / "rows.parquet")

    count = score_file(served(), tmp_path / "rows.parquet", tmp_path / "out.parquet")

    found = pq.read_table(tmp_path / "out.parquet")
    assert count == 30
    assert found.column_names == ["who", "risk", "amount", "score"]
    assert found.drop_columns(["score"]).equals(table)
    assert found["score"].to_pylist() == [100.0, *[n + 0.5 for n in range(1, 30)]]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"amount": [1.0]}, "risk: is an input of the model and must be a column"),
        ({"amount": [1.0], "risk": [0.1], "score": [1.0]}, "score: is what the scores will be called"),
        ({"amount": ["much"], "risk": [0.1]}, "amount: must be a column of numbers"),
        ({"amount": [[1.0]], "risk": [0.1]}, "amount: must be a column of numbers"),
        ({"amount": [1.0, None], "risk": [0.1, 0.1]}, "amount: must not be null, but is in row 1"),
        ({"amount": [float("inf")], "risk": [0.1]}, "amount: must be a finite number, got inf"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(
    columns: dict[str, list[object]], words: str, tmp_path: Path
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")

    with pytest.raises(InputError, match=words):
        score_file(served(), tmp_path / "rows.parquet", tmp_path / "out.parquet")

    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    tmp_path.joinpath("rows.parquet").write_text("no", encoding="utf-8")

    with pytest.raises(InputError, match="must be a Parquet file"):
        score_file(served(), tmp_path / "rows.parquet", tmp_path / "out.parquet")


def test_no_rows_are_no_scores(tmp_path: Path) -> None:
    empty = pa.table({"amount": pa.array([], pa.float64()), "risk": pa.array([], pa.float64())})
    pq.write_table(empty, tmp_path / "rows.parquet")

    assert score_file(served(), tmp_path / "rows.parquet", tmp_path / "out.parquet") == 0
    assert pq.read_table(tmp_path / "out.parquet").column_names == ["amount", "risk", "score"]

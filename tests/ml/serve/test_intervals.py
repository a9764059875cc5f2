"""Answers with their interval: in the answer, in the metadata, in the log, in a scored file, and never without being
asked for.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.ml.serve.doors import Asked, served

from wellkept.kernel.errors import InputError
from wellkept.ml.contract import parse_contract
from wellkept.ml.interval import Interval
from wellkept.ml.serve.answered import opened, opening
from wellkept.ml.serve.batch import score_file

CONTRACT = parse_contract("""
name: demand
task: regression
owner: stores
inputs: [{name: x}]
output: {name: pieces, interval: 0.8}
metrics: {primary: mae}
""")
INTERVAL = Interval(0.8, (10.0,), (-1.0, -5.0), (2.0, 6.0), 400)
DEMAND = replace(served("demand", contract=CONTRACT), interval=INTERVAL)
ROWS = [{"name": "x", "datatype": "FP64", "shape": [2], "data": [4.0, 40.0]}]
ENDS = {"lower": [3.0, 35.0], "upper": [6.0, 46.0]}


def test_an_answer_comes_with_the_ends_of_its_interval_and_they_are_logged(asked: Asked) -> None:
    asked.serve(DEMAND)
    body = asked.post("/v2/models/demand/infer", {"inputs": ROWS}).json()
    told = {one["name"]: one["data"] for one in body["outputs"]}
    assert told == {"pieces": [4.0, 40.0], **ENDS}
    assert [one["name"] for one in asked.get("/v2/models/demand").json()["outputs"]] == list(told)
    logged = [record["attributes"] for record in asked.log.records]
    assert [(float(one["lower"]), float(one["upper"])) for one in logged] == [(3.0, 6.0), (35.0, 46.0)]
    wanted = asked.post("/v2/models/demand/infer", {"inputs": ROWS, "outputs": [{"name": "upper"}]}).json()
    assert [one["name"] for one in wanted["outputs"]] == ["upper"]
    assert asked.post("/invocations", {"inputs": {"x": [4.0]}}).json() == {"predictions": [4.0]}
    refused = asked.post("/v2/models/demand/infer", {"inputs": ROWS, "outputs": [{"name": "median"}]})
    assert "(pieces, lower, upper)" in refused.json()["error"]


def test_a_journal_keeps_the_interval_of_a_version_and_an_older_one_has_none() -> None:
    assert opened(opening(DEMAND))[1].interval == INTERVAL
    assert opened(opening(replace(DEMAND, interval=None)))[1].interval is None
    assert opened(b'["sha256:d","demand",null,["x"],{}]')[1].interval is None


def test_a_scored_file_has_the_ends_beside_the_scores(tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"x": [4.0, 40.0]}), rows)
    assert score_file(DEMAND, rows, out) == 2
    assert pq.read_table(out).to_pydict() == {"x": [4.0, 40.0], "pieces": [4.0, 40.0], **ENDS}
    pq.write_table(pa.table({"x": [4.0], "upper": [1.0]}), rows)
    with pytest.raises(InputError, match="upper"):
        score_file(DEMAND, rows, out)

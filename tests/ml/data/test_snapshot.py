"""Snapshots of projects whose contract says all about the data: no load, a manifest, the same hash for the same."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.ml.data.projects import DAY, NOON, SPAN, put
from tests.ml.workshop import Shelf

from wellkept.kernel.errors import TrainingError
from wellkept.ml.contract import read_project
from wellkept.ml.data.base import Reach
from wellkept.ml.data.datacontract import DataContractError
from wellkept.ml.data.stage import Snapshot, Snapshots
from wellkept.ml.datalook import look_at_data
from wellkept.store.artifacts.artifacts import Artifacts

CONTRACT = """
name: fraud
task: binary_classification
owner: risk team
inputs: [{name: amount}, {name: risk, nullable: true}]
label: {name: fraud, delay_s: 3600}
metrics: {primary: roc_auc}
data:
  sources:
    orders: {connector: parquet, path: orders.parquet, time: at}
    risk: {connector: parquet, path: risk.parquet, keys: [card], time: at}
  entity: {source: orders, keys: [card]}
  masks: {card: hash, email: drop}
  checks: {columns: {amount: {min: 0}, email: {regex: ".+@.+"}}}
"""
TRAIN = "def train(frame):\n    return None\n"


def project(folder: Path, code: str = TRAIN, amounts: Any = (1.0, 2.0, 3.0)) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "model.yaml").write_text(CONTRACT, encoding="utf-8")
    (folder / "model.py").write_text(code, encoding="utf-8")
    at = [NOON - DAY, NOON - 2 * DAY, NOON - timedelta(minutes=5)]
    emails = ["a@x.org", "b@x.org", "nobody@x.org"]
    put(
        folder,
        "orders",
        {"card": [1, 2, 1], "email": emails, "amount": list(amounts), "at": at, "fraud": [0.0, 1.0, 0.0]},
    )
    put(folder, "risk", {"card": [1], "at": [NOON - 3 * DAY], "risk": [0.5]})
    return folder


def taken(
    folder: Path, source: Path, excluded: Any = (), key: str = "a key of this test"
) -> tuple[Snapshot, Artifacts]:
    (folder / "mask.key").write_text(key, encoding="utf-8")
    artifacts = Artifacts(str(folder / "artifacts"))
    snapshots = Snapshots(artifacts, Shelf(), Reach(mask_key=folder / "mask.key"))
    contract, _ = read_project(source)
    return snapshots.take(source, contract, SPAN, excluded, folder / "run", 60.0), artifacts


def test_answers_have_the_labels_that_were_known_at_the_end(tmp_path: Path) -> None:
    shelf, contract = Shelf(), read_project(project(tmp_path / "fraud"))[0]
    Snapshots(Artifacts(str(tmp_path / "artifacts")), shelf).take(
        tmp_path / "fraud", contract, SPAN, (), tmp_path / "run", 60.0
    )
    assert shelf.known_by == SPAN[1]


def test_a_project_needs_no_load_where_its_contract_says_all(tmp_path: Path) -> None:
    snapshot, artifacts = taken(tmp_path, project(tmp_path / "fraud"))

    table = pq.read_table(snapshot.path)
    assert table.column_names == ["time", "card", "amount", "fraud", "risk"]
    assert table.select(["amount", "risk", "fraud"]).to_pylist() == [
        {"amount": 2.0, "risk": None, "fraud": 1.0},
        {"amount": 1.0, "risk": 0.5, "fraud": 0.0},
    ]
    told = json.loads(artifacts.get_bytes(snapshot.manifest))
    assert told["snapshot"] == snapshot.digest
    assert (told["rows"], told["masks"]) == (2, {"card": "hash", "email": "drop"})
    assert set(told["sources"]) == {"orders", "risk"}
    assert told["joined"]["label"] == {"not_due": 1, "unknown": 0, "rows": 2}
    assert told["checks"]["passed"]
    assert "@x.org" not in json.dumps(told)
    assert snapshot.lineage == {"snapshot": snapshot.digest, "manifest": snapshot.manifest}


def test_the_same_data_give_the_same_hash_and_another_key_another(tmp_path: Path) -> None:
    source = project(tmp_path / "fraud")
    for name in "abc":
        (tmp_path / name).mkdir()

    first, again = taken(tmp_path / "a", source)[0], taken(tmp_path / "b", source)[0]
    other = taken(tmp_path / "c", source, key="the key of another place")[0]

    assert (first.digest, first.manifest) == (again.digest, again.manifest)
    assert other.digest != first.digest


def test_excluded_spans_are_left_out_and_told_of(tmp_path: Path) -> None:
    span = (NOON - 2 * DAY, NOON - 2 * DAY)

    snapshot, artifacts = taken(tmp_path, project(tmp_path / "fraud"), [span])

    assert pq.read_table(snapshot.path)["amount"].to_pylist() == [1.0]
    told = json.loads(artifacts.get_bytes(snapshot.manifest))
    assert told["asked"]["excluded"] == [[moment.isoformat() for moment in span]]


def test_rows_that_break_their_contract_stop_the_run_and_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(DataContractError, match=r"amount: min 0: 1 of 2 rows break it, such as -1\.0") as raised:
        taken(tmp_path, project(tmp_path / "fraud", amounts=(-1.0, 2.0, 3.0)))

    assert [one["rule"] for one in raised.value.report["checks"] if not one["passed"]] == ["min 0"]
    assert not (tmp_path / "artifacts").exists()
    assert not (tmp_path / "run" / "snapshot.parquet").exists()


def test_a_load_of_its_own_reads_the_named_sources(tmp_path: Path) -> None:
    code = TRAIN + (
        "def load(window):\n"
        "    assert window.source('risk')['risk'].to_pylist() == [0.5]\n"
        "    frame = window.joined()\n"
        "    return frame.filter(frame['fraud'].to_numpy() > 0)\n"
    )

    snapshot, _ = taken(tmp_path, project(tmp_path / "fraud", code))

    assert snapshot.rows == 1


def test_a_source_that_fails_is_the_datas_fault(tmp_path: Path) -> None:
    source = project(tmp_path / "fraud")
    (source / "risk.parquet").unlink()

    with pytest.raises(TrainingError, match=r"data: source risk: path: must be a file that is there") as raised:
        taken(tmp_path, source)

    assert raised.value.cause == "data"


def test_the_data_of_a_project_can_be_looked_at_without_training(tmp_path: Path) -> None:
    reach, source = Reach(), project(tmp_path / "fraud")

    found = look_at_data(source, NOON, reach, 60.0, SPAN[0])

    assert (found["ok"], found["rows"]) == (True, 2)
    columns = {one["column"]: one for one in found["profile"]}
    assert (columns["amount"]["min"], columns["amount"]["max"], columns["risk"]["null_share"]) == (1.0, 2.0, 0.5)
    assert (columns["card"]["mask"], columns["card"]["min"], columns["card"]["distinct"]) == ("hash", None, 2)
    assert found["manifest"]["sources"]["risk"]["rows"] == 1

    found = look_at_data(project(tmp_path / "fraud", amounts=(-1.0, 2.0, 3.0)), NOON, reach, 60.0, SPAN[0])
    assert not found["ok"]
    assert "digest" not in found
    assert {one["column"] for one in found["profile"]} >= {"amount", "email"}

"""Served features beside recomputed ones: alike, or how many differ, by which rows, and in which form."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.ml.data.projects import DAY, HOUR, NOON, data_of, put, reading

from wellkept.kernel.errors import InputError
from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.data.base import Reach
from wellkept.ml.data.skew import skew_report
from wellkept.ml.data.skewcheck import SkewCheck
from wellkept.ml.dataspec import Data
from wellkept.store.telemetry.predictions import MILLISECOND

ENTITY = {"source": "orders", "keys": ["card"]}
RISK = {"keys": ["card"], "time": "at", "known_at": "seen"}


def data(**more: Any) -> Data:
    return data_of({"orders": {"time": "at"}, "risk": RISK}, entity=ENTITY, **more)


def facts(folder: Path) -> None:
    """Card 1 had the risk 0.1, which was corrected to 0.7 an hour ago; card 2 has 0.2."""
    columns = {
        "card": [1, 1, 2],
        "at": [NOON - DAY] * 3,
        "seen": [NOON - DAY, NOON - HOUR, NOON - DAY],
        "risk": [0.1, 0.7, 0.2],
    }
    put(folder, "risk", columns)


def served(*rows: tuple[Any, Any, Any]) -> pa.Table:
    """Logged predictions: hours before noon, the key, the risk that was served."""
    return pa.table(
        {
            "id": [f"p{n}" for n in range(len(rows))],
            "time": pa.array([NOON - row[0] * HOUR for row in rows], MILLISECOND),
            "entity_key": pa.array([row[1] for row in rows], pa.string()),
            "risk": pa.array([row[2] for row in rows], pa.float64()),
            "amount": [1.0] * len(rows),
        }
    )


def report(folder: Path, rows: pa.Table, spec: Data | None = None, **defaults: float) -> dict[str, Any]:
    facts(folder)
    spec = spec or data()
    return skew_report(rows, spec, reading(folder, spec), {"risk": None, "amount": None, **defaults})


def test_values_are_compared_with_what_was_known_at_that_moment(tmp_path: Path) -> None:
    found = report(tmp_path, served((3, "1", 0.1), (0.5, "1", 0.7), (3, "2", 0.2), (3, "7", None)))

    assert (found["verdict"], found["rows"], found["without_key"]) == ("ok", 4, 0)
    (risk,) = found["features"]
    assert (risk["feature"], risk["source"], risk["differ"], risk["worst"]) == ("risk", "risk", 0, [])


def test_a_category_differs_or_it_does_not(tmp_path: Path) -> None:
    put(tmp_path, "plans", {"card": [1, 2, 3], "at": [NOON - DAY] * 3, "plan": ["yearly", "monthly", None]})
    spec = data_of({"orders": {"time": "at"}, "plans": {"keys": ["card"], "time": "at"}}, entity=ENTITY)
    rows = served((3, "1", 0.0), (3, "2", 0.0), (3, "3", 0.0), (3, "1", 0.0))
    rows = rows.append_column("plan", pa.array(["yearly", "yearly", "yearly", None], pa.string()))

    found = skew_report(rows, spec, reading(tmp_path, spec), {"plan": None})

    (plan,) = found["features"]
    assert (plan["rows"], plan["differ"], plan["only_served"], plan["only_recomputed"]) == (4, 3, 1, 1)
    told = [(one["served"], one["recomputed"]) for one in plan["worst"]]
    assert told == [("yearly", "monthly"), ("yearly", None), (None, "yearly")]


def test_what_differs_is_counted_and_shown(tmp_path: Path) -> None:
    rows = served((3, "1", 0.7), (3, "2", 0.2), (3, "2", None), (3, "7", 0.0), (3, "2", 0.2000000001))

    found = report(tmp_path, rows, risk=0.0)

    (risk,) = found["features"]
    assert found["verdict"] == "skewed"
    assert (risk["differ"], risk["share"]) == (3, 0.6)
    assert (risk["only_served"], risk["only_recomputed"], risk["defaults"]) == (1, 1, 1)
    assert [(row["id"], row["served"], row["recomputed"]) for row in risk["worst"]] == [
        ("p2", None, 0.2),
        ("p3", 0.0, None),
        ("p0", 0.7, 0.1),
    ]
    json.dumps(found)


def test_keys_of_masked_columns_are_not_shown(tmp_path: Path) -> None:
    found = report(tmp_path, served((3, "1", 0.7)), data(masks={"card": "hash"}))

    assert found["features"][0]["worst"][0]["entity_key"] == "(masked)"


def test_without_keys_nothing_is_known(tmp_path: Path) -> None:
    found = report(tmp_path, served((3, "", 0.1), (3, None, 0.1)))

    assert (found["verdict"], found["rows"], found["without_key"], found["features"]) == ("unknown", 0, 2, [])


def test_several_keys_are_an_object(tmp_path: Path) -> None:
    put(tmp_path, "risk", {"card": [1], "shop": ["a"], "at": [NOON - DAY], "seen": [NOON - DAY], "risk": [0.1]})
    fields = {**RISK, "keys": ["card", "shop"]}
    spec = data_of({"orders": {"time": "at"}, "risk": fields}, entity={**ENTITY, "keys": ["card", "shop"]})
    rows = served((3, '{"card": 1, "shop": "a"}', 0.1), (3, '{"card": 1}', 0.1), (3, "no object", 0.1))

    found = skew_report(rows, spec, reading(tmp_path, spec), {"risk": None})

    assert (found["verdict"], found["rows"], found["without_key"]) == ("ok", 1, 2)


def test_a_key_that_is_no_number_serves_nobody(tmp_path: Path) -> None:
    found = report(tmp_path, served((3, "1.0", 0.1), (3, "'; DROP TABLE risk", None)))

    assert (found["verdict"], found["features"][0]["differ"]) == ("ok", 0)


CONTRACT = """
name: fraud
task: binary_classification
owner: risk team
inputs: [{name: amount}, {name: risk, nullable: true}]
metrics: {primary: roc_auc}
"""
SOURCES = """
data:
  sources:
    orders: {connector: parquet, path: orders.parquet, time: at}
    risk: {connector: parquet, path: risk.parquet, keys: [card], time: at, known_at: seen}
  entity: {source: orders, keys: [card]}
"""


class Log:
    """Stands for the store of predictions, and remembers what was asked."""

    def __init__(self, rows: pa.Table) -> None:
        self.rows = rows
        self.asked: tuple[Any, ...] = ()

    def sample(self, *asked: Any) -> pa.Table:
        self.asked = asked
        pairs = [[("risk", row["risk"]), ("amount", row["amount"])] for row in self.rows.to_pylist()]
        return self.rows.append_column("features", pa.array(pairs, pa.map_(pa.string(), pa.float64())))


def checked(folder: Path, contract: ModelContract, log: Log) -> dict[str, Any]:
    facts(folder)
    return SkewCheck(log, Reach(), 60.0).check(folder, contract, "sha256:1", NOON, folder / "run")


def test_a_check_runs_in_a_process_of_its_own_and_leaves_no_rows(tmp_path: Path) -> None:
    log = Log(served((3, "1", 0.1), (3, "2", 0.9)))

    found = checked(tmp_path, parse_contract(CONTRACT + SOURCES), log)

    assert log.asked == ("fraud", "sha256:1", NOON - timedelta(days=1), NOON, 1000)
    assert (found["verdict"], found["version"], found["end"]) == ("skewed", "sha256:1", NOON.isoformat())
    assert [path.name for path in (tmp_path / "run").glob("*.parquet")] == []


def test_a_model_without_sources_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no joined sources"):
        checked(tmp_path, parse_contract(CONTRACT), Log(served()))

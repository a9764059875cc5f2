"""The data part of a contract: what it says, the road to a worker, and its schema."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from wellkept.ml.contract import parse_contract
from wellkept.ml.data.connectors.sql import SqlQuery
from wellkept.ml.dataspec import Data
from wellkept.ml.newproject import contract_schema
from wellkept.spine.plugins import TABLE

HEAD = """
name: fraud
task: binary_classification
owner: risk team
inputs: [{name: amount}, {name: card_risk, nullable: true}]
label: {name: fraud}
metrics: {primary: roc_auc}
"""


def in_docs() -> Data:
    page = (Path(__file__).parents[3] / "docs" / "model-data.md").read_text("utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    return parse_contract(HEAD + text).data


def test_the_data_part_in_the_docs_is_right() -> None:
    data = in_docs()

    assert data.features == ("risk",)
    assert data.sources["risk"].keys == {"card": "card_id"}
    assert data.sources["risk"].columns == {"card_risk": "risk"}
    assert isinstance(data.sources["payments"].options(), SqlQuery.Options)
    assert data.checks.columns["email"].regex == "[^@]+@[^@]+"


def test_a_worker_gets_the_same_part() -> None:
    data = in_docs()

    again = Data.model_validate(json.loads(json.dumps(data.as_json())))

    assert again == data
    assert [source.options() for source in again.sources.values()] == [one.options() for one in data.sources.values()]


def test_a_history_alone_is_enough() -> None:
    assert parse_contract(HEAD + "data: {history: rows.parquet}").data == Data(history="rows.parquet")


def test_without_a_list_all_sources_with_keys_are_joined_but_those_of_entity_and_label() -> None:
    files = {"connector": "parquet", "path": "a.parquet", "time": "at"}
    keyed = {**files, "keys": ["card"]}
    sources = {"orders": keyed, "truth": keyed, "risk": keyed, "limits": keyed, "aside": files}
    rest = {"sources": sources, "entity": {"source": "orders", "keys": ["card"]}, "label": {"source": "truth"}}

    assert Data.model_validate(rest).features == ("risk", "limits")
    assert Data.model_validate({**rest, "join": ["limits"]}).features == ("limits",)
    with pytest.raises(ValidationError, match="join must be one of the sources"):
        Data.model_validate({**rest, "join": ["limit"]})


def test_the_schema_tells_the_options_of_each_connector() -> None:
    schema = contract_schema()["$defs"]["Source"]

    told = {rule["if"]["properties"]["connector"]["const"]: rule["then"] for rule in schema["allOf"]}
    assert set(told) == set(TABLE["connector"])
    assert told["sql"]["required"] == ["url", "query"]
    assert "path" in told["csv"]["properties"]
    assert schema["properties"]["connector"]["enum"] == sorted(TABLE["connector"])

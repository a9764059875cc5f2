"""The model contract: one fixture per mistake, each named with its line, field, rule and value."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.errors import DocumentError, InputError, NotFoundError
from wellkept.ml.contract import digest_of, parse_contract, read_project
from wellkept.ml.gates import GATES

FIXTURES = sorted((Path(__file__).parent / "contracts").glob("*.yaml"))
SMALLEST = """
name: fraud
task: binary_classification
owner: risk team
inputs: [{name: amount}]
metrics: {primary: roc_auc}
"""
WHOLE = """
name: house-price_2
task: regression
owner: valuation
description: What a house sells for.
entity_keys: [house]
inputs:
  - {name: area}
  - {name: rooms, type: int, nullable: true}
  - {name: garden, type: bool, source: "service:homes/facts"}
output: {name: price, threshold: 1.5}
label: {name: sold_for, delay_s: 86400}
metrics: {primary: rmse, others: [mae]}
gates:
  - {metric: rmse, at_most: 10}
  - {versus_champion: mae, margin: 0.1}
  - {latency_p99_ms: 5}
monitors:
  drift: {psi: 0.3, window_s: 600, min_rows: 50}
  nulls: {share: 0.2}
  performance: {drop: 0.2, window_s: 600, min_labels: 30}
retrain: {min_rows: 50, window_s: 600, cooldown_s: 0}
data: {history: history.parquet}
"""


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_a_mistake_is_named(fixture: Path) -> None:
    text = fixture.read_text(encoding="utf-8")
    expected = re.findall(r"^# expect: (.*)$", text, re.MULTILINE)

    with pytest.raises(DocumentError) as raised:
        parse_contract(text, "model.yaml")

    assert expected, "a fixture begins with what it expects"
    assert [str(problem) for problem in raised.value.problems] == expected


def test_every_mistake_has_a_fixture_of_its_own() -> None:
    assert len(FIXTURES) >= 28
    assert len({fixture.read_text(encoding="utf-8") for fixture in FIXTURES}) == len(FIXTURES)


def test_the_smallest_contract_is_enough() -> None:
    contract = parse_contract(SMALLEST)

    assert (contract.features, contract.label.name, contract.output.threshold) == (("amount",), "label", None)
    assert (contract.gates, contract.monitors.drift.min_rows) == ((), 500)


def test_a_contract_keeps_all_that_it_says() -> None:
    contract = parse_contract(WHOLE)

    assert contract.features == ("area", "rooms", "garden")
    assert [entry.type for entry in contract.inputs] == ["float", "int", "bool"]
    assert contract.inputs[2].source == "service:homes/facts"
    assert (contract.output.name, contract.label.name, contract.label.delay_s) == ("price", "sold_for", 86400)
    assert [gate.model_dump(exclude_defaults=True) for gate in contract.gates] == [
        {"metric": "rmse", "at_most": 10},
        {"versus_champion": "mae", "margin": 0.1},
        {"latency_p99_ms": 5},
    ]


@given(st.text(max_size=200))
def test_no_text_is_met_with_anything_but_a_document_error(text: str) -> None:
    with contextlib.suppress(DocumentError):
        parse_contract(text)


@pytest.mark.parametrize("missing", ["model.yaml", "model.py"])
def test_a_folder_without_one_of_its_files_is_no_project(missing: str, tmp_path: Path) -> None:
    for name in {"model.yaml", "model.py"} - {missing}:
        tmp_path.joinpath(name).write_text(SMALLEST, encoding="utf-8")

    with pytest.raises(NotFoundError, match=f"model project {tmp_path}: has no {missing}"):
        read_project(tmp_path)


def test_a_project_is_read_with_its_text(tmp_path: Path) -> None:
    tmp_path.joinpath("model.yaml").write_text(SMALLEST, encoding="utf-8")
    tmp_path.joinpath("model.py").touch()

    contract, text = read_project(tmp_path)

    assert (contract.name, text) == ("fraud", SMALLEST)
    assert digest_of(text.encode()).startswith("sha256:")


@pytest.mark.parametrize("kind", ["text", "embedding, size: 8"])
def test_what_is_trained_here_takes_numbers_and_categories(kind: str, tmp_path: Path) -> None:
    tmp_path.joinpath("model.py").touch()
    for told in ("category", kind):
        text = SMALLEST.replace("{name: amount}", f"{{name: amount, type: {told}}}")
        tmp_path.joinpath("model.yaml").write_text(text, encoding="utf-8")
        if told == "category":
            assert read_project(tmp_path)[0].categories == ("amount",)

    with pytest.raises(InputError, match="must be float, int, bool or category in a model that is trained or served"):
        read_project(tmp_path)


def test_a_contract_that_is_no_text_is_named_with_its_file(tmp_path: Path) -> None:
    tmp_path.joinpath("model.yaml").write_bytes(b"name: \xff\xfe")
    tmp_path.joinpath("model.py").touch()

    with pytest.raises(DocumentError, match=re.escape(f"{tmp_path / 'model.yaml'} has 1 mistake")) as raised:
        read_project(tmp_path)
    assert "UTF-8" in str(raised.value)


def test_the_contract_in_the_docs_is_right() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
    text, *_ = re.findall(r"```yaml\n(.*?)```", page.partition("\n## The contract\n")[2], re.DOTALL)

    contract = parse_contract(text)

    assert contract.name == "fraud"
    assert len(contract.gates) == 9


@pytest.mark.parametrize("name", ["churn", "demand", "fraud", "recommendations"])
def test_the_contracts_of_the_examples_are_right(name: str) -> None:
    contract, _ = read_project(Path(__file__).parents[2] / "examples" / name)

    assert contract.name == name


def test_the_gates_of_the_docs_are_gates() -> None:
    page = (Path(__file__).parents[2] / "docs" / "gates.md").read_text("utf-8")
    written = re.findall(r"```yaml\n(gates:.*?)```", page, re.DOTALL)[0]

    contract = parse_contract(
        "name: fraud\ntask: binary_classification\nowner: us\ninputs: [{name: amount}, {name: channel}]\n"
        f"slices: [country]\noutput: {{threshold: 0.5}}\nmetrics: {{primary: average_precision}}\n{written}"
    )

    kinds = {next(name for name in GATES if name in gate.model_dump(exclude_none=True)) for gate in contract.gates}
    assert kinds == GATES.keys() - {"latency_p99_ms"}
    assert set(GATES) <= set(re.findall(r"`([a-z_0-9]+)", page)), "each is told in words, too"

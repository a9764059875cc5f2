"""A trial names what is wrong with a project, step by step, and its reports say it in every form."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ml.workshop import CONTRACT, LOAD, LOGISTIC, NOON, project

from wellkept.ml.contract import parse_contract
from wellkept.ml.reports import as_json, as_junit, as_markdown
from wellkept.ml.trial import Report, Step, sampled, try_project

FORECAST = """
name: shop
task: forecasting
owner: shop
inputs: [{name: lag}]
metrics: {primary: wape}
forecast: {item: item, horizon: 2}
"""


def tried(folder: Path, code: str = LOAD + LOGISTIC, contract: str = CONTRACT, rows: int = 0) -> Report:
    return try_project(project(folder / "p", code, contract), NOON, rows, 60.0)


def step(report: Report, name: str) -> Step:
    return next(one for one in report.steps if one.name == name)


def test_a_right_project_passes_every_step(tmp_path: Path) -> None:
    report = tried(tmp_path)

    assert report.passed, report.text()
    assert [one.name for one in report.steps[:3]] == ["contract", "load", "train"]
    assert step(report, "train").sentence == "LogisticRegression on 300 of 400 rows, served as onnx"
    assert report.metrics.keys() == {"roc_auc", "average_precision"}


def test_a_trial_may_take_what_the_contract_lets_a_training_take(tmp_path: Path) -> None:
    hangs = "import time\n\ndef load(window):\n    time.sleep(600)\n"

    report = tried(tmp_path, hangs, f"{CONTRACT}train: {{time_s: 1}}\n")

    assert step(report, "load").passed is False
    assert "was not done within 1 s" in step(report, "load").sentence


def test_every_mistake_of_the_contract_is_a_step_with_its_line(tmp_path: Path) -> None:
    report = tried(tmp_path, contract=CONTRACT.replace("roc_auc", "f7").replace("owner:", "color:"))

    wrong = {one.name: one.line for one in report.steps if one.passed is False}
    assert wrong.keys() >= {"contract owner", "contract color", "contract metrics.primary"}
    assert wrong["contract color"] == 4
    assert [one.name for one in report.steps if one.passed is None] == ["load", "train"]
    assert not report.passed


def test_a_folder_that_is_no_project_fails(tmp_path: Path) -> None:
    report = try_project(tmp_path, NOON, 0)

    assert not report.passed
    assert "has no model.yaml" in report.text()


@pytest.mark.parametrize(
    ("code", "failed", "words"),
    [
        ("def load(window):\n    return 7\n", "load", "must return a frame that speaks Arrow"),
        ("import missing_module_of_ours\n", "load", "No module named"),
        (LOAD, "train", "train: must be a function"),
        (LOAD + "\n    def train(frame):\n        return 7\n", "train", "must return an estimator of LightGBM"),
        (LOAD + "\n    def train(frame):\n        raise SystemExit(3)\n", "train", "ended with code 3"),
    ],
)
def test_what_fails_is_named(code: str, failed: str, words: str, tmp_path: Path) -> None:
    report = tried(tmp_path, code)

    assert step(report, failed).passed is False
    assert words in step(report, failed).sentence
    assert not report.passed


def test_a_gate_that_is_not_passed_fails_the_trial(tmp_path: Path) -> None:
    report = tried(tmp_path, contract=CONTRACT.replace("at_least: 0.7", "at_least: 0.999"))

    assert step(report, "gate roc_auc").passed is False
    assert not report.passed


def test_a_column_that_knows_the_label_is_found(tmp_path: Path) -> None:
    code = LOAD.replace('"risk": risk, "label": label', '"risk": label * 2.0, "label": label') + LOGISTIC

    report = tried(tmp_path, code)

    assert step(report, "gate leakage").passed is False
    assert "risk alone tells 1.000" in step(report, "gate leakage").sentence


def test_a_sample_of_a_forecast_has_whole_items(tmp_path: Path) -> None:
    file, items = tmp_path / "rows.parquet", [f"i{n % 10}" for n in range(1000)]
    pq.write_table(pa.table({"item": items, "n": list(range(1000))}), file)

    count = sampled(file, parse_contract(FORECAST), 300)

    left = pq.read_table(file)["item"].to_pylist()
    assert (count, len(left), len(set(left))) == (300, 300, 3)


@pytest.mark.parametrize(("rows", "left"), [(0, 50), (50, 50), (60, 50), (20, 20)])
def test_a_sample_is_no_larger_than_asked_for(rows: int, left: int, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"n": list(range(50))}), file)

    assert sampled(file, parse_contract(CONTRACT), rows) == left
    kept = pq.read_table(file)["n"].to_pylist()
    assert kept == sorted(kept), "the order of time stays"


WORDS = st.text(st.characters(codec="utf-8"), max_size=60)
ANY = st.builds(Step, WORDS, st.sampled_from([True, False, None]), WORDS, st.just(0.5), st.integers(0, 9))
STEPS = st.lists(ANY | st.builds(Step, WORDS, st.just(value=True), WORDS, warns=st.just(value=True)))


@given(WORDS, STEPS)
def test_whatever_a_step_says_the_xml_is_well_formed_and_counts_it(name: str, steps: list[Step]) -> None:
    report = Report("p", name, "regression", tuple(steps), {"mae": 1.0}, 7)

    suite = ET.fromstring(as_junit(report)).find("testsuite")

    assert suite is not None
    assert len(suite.findall("testcase")) == len(steps) == int(suite.attrib["tests"])
    assert len(suite.findall("testcase/failure")) == sum(one.passed is False for one in steps)
    assert len(suite.findall("testcase/skipped")) == sum(one.passed is None for one in steps)


@given(WORDS, STEPS)
def test_a_step_is_one_line_of_markdown_and_breaks_out_of_no_cell(name: str, steps: list[Step]) -> None:
    report = Report("p", name, "regression", tuple(steps), {}, 7)

    lines = as_markdown(report).split("\n")

    rows = [line for line in lines if line.startswith(("| ✅", "| ❌", "| ⏭️", "| ⚠️"))]
    assert len(rows) == len(steps)
    assert all("<" not in row for row in rows)
    assert all(row.replace("\\|", "").count("|") == 4 for row in rows)


def test_a_trial_without_steps_has_not_passed() -> None:
    assert not Report("p", "m", "regression", (), {}, 0).passed


def test_what_is_odd_about_the_data_warns_and_fails_nothing(tmp_path: Path) -> None:
    code = """
    def load(window):
        table = once(window)
        times = [window.end + timedelta(days=400 if nth < 40 else -1, seconds=nth) for nth in range(table.num_rows)]
        table = table.drop_columns("time").append_column("time", pa.array(times, pa.timestamp("us", tz="UTC")))
        return pa.concat_tables([table, table.slice(50, 50)])
    """
    report = tried(tmp_path, LOAD.replace("def load", "def once") + code + LOGISTIC)

    assert report.passed, report.text()
    told = [one.sentence.split(":")[0] for one in report.steps if one.result == "warning"]
    assert told[0].startswith("40 of 450 rows are of later than the window's end")
    assert told[1].startswith("50 of 410 rows repeat another one")
    assert "warning data: 40 of 450 rows" in report.text()
    assert step(report, "train").sentence.startswith("LogisticRegression on 308 of 410 rows")


def test_the_document_says_what_happened() -> None:
    report = Report("p", "m", "regression", (Step("load", True, "7 rows", 0.25), Step("train", None, "")), {}, 7)

    found = as_json(report)

    assert (found["ok"], found["rows"], [one["result"] for one in found["steps"]]) == (False, 7, ["passed", "skipped"])

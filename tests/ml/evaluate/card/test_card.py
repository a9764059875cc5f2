"""A model card says what was measured, shows it, and lets no text of a project become markup."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ml.workshop import NOON

from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.evaluate.card.charts import Line, bars, lines
from wellkept.ml.evaluate.card.page import Card, card_files, make_card
from wellkept.ml.evaluate.stage import judge
from wellkept.ml.outcome import Outcome

HOSTILE = '<script>alert("x")</script>|`[a](javascript:1)'
TASKS = {
    "binary_classification": ("roc_auc", ""),
    "multiclass_classification": ("accuracy", ""),
    "regression": ("mae", ""),
    "forecasting": ("mase", "forecast: {item: item, horizon: 5, season: 7}"),
    "ranking": ("ndcg@10", "ranking: {user: user, item: item}"),
}
EXPECTED = {
    "binary_classification": {"calibration", "precision", "scores", "missing", "alone", "slice-plan"},
    "multiclass_classification": {"classes", "missing", "alone", "slice-plan"},
    "regression": {"answers", "errors", "time", "missing", "alone", "slice-plan"},
    "forecasting": {"answers", "errors", "time", "missing", "alone", "slice-plan"},
    "ranking": {"recall"},
}


def contract(task: str, description: str = "What it does.") -> ModelContract:
    primary, part = TASKS[task]
    inputs = (
        "[{name: user, type: int}, {name: item, type: int}]" if task == "ranking" else "[{name: a, nullable: true}]"
    )
    slices = "[]" if task == "ranking" else "[plan]"
    text = f"name: shop\ntask: {task}\nowner: us\ndescription: {description!r}\ninputs: {inputs}\nslices: {slices}\n"
    return parse_contract(f"{text}metrics: {{primary: {primary}}}\n{part}\n")


def outcome(task: str, count: int = 120, seed: int = 1) -> Outcome:
    random = np.random.default_rng(seed)
    if task == "ranking":
        group = np.repeat(np.arange(count // 4), 4)[:count]
        place = random.integers(1, 80, len(group)).astype(np.float64)
        return Outcome(np.ones(len(group)), place, place + 1, 0.1, {}, baseline=place + 5, group=group)
    label = random.integers(0, 2, count).astype(np.float64)
    score = label if task == "multiclass_classification" else np.clip(0.5 * label + 0.5 * random.random(count), 0, 1)
    scale = np.ones(count)
    return Outcome(
        label, score, score[::-1], 0.1, {"a": 0.0}, baseline=np.full(count, 0.5),
        group=np.arange(count) % 6, at=(np.arange(count) // 6 * 86_400).astype(np.float64),
        scale=scale, scale_squared=scale,
        slices={"plan": np.array(["gold", HOSTILE])[np.arange(count) % 2]}, missing={"a": score * 0.9},
        alone={"a": 0.7, HOSTILE: 0.2},
    )  # fmt: skip


def made(task: str, given: Outcome, description: str = "What it does.") -> Card:
    wanted = contract(task, description)
    return make_card(wanted, given, judge(wanted, given, "sha256:0", NOON), {"snapshot": "sha256:1", "empty": ""})


@pytest.mark.parametrize("task", TASKS)
def test_a_card_of_each_task_has_its_figures_and_its_plots(task: str) -> None:
    card = made(task, outcome(task))
    files = card_files(card)

    assert {plot.name for plot in card.plots} == EXPECTED[task]
    assert files.keys() == {"card.html", "card.md", *(f"{name}.svg" for name in EXPECTED[task])}
    figures = card.sections[0]
    assert figures.rows[0][0].startswith(TASKS[task][0])
    assert all(figures.rows[0][1:]), "value, interval, champion and baseline are said"
    assert b"snapshot" in files["card.md"]
    assert b"empty" not in files["card.md"]


@pytest.mark.parametrize("task", TASKS)
def test_every_plot_is_well_formed_and_has_a_title(task: str) -> None:
    for plot in made(task, outcome(task)).plots:
        root = ET.fromstring(plot.svg)
        assert root.attrib["aria-label"] == plot.title
        assert "nan" not in plot.svg.lower().replace("alone", "")


def test_no_text_of_a_project_becomes_markup() -> None:
    files = card_files(made("binary_classification", outcome("binary_classification"), HOSTILE))

    for name, data in files.items():
        text = data.decode()
        assert "<script" not in text, name
        assert name != "card.md" or "`[a](" not in text


def test_a_version_that_failed_says_so() -> None:
    one_class = replace(outcome("binary_classification"), label=np.zeros(120))

    files = card_files(made("binary_classification", one_class))

    assert b"It did not pass its gates" in files["card.md"]
    assert b'class="fail"' in files["card.html"]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(TASKS)), st.integers(0, 12), st.sampled_from([0.0, 1.0, 7.5, float("nan"), float("inf")]))
def test_whatever_a_model_answers_there_is_a_card(task: str, count: int, answer: float) -> None:
    given = outcome(task, count)
    answer = max(answer, 1.0) if task == "ranking" else answer  # a place counts from 1
    card = made(task, replace(given, challenger=np.full(len(given.label), answer)))

    assert card_files(card)["card.html"].startswith(b"<!doctype html>")


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=30))
def test_a_chart_draws_what_is_finite(points: list[tuple[float, float]]) -> None:
    some = [(x, y) for x, y in points if abs(x) < 1e100 and abs(y) < 1e100]
    picture = lines("p", "t", "x", "y", [Line("l", [x for x, _ in some], [y for _, y in some])])

    assert (picture is None) == (len(some) < 2)
    if picture is not None:
        ET.fromstring(picture.svg)


def test_bars_without_rows_are_no_picture() -> None:
    nothing: Any = [("a", float("nan"), "none")]

    assert bars("b", "t", []) is None
    assert bars("b", "t", nothing) is None
    assert bars("b", "t", [("a", 0.0, "0")], limit=1.0) is not None

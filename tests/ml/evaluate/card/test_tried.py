"""A card shows what was tried: windows, groups, behaviour, changed inputs, shared rows, serving; and how many looks."""

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
from wellkept.ml.evaluate.card.charts import columns
from wellkept.ml.evaluate.card.page import Card, card_files, make_card
from wellkept.ml.evaluate.looks import in_words, looked_at
from wellkept.ml.evaluate.stage import judge
from wellkept.ml.evidence import COMPARED, SEEN, Change, Load, Parity, Served, Shared, Shift, Window
from wellkept.ml.outcome import Outcome

HOSTILE = '<script>alert("x")</script>|`[a](javascript:1)'
CONTRACT = parse_contract(
    """
name: shop
task: binary_classification
owner: us
inputs: [{name: amount}, {name: risk, nullable: true}]
slices: [plan]
output: {threshold: 0.5}
metrics: {primary: roc_auc}
gates:
  - {backtest: roc_auc, windows: 3, at_least: 0.5, champion_margin: -1}
  - {fairness: {group: region, metric: equalized_odds, difference: 0.9, min_rows: 20}}
  - {raising: amount, times: 2, must_not: lower, share: 0.5}
  - {invariant: risk, at_most: 0.5, share: 0.5}
  - {shifted_drop: 0.4}
  - {slice: plan, drop: 0.5, min_rows: 20}
  - {shared_rows_at_most: 0.1}
  - {parity_at_most: 1.0e-5}
  - {budget: {requests_per_s: 50, p99_ms: 20, memory_mb: 300}}
"""
)
LOAD = Load(8, 50.0, 49.0, 150, 0, 2.0, 15.0, [30.0, 15.0], 210.0, 0.4, edges_ms=[1, 5, 20], counts=[100, 50])
ROW: dict[str, Any] = {"row": {"amount": 3.0, "risk": None}, "to": 6.0, "score": 0.5, "then": 0.25}


def outcome(name: str = "north") -> Outcome:
    random = np.random.default_rng(3)
    label = (random.random(400) < 0.4).astype(float)
    score = np.clip(0.4 * label + 0.6 * random.random(400), 0, 1)
    group = np.array([name, "south", "tiny"])[np.r_[np.arange(390) % 2, np.full(10, 2)]]
    day = 86_400.0
    return Outcome(
        label, score, score, 1.0, {}, baseline=np.full(400, 0.4), at=np.arange(400.0), alone={"amount": 0.6},
        slices={"plan": group, "region": group},
        backtest=(
            Window("roc_auc", 0.0, day, 90, 200, 0.8, 0.7, 0.9, SEEN),
            Window("roc_auc", day, 2 * day, 90, 290, 0.7, 0.6, 0.8, COMPARED, 0.65, 0.0, 0.1),
        ),
        changes=(Change(2, 300, 12, 0.25, ROW), Change(3, 280, 0, 0.0)),
        shifts=(Shift("amount", "scaled_up", 400, 0.9, 0.6), Shift("risk", "stuck", 400, 0.9, 0.95)),
        shared=Shared(400, 2, 400, 1, 0, example=ROW["row"]),
        served=Served(Parity(120, 1e-7), (LOAD,)),
    )  # fmt: skip


def made(given_outcome: Outcome, contract: ModelContract = CONTRACT) -> Card:
    return make_card(contract, given_outcome, judge(contract, given_outcome, "sha256:0", NOON), {})


def section(card: Card, title: str) -> list[tuple[str, ...]]:
    return list(next(one for one in card.sections if one.title == title).rows)


def pairs(card: Card, title: str) -> dict[str, str]:
    return {row[0]: row[1] for row in section(card, title)}


def test_everything_that_was_tried_has_its_part() -> None:
    card = made(outcome())

    assert card.passed, [row for row in section(card, "Gates") if row[1] != "passed"]
    windows = section(card, "Back-test")
    assert [row[-1] for row in windows] == ["seen in training", "0.65"]
    assert windows[0][1] == "1970-01-01 00:00 to 1970-01-02 00:00"
    groups = section(card, "Groups")
    assert {row[1] for row in groups} == {"north", "south", "tiny"}
    assert groups[2][:3] == ("region", "tiny", "share found of what happened")
    assert groups[2][4] == "too few rows to tell"
    behaviour = section(card, "Behaviour")
    assert behaviour[0][3] == "12 (4 %)"
    assert "amount 3 becomes 6 and the score goes from 0.5 to 0.25 (with risk nothing)" in behaviour[0][4]
    assert section(card, "Changed inputs")[0] == ("amount", "100 times as great", "0.6", "0.3")
    assert ("near copies of training rows", "1 of 400 looked at") in section(card, "Training and held-out rows")
    served = pairs(card, "Served")
    assert served["latency at 50 requests a second"] == "half within 2.00 ms, 99 % within 15.00 ms"
    assert served["the 99th percentile of every try, in ms (the best counts)"] == "30.0, 15.0"


def test_everything_that_was_tried_has_its_picture() -> None:
    card = made(outcome())

    names = {plot.name for plot in card.plots}
    assert names >= {
        "backtest-roc_auc",
        "fairness-1-true-positive-rate",
        "fairness-1-false-positive-rate",
        "shifted",
        "latency-1",
    }
    for plot in card.plots:
        assert ET.fromstring(plot.svg).attrib["aria-label"] == plot.title
    window = next(plot for plot in card.plots if plot.name == "backtest-roc_auc")
    assert "polygon" in window.svg, "the interval is a band"
    assert "champion" in window.svg


def test_a_groups_name_is_no_markup() -> None:
    for name, data in card_files(made(outcome(HOSTILE))).items():
        assert "<script" not in data.decode(), name


def test_what_was_not_tried_has_no_part() -> None:
    given_outcome = replace(
        outcome(), backtest=(), changes=(), shifts=(), shared=None, served=None, slices={"plan": np.array(["a"] * 400)}
    )

    card = made(given_outcome)

    assert not card.passed
    titles = {one.title for one in card.sections}
    assert titles == {"Figures", "Gates", "Inputs", "Origin"}


def test_the_card_says_how_many_figures_were_looked_at() -> None:
    gates, figures = looked_at(CONTRACT, outcome())

    assert gates == 9
    assert figures == 2 + 2 + 1 + 1 + 2 + 2 + 1 + 1 + 1
    assert "The 9 gates of the contract looked at 13 figures" in in_words(CONTRACT, outcome())
    assert "Bonferroni" in in_words(CONTRACT, outcome())
    bare = parse_contract(
        "name: a\ntask: binary_classification\nowner: us\ninputs: [{name: b}]\nmetrics: {primary: roc_auc}"
    )
    assert in_words(bare, outcome()).startswith("The contract has no gates")


def test_a_load_that_failed_says_so_and_draws_nothing() -> None:
    load = Load(8, 50.0, 0.0, 0, 0, 0.0, 0.0, [], 0.0, 0.0, trouble="the model server did not start")

    card = made(replace(outcome(), served=Served(Parity(0, 0.0, refused="no"), (load,))))

    assert pairs(card, "Served")["at 50 requests a second"] == "the model server did not start"
    assert "latency-1" not in {plot.name for plot in card.plots}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(1e-3, 1e5), min_size=1, max_size=25, unique=True),
    st.lists(st.integers(0, 1000), max_size=25),
    st.lists(st.floats(1e-3, 1e6), max_size=4),
)
def test_a_histogram_is_well_formed(edges: list[float], counts: list[int], marks: list[float]) -> None:
    picture = columns("h", "t", "ms", sorted(edges), counts, [("mark", mark) for mark in marks])

    assert (picture is not None) == (sum(counts) > 0 and len(edges) == len(counts) + 1)
    if picture is not None:
        for drawn in ET.fromstring(picture.svg).iter("{http://www.w3.org/2000/svg}rect"):
            assert float(drawn.attrib["height"]) >= 0
            assert float(drawn.attrib["width"]) >= 0


@pytest.mark.parametrize("task", ["regression", "multiclass_classification"])
def test_other_tasks_have_a_card_of_what_was_tried(task: str) -> None:
    primary = {"regression": "mae", "multiclass_classification": "accuracy"}[task]
    contract = parse_contract(
        f"name: a\ntask: {task}\nowner: us\ninputs: [{{name: amount}}, {{name: risk}}]\n"
        f"metrics: {{primary: {primary}}}\n"
        "gates: [{shifted_drop: 9}, {fairness: {group: region, metric: metric, difference: 9, min_rows: 20}}]"
    )

    card = made(replace(outcome(), changes=(), served=None), contract)

    assert {"Changed inputs", "Groups"} <= {one.title for one in card.sections}

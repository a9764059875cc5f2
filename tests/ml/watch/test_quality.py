"""Data quality: each mistake gives its own finding with its cause, through the stage, and by each monitor alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.ml.watch.elsewhere import NOON, Elsewhere
from tests.ml.watch.test_false_alarms import MONITORS, column, served, spends

from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.store.telemetry.looks import Look


def test_what_is_renamed_upstream_is_told_with_its_new_name_and_ends_when_it_is_back(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7", learn=1000)
    elsewhere.live(0, 700)
    elsewhere.look(700)
    assert elsewhere.open() == {}
    elsewhere.live(700, 1310, spend_v2=lambda inputs: inputs["spend"], spend=None)
    elsewhere.look(1310)
    (found,) = elsewhere.stream.open_findings()
    assert (found.entity, found.kind, found.attributes["cause"]) == (
        "feature:churn/spend",
        FindingKind.DATA_QUALITY,
        "renamed",
    )
    assert "spend_v2 came instead" in found.sentence
    assert "from shop/billing" in found.sentence
    assert (found.severity, found.attributes["renamed_to"]) == (Severity.ERROR, "spend_v2")
    elsewhere.live(1310, 1920)
    elsewhere.look(1920)
    assert elsewhere.open() == {}


def test_an_input_that_nobody_knows_is_information_and_is_told_only_while_it_is_new(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7", learn=1000)
    elsewhere.live(0, 1300)
    elsewhere.look(1300)
    elsewhere.live(1300, 1400, region=3.0)
    elsewhere.look(1400)
    (found,) = elsewhere.stream.open_findings()
    assert (found.entity, found.severity, found.attributes["cause"]) == (
        "feature:churn/region",
        Severity.INFO,
        "new_input",
    )
    elsewhere.live(1400, 2100)
    elsewhere.look(2100)
    assert elsewhere.open() == {}


def test_a_category_that_is_new_is_told_and_may_be_learned(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7", learn=1000)
    elsewhere.live(0, 300)
    elsewhere.look(300)
    elsewhere.live(300, 900, plan=lambda inputs: "family" if inputs["tenure"] > 40 else inputs["plan"])
    elsewhere.look(900)
    (found,) = [f for f in elsewhere.stream.open_findings() if f.detector == "categories"]
    assert found.entity == "feature:churn/plan"
    assert "'family'" in found.sentence
    assert "cause" not in found.attributes


def test_scores_that_are_no_probabilities_are_told_of_the_model(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7", learn=1000)
    elsewhere.live(0, 300)
    elsewhere.look(300)
    assert elsewhere.open() == {}
    elsewhere.live(300, 900, score=lambda inputs: 1.5 if inputs["tenure"] > 60 else 0.2)
    elsewhere.look(900)
    (found,) = [f for f in elsewhere.stream.open_findings() if f.detector == "range"]
    assert (found.entity, found.kind, found.attributes["cause"]) == ("model:churn", FindingKind.DATA_QUALITY, "range")
    assert "no probabilities from 0 to 1" in found.sentence
    assert "to 1.5" in found.sentence


def said(seed: int, change: Callable[[Look, np.random.Generator], Look]) -> list[Finding]:
    """What all monitors say of a day like any other on which the newest predictions were changed."""
    day = served(seed, 600)
    assert day.seen is not None
    changed = change(day.seen.now, np.random.default_rng(seed + 5000))
    day = replace(day, seen=replace(day.seen, now=changed))
    return [finding for monitor in MONITORS for finding in monitor.watch(day, NOON).findings]


def with_values(values: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Callable[..., Look]:
    """A look in which ``spend`` has other values."""

    def change(look: Look, random: np.random.Generator) -> Look:
        made = values(spends(random, look.rows), random)
        return replace(look, columns={**look.columns, "spend": column(made, random, 0.4)})

    return change


def vanished(look: Look, _: np.random.Generator) -> Look:
    return replace(look, columns={name: one for name, one in look.columns.items() if name != "spend"})


def renamed(look: Look, random: np.random.Generator) -> Look:
    return replace(vanished(look, random), columns={**vanished(look, random).columns, "cost": look.columns["spend"]})


def frozen(look: Look, _: np.random.Generator) -> Look:
    return replace(look, columns={**look.columns, "spend": replace(look.columns["spend"], moved=0)})


def forbidden(look: Look, _: np.random.Generator) -> Look:
    return replace(look, columns={**look.columns, "tenure": replace(look.columns["tenure"], below=30)})


MISTAKES: dict[str, tuple[Callable[..., Look], str]] = {
    "vanished": (vanished, "vanished"),
    "renamed": (renamed, "renamed"),
    "cents for euros": (with_values(lambda values, _: values * 100), "unit"),
    "out of range": (forbidden, "range"),
    "far out": (with_values(lambda values, _: values + 1e6), "range"),
    "a default": (
        with_values(lambda values, random: np.where(random.random(len(values)) < 0.45, -1.0, values)),
        "default_spike",
    ),
    "stands still": (frozen, "stale_source"),
    "asked again": (lambda look, _: replace(look, repeated=look.rows // 2), "duplicates"),
    "old": (lambda look, _: replace(look, ages={"": 5000.0}), "stale_source"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_upstream_is_told_as_what_it_is_and_as_nothing_else(mistake: str) -> None:
    change, cause = MISTAKES[mistake]
    for seed in range(20):
        assert {finding.attributes.get("cause") for finding in said(seed, change)} == {cause}


def test_what_comes_with_the_request_is_not_stale_while_some_of_it_moves() -> None:
    def flag(look: Look, _: np.random.Generator) -> Look:
        return replace(look, columns={**look.columns, "tenure": replace(look.columns["tenure"], moved=0)})

    def all_of_it(look: Look, random: np.random.Generator) -> Look:
        still = flag(look, random)
        return replace(still, columns={**still.columns, "plan": replace(still.columns["plan"], pairs=0)})

    assert {finding.attributes.get("cause") for finding in said(3, all_of_it)} == {"stale_source"}
    plan = replace(served(3, 600).seen.now.columns["plan"], pairs=300, moved=200)  # type: ignore[union-attr]
    assert said(3, lambda look, random: replace(look, columns={**flag(look, random).columns, "plan": plan})) == []

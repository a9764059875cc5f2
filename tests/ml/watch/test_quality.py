"""Data quality through the real stage: each mistake gives its own finding, and its cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.ml.watch.elsewhere import Elsewhere

from wellkept.kernel.finding import FindingKind, Severity


@pytest.fixture
def calm(elsewhere: Elsewhere) -> Elsewhere:
    """A model that was measured for a while, and is well."""
    elsewhere.attach("7", learn=1000)
    elsewhere.live(0, 900)
    elsewhere.look(900)
    assert elsewhere.open() == {}
    return elsewhere


def cents(inputs: dict[str, Any]) -> float:
    return float(inputs["spend"]) * 100


MISTAKES: dict[str, tuple[dict[str, Any], str, str]] = {
    "vanished": ({"spend": None}, "feature:churn/spend", "vanished"),
    "renamed": ({"spend": None, "spend_v2": lambda inputs: inputs["spend"]}, "feature:churn/spend", "renamed"),
    "other units": ({"spend": cents}, "feature:churn/spend", "unit"),
    "out of range": ({"tenure": 5000.0}, "feature:churn/tenure", "range"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_upstream_is_told_as_what_it_is(calm: Elsewhere, mistake: str) -> None:
    changed, entity, cause = MISTAKES[mistake]
    if "spend_v2" in changed:
        changed = {"spend_v2": changed["spend_v2"], "spend": None}
    calm.live(900, 1500, **changed)
    calm.look(1500)
    causes = {(f.entity, f.attributes.get("cause")) for f in calm.stream.open_findings()}
    assert (entity, cause) in causes
    assert {f.entity for f in calm.stream.open_findings() if f.kind is FindingKind.DATA_QUALITY} == {entity}


def test_a_renamed_input_names_its_successor_and_ends_when_it_is_back(calm: Elsewhere) -> None:
    calm.live(900, 1500, spend_v2=lambda inputs: inputs["spend"], spend=None)
    calm.look(1500)
    (found,) = [f for f in calm.stream.open_findings() if f.detector == "schema"]
    assert "spend_v2 came instead" in found.sentence
    assert "from shop/billing" in found.sentence
    assert (found.severity, found.attributes["renamed_to"]) == (Severity.ERROR, "spend_v2")
    calm.live(1500, 2150)
    calm.look(2150)
    assert not [f for f in calm.stream.open_findings() if f.detector == "schema"]


def test_a_category_that_is_new_is_told_and_may_be_learned(calm: Elsewhere) -> None:
    calm.live(900, 1500, plan=lambda inputs: "family" if inputs["tenure"] > 40 else inputs["plan"])
    calm.look(1500)
    (found,) = [f for f in calm.stream.open_findings() if f.detector == "categories"]
    assert found.entity == "feature:churn/plan"
    assert "'family'" in found.sentence
    assert "cause" not in found.attributes


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "default": (lambda inputs: -1.0 if inputs["tenure"] > 35 else inputs["spend"], "default_spike"),
    "frozen": (lambda _: 20.0, "default_spike"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_default_that_takes_over_is_told(calm: Elsewhere, change: str) -> None:
    made, cause = CHANGES[change]
    calm.live(900, 1500, spend=made)
    calm.look(1500)
    found = {f.attributes.get("cause") for f in calm.stream.open_findings() if f.entity == "feature:churn/spend"}
    assert cause in found

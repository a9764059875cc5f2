"""Detectors as the configuration wants them: switched off, and with other numbers; mistakes are named."""

from __future__ import annotations

import pytest

from wellkept.app.detectors import checked, detectors, switched_off
from wellkept.app.settings import Ops
from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.detectors.anomaly import Anomaly
from wellkept.spine.plugins import load


def names(**choices: dict[str, object]) -> list[str]:
    return [detector.name for detector in detectors(DetectSettings(), choices)]


def test_all_of_the_table_are_on_in_its_order() -> None:
    assert names() == list(load("detector"))
    assert switched_off({}) == []


def test_one_that_is_switched_off_is_left_out() -> None:
    assert names(robust={"enabled": False}) == [name for name in load("detector") if name != "robust"]
    assert switched_off({"robust": {"enabled": False}, "anomaly": {"enabled": True}}) == ["robust"]


def test_numbers_of_one_are_set() -> None:
    ops = Ops(detectors={"anomaly": {"most_at_once": 5, "most_per_day": 50}})
    (anomaly,) = (one for one in detectors(ops.detect, ops.detectors) if isinstance(one, Anomaly))
    assert (anomaly.parameters.most_at_once, anomaly.parameters.most_per_day) == (5, 50)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"nobody": {}}, r"ops\.detectors: must name detectors \(anomaly, entity"),
        ({"anomaly": {"most": 1}}, r"ops\.detectors\.anomaly\.most: must be a parameter \(steps, most_at_once"),
        ({"anomaly": {"steps": "three"}}, r"ops\.detectors\.anomaly\.steps: must be of the kind of 3, got 'three'"),
        ({"anomaly": {"steps": 0}}, r"anomaly\.steps: must be more than 0, got 0"),
        ({"robust": {"gate": 3}}, r"ops\.detectors\.robust\.gate: must be a parameter \(it has none of its own\)"),
    ],
)
def test_a_mistake_is_named(choices: dict[str, dict[str, object]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        checked(choices)
    with pytest.raises(ValueError, match="detectors"):
        Ops(detectors=choices)

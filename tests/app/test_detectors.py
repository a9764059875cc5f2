"""Detectors as the configuration wants them: switched off, and with other numbers; mistakes are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wellkept.app.detectors import checked, detectors, switched_off
from wellkept.app.settings import Ops, load_settings
from wellkept.kernel.errors import DocumentError
from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.detectors.anomaly import Anomaly
from wellkept.spine.plugins import load

CONFIGURATION = """\
ops:
  detect_every_s: 10
  detectors:
    level: {enabled: maybe}
    nobody: {}
    anomaly:
      steps: three
      most_at_once: 0
      most_per_day: -1
    robust: {gate: 3}
"""


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
        ({"nobody": {}}, r"must be the name of a detector \(anomaly, entity"),
        ({"anomaly": {"most": 1}}, r"must be a parameter \(steps, most_at_once"),
        ({"anomaly": {"steps": "three"}}, "must be of the kind of 3"),
        ({"anomaly": {"steps": 0}}, "must be more than 0"),
        ({"robust": {"gate": 3}}, r"must be a parameter \(it has none of its own\)"),
        ({"level": {"enabled": "maybe"}}, "must be true or false"),
    ],
)
def test_a_mistake_is_named(choices: dict[str, dict[str, object]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        checked(choices)
    with pytest.raises(ValueError, match="detectors"):
        Ops(detectors=choices)


def test_all_mistakes_are_named_once_where_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "wellkept.yaml"
    file.write_text(CONFIGURATION, "utf-8")
    with pytest.raises(DocumentError) as caught:
        load_settings(file, {})
    told = [str(problem) for problem in caught.value.problems]
    assert [re.sub(r" \(.*\)", "", one) for one in told] == [
        "line 4: ops.detectors.level.enabled: must be true or false, got 'maybe'",
        "line 5: ops.detectors.nobody: must be the name of a detector, got 'nobody'",
        "line 7: ops.detectors.anomaly.steps: must be of the kind of 3, got 'three'",
        "line 8: ops.detectors.anomaly.most_at_once: must be more than 0, got 0",
        "line 9: ops.detectors.anomaly.most_per_day: must be more than 0, got -1",
        "line 10: ops.detectors.robust.gate: must be a parameter, got 'gate'",
    ]

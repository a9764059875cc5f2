"""Every scenario beside this file (see ``scenario.py`` for what they say)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.store.telemetry.promql.scenario import Case, Load, Stage, steps_of

from wellkept.store.telemetry.telemetry import Telemetry

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(path: Path, telemetry: Telemetry) -> None:
    stage, cases = Stage(telemetry.engine), 0
    for step in steps_of(path.read_text("utf-8")):
        if isinstance(step, Load):
            stage.load(step)
        elif isinstance(step, Case):
            stage.check(step)
            cases += 1
        else:
            stage.clear()
    assert cases


def test_a_scenario_that_is_wrong_fails(telemetry: Telemetry) -> None:
    stage = Stage(telemetry.engine)
    load, *cases = steps_of("load 1m\n  up 1 1\neval at 1m up\n  up 2\neval at 1m up\n  down 1\nfail at 1m up\n  no")
    assert isinstance(load, Load)
    stage.load(load)
    for case in cases:
        assert isinstance(case, Case)
        with pytest.raises(AssertionError, match=f"line {case.line}"):
            stage.check(case)

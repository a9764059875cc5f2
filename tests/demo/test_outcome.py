"""What ``wellkept demo --json`` prints, and the exit code."""

from __future__ import annotations

import json

import pytest

from wellkept.demo.outcome import ActError, Ending, Outcome, Told

GOOD = Outcome("A memory leak", True, 34.26, Told("service:shop/checkout", "restart", "done", 18.55, {"plan": "pln-1"}))
BAD = Outcome("The world changes", False, 1.0, Told("", "", "expected a; the platform said: b"))
NOTHING = {"payments": 0, "predictions": 0, "labels": 0}


def ending(*outcomes: Outcome, lost: dict[str, int] | None) -> Ending:
    return Ending(outcomes, 203.04, lost, "/tmp/logs")


def test_the_object_is_as_promised() -> None:
    assert json.loads(json.dumps(ending(GOOD, lost=NOTHING).as_json())) == {
        "acts": [
            {
                "name": "A memory leak",
                "passed": True,
                "detected_after_s": 18.6,
                "cause": "service:shop/checkout",
                "action": "restart",
                "result": "done",
                "seconds": 34.3,
                "evidence": {"plan": "pln-1"},
            }
        ],
        "seconds": 203.0,
        "lost_items": 0,
        "lost": NOTHING,
        "logs": "/tmp/logs",
    }


def test_what_was_not_measured_is_null() -> None:
    shown = ending(BAD, lost=None).as_json()
    assert shown["acts"][0]["detected_after_s"] is None
    assert shown["lost_items"] is None
    assert shown["lost"] is None


@pytest.mark.parametrize(
    ("outcomes", "lost", "code"),
    [
        ((GOOD, GOOD), NOTHING, 0),
        ((GOOD, BAD), NOTHING, 1),
        ((BAD,), None, 1),
        ((GOOD,), None, 1),
        ((GOOD,), {**NOTHING, "labels": 1}, 1),
    ],
    ids=["all as told", "one act not", "failed and not counted", "not counted", "a label lost"],
)
def test_the_exit_code_is_0_only_if_every_act_came_out_as_told_and_nothing_was_lost(
    outcomes: tuple[Outcome, ...], lost: dict[str, int] | None, code: int
) -> None:
    assert ending(*outcomes, lost=lost).exit_code == code


def test_an_act_that_failed_says_what_was_expected_and_what_was_said() -> None:
    assert str(ActError("a forecast", "nothing")) == "expected a forecast; the platform said: nothing"

"""Sessions that are unlike those before."""

from __future__ import annotations

from wellkept.ops.detect.patterns.sessions import ENOUGH, Sessions


def learned() -> Sessions:
    known = Sessions()
    known.learn([["open", "write", "close"]] * ENOUGH + [["open", "write", "write", "close"]])
    return known


def test_what_came_before_is_normal() -> None:
    assert learned().why(["close", "open", "write"]) == ()


def test_what_is_new_too_much_missing_or_never_together_is_told() -> None:
    known = learned()
    assert known.why(["open", "write", "close", "crash"])[0] == "crash never came before"
    assert known.why(["open", *["write"] * 3, "close"]) == ("write came 3 times, at most 2 before",)
    assert known.why(["open", "write"]) == ("close came 0 times, at least 1 before",)
    known.learn([["open", "close", "write", "a"], ["open", "close", "write", "b"]])
    assert known.why(["open", "close", "write", "a", "b"]) == ("its patterns never came together before",)


def test_before_its_end_nothing_is_missing() -> None:
    assert learned().why(["open"], is_complete=False) == ()


def test_a_pattern_that_came_late_in_learning_is_not_required() -> None:
    known = Sessions()
    known.learn([["open"]] * ENOUGH + [["open", "rare"]])
    assert known.why(["open"]) == ()


def test_too_few_sessions_teach_nothing() -> None:
    known = Sessions()
    known.learn([["open"]] * (ENOUGH - 1))
    assert known.why(["crash"]) == ()

"""What is shown of a cause: patterns whose frequency changed beyond chance, and traces that differ, with where."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ops.diagnose.test_traces import MAILS, ORDER, SHOP, STOCK, STOCKS, shop
from tests.ops.diagnose.tracing import case, many, mixed

from wellkept.kernel.diagnosis import Cause, Diagnosis, Look
from wellkept.ops.diagnose.exhibits import CAUSES, STEPS, examples, lines, with_exhibits

CASE = case(many(SHOP, 10), many(SHOP, 10))
ONSET = int(400 / (600 / STEPS))


class Counted:
    """A store that counted these patterns: template, severity, lines a step before and since."""

    def __init__(self, *patterns: tuple[str, int, int, int]) -> None:
        self.rows = [
            {
                "template": template,
                "severity": severity,
                "samples": [f"a line of {template}"],
                "steps": [step for step in range(STEPS) if (before if step < ONSET else since)],
                "counts": [n for step in range(STEPS) if (n := before if step < ONSET else since)],
            }
            for template, severity, before, since in patterns
        ]
        self.asked: list[str] = []

    def listed(
        self,
        start: datetime,
        end: datetime,
        *,
        service: str = "",
        entity: str = "",
        severity: int = 0,
        limit: int = 100,
    ) -> pa.Table:
        del start, end, service, severity, limit
        self.asked.append(entity)
        return pa.Table.from_pylist(self.rows)


@pytest.mark.parametrize(
    ("before", "since", "words"),
    [
        (0, 2, "says something new: “x”, 40 times"),
        (3, 0, "says “x” no more, usually 60 times"),
        (1, 9, "says “x” more often: 180 times, usually 20 times"),
        (9, 1, "says “x” less often: 20 times, usually 180 times"),
    ],
)
def test_a_pattern_that_changed_is_told_with_a_line(before: int, since: int, words: str) -> None:
    (found,) = lines(CASE, STOCK, Counted(("x", 9, before, since), ("steady", 9, 5, 5)))
    assert words in found.sentence
    assert found.sample == "a line of x"
    (pointer,) = found.pointers
    assert (pointer.look, pointer.name, pointer.entity, pointer.onset) == (Look.LOGS, "x", STOCK, CASE.onset)


@given(st.integers(0, 50))
def test_what_comes_as_often_as_before_is_not_told(rate: int) -> None:
    assert lines(CASE, STOCK, Counted(("x", 17, rate, rate))) == ()


def test_errors_are_told_before_chatter() -> None:
    found = lines(CASE, STOCK, Counted(("chat", 9, 1, 9), ("fault", 17, 1, 9), ("more chat", 9, 1, 8)))
    assert "fault" in found[0].sentence


def test_a_slow_operation_is_shown_by_a_trace_of_it_and_not_by_its_callers() -> None:
    slow = STOCKS.with_(own_ms=300)
    told = case(many(SHOP), mixed((SHOP, 20), (shop(ORDER.with_(calls=(slow, MAILS))), 40)))
    (found,) = examples(told, STOCK)
    assert "GET /stock" in found.sentence
    assert "takes 300 ms itself" in found.sentence
    assert (found.pointers[0].look, found.pointers[0].where) == (Look.TRACE, "GET /stock")
    assert examples(told, "service:mail") == examples(told, "service:front") == ()


def test_late_answers_are_shown_where_they_are_waited_for() -> None:
    late = shop(ORDER.with_(calls=(STOCKS.with_(late_ms=200), MAILS)))
    (found,) = examples(case(many(SHOP), many(late)), STOCK)
    assert "call GET /stock of orders waits" in found.sentence


def test_failures_are_shown() -> None:
    failing = shop(ORDER.with_(calls=(STOCKS.with_(failed=True), MAILS)))
    found = examples(case(many(SHOP), mixed((SHOP, 30), (failing, 30))), STOCK)
    assert any("fails in 50% of its calls, 0% before" in one.sentence for one in found)


def test_the_same_as_before_shows_nothing() -> None:
    told: Any = case(many(SHOP), many(SHOP))
    assert [examples(told, entity) for entity in told.suspects] == [()] * len(told.suspects)


def test_only_the_first_causes_are_looked_at() -> None:
    causes = tuple(Cause(f"service:{n}", 0.9, ()) for n in range(5))
    store = Counted(("x", 9, 0, 2))
    found = with_exhibits(Diagnosis("inc", CASE.onset, "2", causes, ""), CASE, store)
    assert store.asked == [cause.entity for cause in causes[:CAUSES]]
    assert [bool(cause.exhibits) for cause in found.causes] == [True] * CAUSES + [False] * (5 - CAUSES)

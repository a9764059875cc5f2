"""What was computed a moment ago is computed once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from wellkept.kernel.clock import SettableClock
from wellkept.web.recent import KEPT, Recent


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 11, 24, tzinfo=UTC))


def test_it_is_made_again_when_it_is_old(clock: SettableClock) -> None:
    recent, made = Recent(clock), iter(range(9))
    assert [recent.get("k", 1.0, lambda: next(made)) for _ in range(3)] == [0, 0, 0]
    clock.advance(timedelta(seconds=1.5))
    assert recent.get("k", 1.0, lambda: next(made)) == 1
    recent.forget()
    assert recent.get("k", 1.0, lambda: next(made)) == 2


def test_many_who_ask_at_once_cost_one(clock: SettableClock) -> None:
    recent, calls, all_here = Recent(clock), [], threading.Barrier(8)

    def make() -> str:
        calls.append(1)
        return "made"

    def ask() -> None:
        all_here.wait()
        assert recent.get("k", 1.0, make) == "made"

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_who_comes_while_another_computes_gets_what_there_was(clock: SettableClock) -> None:
    recent, started, go_on = Recent(clock), threading.Event(), threading.Event()
    recent.get("k", 1.0, lambda: "old")
    clock.advance(timedelta(seconds=5))

    def slow() -> str:
        started.set()
        go_on.wait(10)
        return "new"

    worker = threading.Thread(target=recent.get, args=("k", 1.0, slow))
    worker.start()
    assert started.wait(10)
    assert recent.get("k", 1.0, lambda: "never") == "old"
    go_on.set()
    worker.join()
    assert recent.get("k", 1.0, lambda: "never") == "new"


def test_errors_are_not_kept_and_memory_is_bounded(clock: SettableClock) -> None:
    recent = Recent(clock)

    def fail() -> str:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - raised just above
        recent.get("k", 1.0, fail)
    assert recent.get("k", 1.0, lambda: "fine") == "fine"
    for index in range(3 * KEPT):
        recent.get(index, 1.0, lambda: "x")
    assert len(recent._slots) <= KEPT

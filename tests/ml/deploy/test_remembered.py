"""What is remembered of arms is what the store would say; requests are read once, answers not too often."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.ml.workshop import NOON

from wellkept.ml.deploy.remembered import PAUSE, Remembered
from wellkept.ml.deploy.sequential import Floats
from wellkept.store.telemetry.arms import Agreement, Arm, Asked


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def asked(end: float, void: tuple[tuple[datetime, datetime], ...] = ()) -> Asked:
    return Asked("fraud", "model-server", (Arm("a", 1, NOON, at(end)), Arm("b", 2, NOON, at(end))), 5.0, void=void)


@dataclass
class Events:
    """Stands for the store: events of an arm at a second, which are there from another second on."""

    events: list[tuple[int, int, int]] = field(default_factory=list)
    now: float = 0
    read: list[tuple[datetime, datetime]] = field(default_factory=list)
    answered: int = 0

    def requests(self, asked: Asked) -> list[Floats]:
        self.read.append((min(arm.start for arm in asked.arms), max(arm.end for arm in asked.arms)))
        return [self._count(asked, index) for index in (0, 1)]

    def answers(self, asked: Asked) -> list[Floats]:
        self.answered += 1
        return [np.array([float(self.answered)]) for _ in asked.arms]

    def agreement(self, _: Asked) -> Agreement:
        self.answered += 1
        return Agreement(self.answered, 0, 0.0)

    def slowest(self, *_: object) -> tuple[float, int]:
        return 1.0, 1

    def _count(self, asked: Asked, index: int) -> Floats:
        arm = asked.arms[index]
        seen = [
            at(second)
            for which, second, there in self.events
            if which == index and there <= self.now and arm.start <= at(second) < arm.end
        ]
        return np.array([float(sum(not any(a <= moment < b for a, b in asked.void) for moment in seen))])


events = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 900), st.integers(0, 50)), max_size=60)


@given(events, st.lists(st.integers(1, 200), min_size=1, max_size=12))
def test_requests_are_what_the_store_says_however_late_they_come(
    given_events: list[tuple[int, int, int]], pauses: list[int]
) -> None:
    store = Events([(arm, second, second + late) for arm, second, late in given_events])
    remembered, now = Remembered(store, lambda: 0.0), 0
    for pause in pauses:
        now += pause
        store.now = now
        for void in ((), ((at(100), at(180)),)):
            found, plain = remembered.requests(asked(now, void)), store.requests(asked(now, void))
            assert [side.tolist() for side in found] == [side.tolist() for side in plain]


def test_what_is_settled_is_read_once() -> None:
    store = Events([(0, second, second) for second in range(1000)], now=2000)
    remembered = Remembered(store, lambda: 0.0)
    for end in range(500, 1000, 5):
        remembered.requests(asked(end))
    first, *others = [end - start for start, end in store.read]

    assert first == timedelta(seconds=500)
    assert max(span for span in others[1:]) <= timedelta(seconds=130)


def test_answers_are_read_again_after_as_long_as_that_is_worth() -> None:
    store, clock = Events(), iter(range(0, 1000, 2))
    remembered = Remembered(store, lambda: float(next(clock)))
    for end in range(0, 100, 5):
        remembered.answers(asked(end))

    assert PAUSE * 2 == 40
    assert store.answered == 3


def test_an_agreement_is_not_read_more_often_than_its_reading_allows() -> None:
    store, seconds = Events(), iter((0.0, 1.0, 1.0, 2.0))
    remembered = Remembered(store, lambda: next(seconds))

    found = [remembered.agreement(asked(end)).pairs for end in (100, 100 + PAUSE - 1, 100 + PAUSE)]

    assert found == [1, 1, 2]


def test_another_step_is_another_reading() -> None:
    store = Events()
    remembered = Remembered(store, lambda: 0.0)
    wanted = asked(300)
    later = replace(wanted, arms=tuple(replace(arm, start=at(200)) for arm in wanted.arms))
    remembered.requests(wanted)
    remembered.requests(later)

    assert store.read[-1][0] == at(200)


def test_little_is_kept() -> None:
    remembered = Remembered(Events(), lambda: 0.0)
    for number in range(200):
        remembered.answers(replace(asked(10), model=str(number)))

    assert len(remembered._answers) == 64

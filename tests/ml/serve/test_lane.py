"""The way of rows to a scorer: right rows to right callers, batches where they help, nothing that waits for company."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.kernel.errors import OverloadError
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.serve import lane as module
from wellkept.ml.serve.lane import Lane


class Held:
    """Scores a row by its first value, once it is let go; remembers how many rows came at once."""

    def __init__(self, *, is_free: bool = False) -> None:
        self.go, self.begun, self.sizes = threading.Event(), threading.Event(), list[int]()
        if is_free:
            self.go.set()

    def score(self, rows: Matrix) -> Scores:
        self.sizes.append(len(rows))
        self.begun.set()
        self.go.wait(20)
        if (rows[:, 0] < 0).any():
            raise RuntimeError("a wrong row")
        return rows[:, 0]


def slow_lane(scorer: Held, *, helps: bool = True) -> Lane:
    """A lane that has learned that its scorer is not quick, and whether a batch costs less than its rows."""
    lane = Lane(scorer)
    vars(lane)["_learn"] = lambda rows, taken_s: None  # and what it knows stays so
    lane._call_s, lane._row_s = 0.01, 0.001 if helps else 0.01
    return lane


def rows(*values: float) -> Matrix:
    return np.array([[value] for value in values])


async def together(lane: Lane, scorer: Held, parts: Sequence[Matrix]) -> list[Scores | BaseException]:
    """Ask for the first part, and for the others while it is under way."""
    loop = asyncio.get_running_loop()
    first = asyncio.ensure_future(lane.score(parts[0]))
    await loop.run_in_executor(None, scorer.begun.wait)
    others = [asyncio.ensure_future(lane.score(part)) for part in parts[1:]]
    await asyncio.sleep(0)
    scorer.go.set()
    return await asyncio.gather(first, *others, return_exceptions=True)


@settings(deadline=None, max_examples=30)
@given(
    parts=st.lists(st.lists(st.floats(0, 1000), min_size=1, max_size=5), min_size=1, max_size=12), helps=st.booleans()
)
def test_everybody_gets_the_scores_of_their_own_rows(parts: list[list[float]], helps: bool) -> None:
    scorer = Held()
    found = asyncio.run(together(slow_lane(scorer, helps=helps), scorer, [rows(*part) for part in parts]))

    assert [list(scores) for scores in found if isinstance(scores, np.ndarray)] == parts
    assert sum(scorer.sizes) == sum(map(len, parts))


def test_what_comes_while_another_is_scored_becomes_one_batch() -> None:
    scorer = Held()
    lane = slow_lane(scorer)
    asyncio.run(together(lane, scorer, [rows(n) for n in range(6)]))

    assert scorer.sizes == [1, 5]
    assert lane.batches == {1: 1, 5: 1}


def test_where_batches_do_not_help_nobody_waits_for_the_last() -> None:
    scorer = Held()
    asyncio.run(together(slow_lane(scorer, helps=False), scorer, [rows(n) for n in range(6)]))

    assert scorer.sizes == [1] * 6


def test_a_batch_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 4)
    scorer = Held()
    asyncio.run(together(slow_lane(scorer), scorer, [rows(0), *[rows(n, n) for n in range(5)]]))

    assert scorer.sizes == [1, 4, 4, 2]


def test_a_wrong_row_takes_no_other_with_it() -> None:
    scorer = Held()
    lane = slow_lane(scorer)
    found = asyncio.run(together(lane, scorer, [rows(1), rows(2), rows(-1), rows(3)]))

    assert isinstance(found[2], RuntimeError)
    assert [float(scores[0]) for scores in found if isinstance(scores, np.ndarray)] == [1, 2, 3]


def test_what_cannot_be_answered_in_time_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    scorer = Held()
    found = asyncio.run(together(slow_lane(scorer), scorer, [rows(n) for n in range(5)]))

    assert [isinstance(one, OverloadError) for one in found] == [False, False, False, True, True]


def test_a_large_request_goes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 3)
    scorer = Held(is_free=True)

    found = asyncio.run(slow_lane(scorer).score(rows(1, 2, 3, 4)))

    assert found.tolist() == [1, 2, 3, 4]


def test_a_caller_that_went_away_holds_nobody_up() -> None:
    async def ask() -> list[float]:
        scorer = Held()
        lane = slow_lane(scorer)
        first = asyncio.ensure_future(lane.score(rows(1)))
        await asyncio.get_running_loop().run_in_executor(None, scorer.begun.wait)
        gone, stays = asyncio.ensure_future(lane.score(rows(2))), asyncio.ensure_future(lane.score(rows(3)))
        await asyncio.sleep(0)
        gone.cancel()
        scorer.go.set()
        return [float(scores[0]) for scores in await asyncio.gather(first, stays)]

    assert asyncio.run(ask()) == [1, 3]


def test_what_was_quick_is_scored_on_the_spot_and_what_became_slow_is_not() -> None:
    lane = Lane(Held(is_free=True))
    assert not lane.is_quick(1), "nothing is known of it yet"
    for _ in range(3):
        lane.score_now(rows(1))
    assert lane.is_quick(1)
    assert not lane.is_quick(100_000)

    for _ in range(2000):
        lane._learn(1, 0.02)

    assert not lane.is_quick(1)

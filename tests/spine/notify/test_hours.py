"""Hours of routes: who comes on is told of what is open and taken on by nobody."""

from __future__ import annotations

from typing import Any

import pytest
from tests.spine.notify.board import BOTH, Board

from wellkept.store.state.state import State

EVENING_S = 9 * 3600.0 + 1
"""From noon until the night has begun."""


def settings(**night: Any) -> dict[str, Any]:
    when = {"during": [{"start": "21:00", "end": "06:00"}]}
    return {
        **BOTH,
        "escalations": [{"name": "page", "steps": [{"after_s": 300, "receivers": ["bot"]}]}],
        "route": {
            **BOTH["route"],
            "receivers": ["bot"],
            "routes": [{"name": "night", "when": when, "receivers": ["team"], **night}],
        },
    }


@pytest.fixture
def board(state: State) -> Board:
    return Board(state, settings())


def test_who_comes_on_is_told_of_what_is_open_and_taken_on_by_nobody(board: Board) -> None:
    for name, how in {"1": "open", "2": "acknowledged", "3": "resolved"}.items():
        board.save(name, how)
    board.turn()
    board.turn(EVENING_S)

    assert [message.now.subject for message in board.channels["team"].sent] == ["incident:inc-1"]
    assert len(board.channels["bot"].sent) == 2, "who was told before has nothing new to know"
    board.turn(60)
    board.turn(9 * 3600)
    assert board.channels["team"].said() == ["opened"], "once, also when the hours end"

    board.save("1", "resolved")
    board.turn(1)
    assert board.channels["team"].said() == ["opened", "over"]
    assert board.channels["bot"].said()[-1] == "over"


def test_what_is_held_stays_so(board: Board) -> None:
    board.save(held="in maintenance")
    board.turn()
    board.turn(EVENING_S)
    assert board.channels["team"].sent == []
    board.save()
    board.turn(1)
    assert board.channels["team"].said() == ["opened"]


def test_the_escalation_of_the_new_hours_begins(state: State) -> None:
    board = Board(state, settings(escalation="page"))
    board.save()
    board.turn()
    board.turn(EVENING_S)
    board.turn(301)
    assert board.channels["bot"].said() == ["opened", "told again"]


def test_hours_that_begin_while_nobody_plans_are_seen_and_a_new_route_is_no_such_thing(state: State) -> None:
    board = Board(state, settings())
    board.save()
    board.turn()
    night = Board(state, settings(), board.clock)
    night.turn(EVENING_S)
    assert night.channels["team"].said() == ["opened"]

    changed = settings()
    changed["route"]["routes"].insert(0, {"name": "late", "when": {"during": [{}]}, "receivers": ["bot", "team"]})
    later = Board(state, changed, board.clock)
    later.turn(60)
    assert later.channels["team"].sent == []


def test_a_storm_that_goes_on_into_the_night_is_one_message(board: Board) -> None:
    for number in range(20):
        board.save(str(number))
    board.turn()
    board.turn(EVENING_S)
    (message,) = board.channels["team"].sent
    assert "20 incidents" in message.title

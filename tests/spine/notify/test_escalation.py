"""Escalation: step by step while nobody acknowledges, once each, also over restarts."""

from __future__ import annotations

import pytest
from tests.spine.notify.board import BOTH, Board

from wellkept.spine.notify.settings import NotifySettings
from wellkept.store.state.state import State

SETTINGS = {
    "receivers": [
        {"type": "webhook", "name": "first", "url": "https://hooks.example/1", "secret_env": "A"},
        {"type": "pagerduty", "name": "second", "secret_env": "B"},
        {"type": "apprise", "name": "boss", "secret_env": "C"},
    ],
    "escalations": [
        {
            "name": "oncall",
            "steps": [{"after_s": 300, "receivers": ["second"]}, {"after_s": 900, "receivers": ["boss", "first"]}],
        }
    ],
    "route": {"receivers": ["first"], "escalation": "oncall", "group_wait_s": 0, "repeat_s": 0},
}


@pytest.fixture
def board(state: State) -> Board:
    return Board(state, SETTINGS)


def told(board: Board) -> dict[str, list[str]]:
    return {name: channel.said() for name, channel in board.channels.items()}


def test_more_people_are_told_while_nobody_acknowledges(board: Board) -> None:
    board.save()
    board.turn()
    board.turn(200)
    assert told(board) == {"first": ["opened"], "second": [], "boss": []}
    board.turn(110)
    assert told(board)["second"] == ["opened"]
    assert board.channels["second"].sent[0].word.startswith("Nobody has acknowledged this for 5 min")
    board.turn(600)
    assert told(board) == {"first": ["opened", "told again"], "second": ["opened"], "boss": ["opened"]}
    board.turn(9999)
    assert told(board)["boss"] == ["opened"]


def test_it_stops_when_somebody_acknowledges_and_who_was_told_hears_of_the_end(board: Board) -> None:
    board.save()
    board.turn()
    board.turn(310)
    board.save(state="acknowledged")
    board.turn(1)
    board.turn(9999)
    board.save(state="resolved")
    board.turn(1)

    assert told(board) == {
        "first": ["opened", "acknowledged", "over"],
        "second": ["opened", "acknowledged", "over"],
        "boss": [],
    }


def test_it_begins_anew_when_it_gets_worse(board: Board) -> None:
    board.save(severity="warning")
    board.turn()
    board.turn(290)
    board.save(severity="critical")
    board.turn(1)
    board.turn(200)
    assert told(board)["second"] == []
    board.turn(110)
    assert told(board)["second"] == ["opened"]


def test_it_begins_anew_when_it_is_open_again(board: Board) -> None:
    board.save()
    board.turn()
    board.save(state="mitigated")
    board.turn(100)
    board.turn(1000)
    board.save(state="open")
    board.turn(1)
    assert told(board)["second"] == []
    board.turn(310)

    assert told(board)["second"] == ["opened"]


def test_what_is_held_does_not_escalate_until_it_is_told(board: Board) -> None:
    board.save()
    board.turn()
    board.save(held="silenced")
    board.turn(1000)
    board.turn(1000)
    assert told(board)["second"] == []
    board.save()
    board.turn(1)
    board.turn(310)

    assert told(board)["second"] == ["opened"]


def test_a_restart_takes_no_step_twice_and_leaves_none_out(board: Board, state: State) -> None:
    board.save()
    board.turn()
    board.turn(310)
    after = Board(state, SETTINGS, board.clock)
    after.turn(700)
    after.turn()

    assert told(after) == {"first": ["told again"], "second": [], "boss": ["opened"]}


def test_an_acknowledged_incident_that_gets_worse_escalates_until_somebody_takes_it_on(board: Board) -> None:
    board.save()
    board.turn()
    taken = board.clock.now()
    board.save(state="acknowledged", acknowledged_at=taken)
    board.turn(10)
    board.save(state="acknowledged", acknowledged_at=taken, severity="critical")
    board.turn(310)
    board.turn(310)
    assert board.channels["second"].sent[0].word.startswith("Nobody has acknowledged this for 5 min since it got worse")

    board.save(state="acknowledged", acknowledged_at=taken, severity="critical", touched_at=board.clock.now())
    board.turn(1)
    board.turn(9999)
    assert told(board)["boss"] == []


def test_a_policy_without_order_is_refused() -> None:
    steps = [{"after_s": 900, "receivers": ["bot"]}, {"after_s": 300, "receivers": ["bot"]}]
    with pytest.raises(ValueError, match="steps must come in the order of after_s"):
        NotifySettings.model_validate({**BOTH, "escalations": [{"name": "x", "steps": steps}]})

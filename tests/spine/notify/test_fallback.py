"""When somebody cannot be told: who is told in their place, and how that is seen."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.spine.notify.board import BOTH, DOWN, REFUSED, SILENCED, Board, with_route

from wellkept.store.state.state import State


@pytest.fixture
def board(state: State) -> Board:
    return Board(state, BOTH)


def test_a_fallback_that_was_told_itself_is_not_told_again(state: State) -> None:
    board = Board(state, {**with_route(group_wait_s=5, digest_at=2), "fallback": "team"})
    board.channels["bot"].answer = REFUSED
    for number in range(3):
        board.save(str(number))
    for _ in range(5):
        board.turn(100)

    assert [message.now.title for message in board.channels["team"].sent] == ["3 incidents (3 open)"]


def test_others_are_told_where_one_cannot_be(state: State) -> None:
    board = Board(state, {**with_route(receivers=["bot"]), "fallback": "team"})
    board.channels["bot"].answer = DOWN
    board.save()
    board.turn()
    assert board.turn(100) == 0
    board.turn(300)
    board.turn()

    (told,) = board.channels["team"].sent
    assert told.text().startswith("bot could not be told: answered 500")
    assert "bot: answered 500" in board.desk.trouble()


def test_the_fallback_is_not_told_that_a_message_could_not_be_edited_to_say_that_it_is_held(state: State) -> None:
    board = Board(state, {**with_route(receivers=["bot"]), "fallback": "team"})
    board.save()
    board.turn()
    board.channels["bot"].answer = DOWN
    board.save(severity="critical")
    board.turn()
    board.save(severity="critical", held=SILENCED)
    board.turn(200)
    board.turn(400)
    assert board.channels["team"].sent == []


@pytest.mark.parametrize(
    "later", [{"held": "silenced by ada until 13:00"}, {"state": "acknowledged"}, {"state": "mitigated"}]
)
def test_the_fallback_is_not_told_of_what_is_held_or_taken_on(state: State, later: dict[str, str]) -> None:
    board = Board(state, {**with_route(receivers=["bot"]), "fallback": "team"})
    board.channels["bot"].answer = DOWN
    board.save()
    board.turn()
    board.clock.advance(timedelta(seconds=400))
    board.save(**later)
    board.turn()
    board.turn(400)
    assert board.channels["team"].sent == []

    board.save(severity="critical")
    board.turn(1)
    if "held" in later:
        assert board.channels["team"].sent == [], "it is tried again first"
        board.turn(400)
    board.turn(1)
    (told,) = board.channels["team"].sent
    assert told.title == "[critical] trouble 1"


def test_the_fallback_is_not_told_of_a_burst_that_is_silenced(state: State) -> None:
    board = Board(state, {**with_route(receivers=["bot"], digest_at=2), "fallback": "team"})
    board.channels["bot"].answer = DOWN
    for held in ("", "silenced by ada until 13:00"):
        for name in "ab":
            board.save(name, held=held)
        board.turn()
    board.turn(400)
    board.turn(400)
    assert board.channels["team"].sent == []
    board.save("a")
    board.turn(1)
    board.turn(400)
    board.turn(1)
    assert [message.now.title for message in board.channels["team"].sent] == ["1 incident (1 open)"], "b is silenced"


def test_the_fallback_is_told_of_what_got_worse_and_of_no_small_change(state: State) -> None:
    board = Board(state, {**with_route(receivers=["bot"]), "fallback": "team"})
    board.save()
    board.turn()
    board.channels["bot"].answer = DOWN
    board.save(title="a better title")
    board.turn(60)
    board.turn(400)
    assert board.channels["team"].sent == []
    board.save(severity="critical")
    board.turn(1)
    board.turn(400)
    assert [message.now.title for message in board.channels["team"].sent] == ["trouble 1"]


def test_health_says_when_nobody_can_be_told(board: Board) -> None:
    assert board.desk.trouble() == ""
    for channel in board.channels.values():
        channel.wrong = "secret: the variable BOT must hold 1 to 8 secrets, got 0"

    assert "no receiver can be reached" in board.desk.trouble()


def test_a_receiver_is_not_well_from_its_first_failure_until_it_takes_something(board: Board) -> None:
    bot = board.channels["bot"]

    def how() -> tuple[str, bool, str]:
        status = board.desk.receivers()[0]
        return status.state, status.is_well, board.desk.trouble()

    board.save()
    bot.answer = DOWN
    board.turn()
    assert how() == ("failing", False, "bot: answered 500")
    board.turn(400)
    assert how() == ("ill", False, "bot: answered 500")
    bot.answer = board.channels["team"].answer
    board.turn(400)
    assert how() == ("well", True, "")

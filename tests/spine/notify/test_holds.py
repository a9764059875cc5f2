"""What is held: nothing of it is told, and messages that are there say so."""

from __future__ import annotations

from typing import Any

import pytest
from tests.spine.notify.board import BOTH, NOON, SILENCED, Board, with_route

from wellkept.kernel.noise import Digest
from wellkept.store.state.state import State


@pytest.fixture
def board(state: State) -> Board:
    return Board(state, BOTH)


def test_who_is_held_is_not_told_until_it_is_let_go(board: Board) -> None:
    board.save(held="silenced by ada")
    assert board.turn(60) == 0
    board.save()
    assert board.turn() == 2


def test_an_incident_that_is_held_within_its_wait_is_not_told(state: State) -> None:
    board = Board(state, with_route(group_wait_s=30))
    board.save()
    board.turn(10)
    board.save(held="the effect of inc-0")
    assert board.turn(60) == 0
    board.save()
    assert board.turn(1) == 2


def test_who_was_told_hears_of_the_end_also_of_what_is_held_by_then(board: Board) -> None:
    board.save()
    board.turn()
    board.save(held=SILENCED, severity="critical")
    assert board.turn(600) == 1
    board.save(held=SILENCED, severity="critical", title="still silenced")
    assert board.turn(600) == 0
    board.save(held=SILENCED, state="resolved")
    board.turn(600)

    assert board.channels["bot"].said() == ["opened", "updated", "over"]
    assert board.channels["team"].said() == ["opened", "over"]


def test_a_message_that_is_there_says_that_it_is_silenced_and_when_it_no_longer_is(state: State) -> None:
    board = Board(state, with_route(repeat_s=1800))
    bot = board.channels["bot"]
    board.save()
    board.turn()
    board.save(held=SILENCED, severity="critical")
    assert board.turn(1) == 1
    held = bot.sent[-1]
    assert (held.title, held.lines()[0]) == ("[error] held: trouble 1", f"Nothing more is told for now: {SILENCED}")
    assert board.turn(3000) == 0, "no reminder either"
    longer = SILENCED.replace("13:00", "14:00")
    board.save(held=longer, severity="critical")
    assert board.turn(1) == 1
    assert bot.sent[-1].now.held == longer
    board.save(severity="critical")
    board.turn(1)
    assert (bot.sent[-1].what, bot.sent[-1].title) == ("worse", "[critical] trouble 1")
    assert bot.said() == ["opened", "updated", "updated", "worse"]
    assert board.channels["team"].said() == ["opened", "worse"]
    board.turn(1801)
    assert bot.said()[-1] == board.channels["team"].said()[-1] == "told again"


def test_what_waits_for_its_time_in_a_channel_that_cannot_edit_is_not_told_once_it_is_held(board: Board) -> None:
    team = board.channels["team"]
    board.save()
    board.turn()
    board.save(state="acknowledged")
    board.turn(1)
    board.save(state="acknowledged", held=SILENCED)
    board.turn(400)
    assert team.said() == ["opened"]
    board.save(state="acknowledged")
    board.turn(1)
    assert team.said() == ["opened", "acknowledged"]


def test_what_quiet_hours_held_is_told_together_when_they_are_over(board: Board) -> None:
    for name in "abc":
        board.save(name, held="quiet hours: until 07:00")
    assert board.turn(60) == 0
    ids = ("inc-a", "inc-b", "inc-c")
    now = board.clock.now()
    board.quiet.append(Digest("d", "night", NOON, now, ids, sentence="3 incidents were kept quiet over night"))
    for name in "abc":
        board.save(name)
    board.turn()
    board.save("new")
    board.turn(100)

    told = [(message.now.title, message.word) for message in board.channels["bot"].sent]
    assert told == [("3 incidents (3 open)", "3 incidents were kept quiet over night"), ("trouble new", "")]


def storm(board: Board, names: str, **more: Any) -> None:
    for name in names:
        board.save(name, **more)


def test_a_digest_says_once_that_what_is_in_it_is_held_and_when_it_no_longer_is(state: State) -> None:
    board = Board(state, with_route(digest_at=3, repeat_s=1800))
    bot, team = board.channels["bot"], board.channels["team"]
    storm(board, "abc")
    board.turn()
    storm(board, "abc", held=SILENCED, severity="critical")
    assert board.turn(1) == 1
    held = bot.sent[-1]
    assert (held.title, held.lines()[0]) == (
        "[error] held: 3 incidents (3 held)",
        f"Nothing more is told for now: {SILENCED}",
    )
    assert "- error: trouble a" in held.lines(), "it is as it was told"
    storm(board, "abc", held=SILENCED, severity="critical", title="worse")
    assert board.turn(3000) == 0, "it says so once, and no reminder comes"
    longer = SILENCED.replace("13:00", "14:00")
    storm(board, "abc", held=longer)
    board.turn(1)
    assert bot.sent[-1].now.held == longer
    storm(board, "abc", severity="critical")
    board.turn(1)
    assert bot.sent[-1].title == "[critical] 3 incidents (3 open)"
    storm(board, "abc", state="resolved")
    board.turn(400)
    assert bot.said() == ["opened", "updated", "updated", "worse", "over"]
    assert team.said() == ["opened", "worse", "over"], "and is not reminded of what is held"


def test_a_digest_names_those_in_it_that_are_held(state: State) -> None:
    board = Board(state, with_route(digest_at=3, repeat_s=1800))
    bot = board.channels["bot"]
    storm(board, "abc")
    board.turn()
    board.save("a", held=SILENCED)
    board.turn(60)
    assert bot.sent[-1].title == "[error] 3 incidents (2 open, 1 held)"
    assert f"- error: trouble a (held: {SILENCED})" in bot.sent[-1].lines()
    storm(board, "bc", state="acknowledged")
    board.turn(60)
    assert bot.sent[-1].title == "[error] acknowledged: 3 incidents (2 acknowledged, 1 held)"
    board.turn(3000)
    assert "told again" not in bot.said(), "nobody is reminded of what is held"
    storm(board, "bc", state="resolved")
    board.turn(60)
    assert (bot.sent[-1].what, bot.sent[-1].title) == ("updated", "[error] held: 3 incidents (1 held, 2 over)")
    board.save("a", state="resolved", held=SILENCED)
    board.turn(60)
    assert bot.sent[-1].title == "over: 3 incidents (3 over)"
    board.turn(400)
    assert board.channels["team"].said() == ["opened", "acknowledged", "over"]


def test_what_is_held_before_its_digest_is_told_is_not_in_it(state: State) -> None:
    board = Board(state, with_route(digest_at=3, group_wait_s=30))
    bot = board.channels["bot"]
    storm(board, "abcd")
    board.turn(1)
    board.save("a", held=SILENCED)
    board.turn(60)
    assert [message.title for message in bot.sent] == ["[error] 3 incidents (3 open)"]
    board.save("a")
    board.turn(400)
    assert [message.title for message in bot.sent[1:]] in (["[error] trouble a"], ["[error] 4 incidents (4 open)"])


def test_what_opens_while_a_digest_is_held_is_told_by_itself(state: State) -> None:
    board = Board(state, with_route(digest_at=3))
    storm(board, "abc")
    board.turn()
    storm(board, "abc", held=SILENCED)
    board.turn(1)
    board.save("new")
    board.turn(1)
    assert board.channels["bot"].sent[-1].title == board.channels["team"].sent[-1].title == "[error] trouble new"


def test_what_joins_a_digest_is_told_in_channels_that_cannot_edit_too(state: State) -> None:
    board = Board(state, with_route(digest_at=3))
    team = board.channels["team"]
    storm(board, "abcde")
    board.turn()
    board.turn(100)
    board.save("f")
    board.turn(1)
    assert [message.title for message in team.sent] == ["[error] 5 incidents (5 open)"]
    board.turn(300)
    assert [message.title for message in team.sent][1:] == ["[error] 6 incidents (6 open)"]
    assert "- error: trouble f" in team.sent[-1].lines()
    assert team.sent[-1].lines()[0] == "1 more has joined since this was told last."
    assert [told.what for told in board.desk.of_incident("inc-a", 9) if told.receiver == "team"] == [
        "updated",
        "opened",
    ]
    assert [told.what for told in board.desk.of_incident("inc-f", 9) if told.receiver == "team"] == ["updated"], (
        "what was told before it began was not told of it"
    )


def test_one_that_was_merged_is_not_said_to_be_over(board: Board) -> None:
    board.save()
    board.turn()
    board.save(state="closed", merged_into="inc-2")
    board.turn(400)
    assert [message.title for message in board.channels["team"].sent] == ["[error] trouble 1", "merged: trouble 1"]
    assert "Merged into: inc-2" in board.channels["team"].sent[-1].lines()

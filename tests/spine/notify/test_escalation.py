"""Escalation: step by step while nobody acknowledges, once each, also over restarts."""

from __future__ import annotations

from typing import Any

import pytest
from tests.spine.notify.board import BOTH, NOON, Board

from wellkept.kernel.incident import Member
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


def test_a_step_within_the_first_minute_says_how_many_seconds_it_were(state: State) -> None:
    soon = {"name": "oncall", "steps": [{"after_s": 20, "receivers": ["second"]}]}
    board = Board(state, {**SETTINGS, "escalations": [soon]})
    board.save()
    board.turn()
    board.turn(21)
    assert board.channels["second"].sent[0].word.startswith("Nobody has acknowledged this for 21 s (")


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


def two_teams(state: State, policy_of_shop: str = "none") -> Board:
    """The shop and the payments, each with a receiver and a policy; the catalogue knows whose is what."""
    steps = {"call-pay": "boss", "call-shop": "first"}
    routes = [
        {"name": "shop", "when": {"owners": ["shop"]}, "escalation": policy_of_shop, "continue": True},
        {
            "name": "pay",
            "when": {"owners": ["pay"], "at_least": "error"},
            "receivers": ["second"],
            "escalation": "call-pay",
        },
    ]
    policies = [{"name": k, "steps": [{"after_s": 300, "receivers": [v]}]} for k, v in steps.items()]
    route = {"receivers": ["first"], "group_wait_s": 0, "repeat_s": 0, "routes": routes}
    board = Board(state, {**SETTINGS, "escalations": policies, "route": route})
    board.catalogue.owners = {"service:web": "shop", "service:pay": "pay"}
    return board


def joined(board: Board, **more: Any) -> None:
    """An entity of the payments joins, and it is worse than it was."""
    members = tuple(Member(f"fnd-{n}", f"service:{name}", NOON, "a sign") for n, name in ((1, "web"), (2, "pay")))
    board.save(severity="error", owner="shop", members=members, **more)


def test_a_team_that_joins_is_told_and_has_an_escalation_of_its_own(state: State) -> None:
    board = two_teams(state, "call-shop")
    board.save(severity="warning", owner="shop", entity="service:web")
    board.turn()
    assert told(board) == {"first": ["opened"], "second": [], "boss": []}
    joined(board)
    board.turn(100)
    assert told(board) == {"first": ["opened", "worse"], "second": ["opened"], "boss": []}
    board.turn(301)
    assert told(board) == {"first": ["opened", "worse", "told again"], "second": ["opened"], "boss": ["opened"]}
    assert "(escalation call-pay, step 1)" in board.channels["boss"].sent[0].word

    joined(board, state="acknowledged")
    board.turn(1)
    board.turn(9999)
    assert told(board)["boss"] == ["opened", "acknowledged"]


def test_a_team_that_joins_what_others_have_acknowledged_is_called_where_that_made_it_worse(state: State) -> None:
    board = two_teams(state)
    board.save(severity="warning", state="acknowledged", acknowledged_at=NOON, owner="shop", entity="service:web")
    board.turn()
    joined(board, state="acknowledged", acknowledged_at=NOON)
    board.turn(1)
    board.turn(301)
    assert told(board) == {"first": ["opened", "worse"], "second": ["opened"], "boss": ["opened"]}


def test_an_escalation_that_no_route_has_any_more_does_not_begin_anew(state: State) -> None:
    board = two_teams(state, "call-shop")
    board.save(severity="warning", owner="shop", entity="service:web")
    board.turn()
    board.save(severity="error", owner="pay", owned_by="ada", entity="service:web")
    board.turn(301)
    assert told(board) == {"first": ["opened", "worse"], "second": ["opened"], "boss": []}
    board.turn(301)
    assert told(board) == {"first": ["opened", "worse"], "second": ["opened"], "boss": ["opened"]}


def test_a_policy_without_order_is_refused() -> None:
    steps = [{"after_s": 900, "receivers": ["bot"]}, {"after_s": 300, "receivers": ["bot"]}]
    with pytest.raises(ValueError, match="steps must come in the order of after_s"):
        NotifySettings.model_validate({**BOTH, "escalations": [{"name": "x", "steps": steps}]})


def test_a_storm_escalates_as_the_one_message_that_it_is(state: State) -> None:
    board = Board(state, {**SETTINGS, "route": {**SETTINGS["route"], "digest_at": 3}})  # type: ignore[dict-item]
    for name in "abcd":
        board.save(name)
    board.turn()
    board.save("a", state="acknowledged")
    board.turn(310)
    board.turn(1)

    (page,) = board.channels["second"].sent
    assert page.title == "[error] 4 incidents (3 open, 1 acknowledged)"
    assert page.word.startswith("Nobody has acknowledged this for 5 min")
    (attempt,) = board.history.history("second", None, 9)
    assert attempt.said == f"taken; {page.word}"
    board.turn(600)
    board.turn(1)
    assert [message.title for message in board.channels["boss"].sent] == [page.title]
    assert board.channels["first"].said() == ["opened", "updated", "told again"]

    for name in "bcd":
        board.save(name, state="acknowledged")
    board.turn(60)
    assert board.channels["second"].sent[-1].title == "[error] acknowledged: 4 incidents (4 acknowledged)"
    for name in "abcd":
        board.save(name, state="resolved")
    board.turn(400)
    assert [channel.said()[-1] for channel in board.channels.values()] == ["over", "over", "over"]
    assert [len(channel.sent) for channel in board.channels.values()] == [5, 3, 2]


def test_what_joins_a_storm_after_a_step_has_the_step_told_again(state: State) -> None:
    route = {**SETTINGS["route"], "digest_at": 3, "group_interval_s": 900}  # type: ignore[dict-item]
    board = Board(state, {**SETTINGS, "route": route})
    for name in "abc":
        board.save(name)
    board.turn()
    board.turn(310)
    board.save("late")
    board.turn(1)
    board.turn(310)
    assert [message.title for message in board.channels["second"].sent if message.word] == [
        "[error] 3 incidents (3 open)",
        "[error] 4 incidents (4 open)",
    ]

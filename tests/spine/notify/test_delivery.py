"""Who is told of what, when: the newest state once, in order, however long a receiver was away."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spine.notify.board import BOTH, DOWN, NOON, REFUSED, Board
from tests.store.fixtures import state_in

from wellkept.kernel.noise import Digest
from wellkept.store.state.state import State

SILENCED = "silenced by ada until 2026-11-24 13:00 UTC: incident inc-1, by the button in Slack"


@pytest.fixture
def board(state: State) -> Board:
    return Board(state, BOTH)


def with_route(**route: Any) -> dict[str, Any]:
    return {**BOTH, "route": {**BOTH["route"], **route}}


def test_an_incident_is_told_to_each_receiver_once(board: Board) -> None:
    board.save()

    assert board.turn() == 2
    assert board.turn(3600) == 0

    (told,) = board.channels["bot"].sent
    assert told.what == "opened"
    assert told.title == "[error] trouble 1"
    assert told.link == "https://wellkept.example/incidents/inc-1"
    told_of = board.desk.of_incident("inc-1", 9)
    assert sorted((one.receiver, one.what, one.outcome) for one in told_of) == [
        ("bot", "opened", "delivered"),
        ("team", "opened", "delivered"),
    ]


def test_what_happened_before_anybody_could_be_told_is_not_told(state: State) -> None:
    silent = Board(state, {})
    silent.save("old")
    silent.plan()
    board = Board(state, BOTH)

    assert board.turn() == 0
    board.save("new")
    assert board.turn() == 2


def test_an_incident_that_is_over_before_its_first_message_is_never_told(state: State) -> None:
    board = Board(state, with_route(group_wait_s=30))
    board.save()
    assert board.turn(10) == 0
    board.save(state="resolved")

    assert board.turn(60) == 0

    assert [one.outcome for one in board.desk.deliveries(None, None, None, 9)] == ["dropped", "dropped"]
    assert board.channels["bot"].sent == []


def test_after_ten_minutes_of_500_a_receiver_gets_the_newest_state_once(board: Board) -> None:
    bot = board.channels["bot"]
    bot.answer = DOWN
    board.save()
    board.turn()
    for minute, (state, severity) in enumerate(
        [("open", "critical"), ("acknowledged", "critical"), ("mitigated", "error"), ("open", "error")] * 3
    ):
        board.save(state=state, severity=severity, title=f"minute {minute}")
        board.turn(50)
    board.save(state="resolved", title="the end")
    failed = len(bot.sent)
    assert 3 < failed < 40

    bot.answer = board.channels["team"].answer
    board.turn(400)
    board.turn(400)

    (last,) = bot.sent[failed:]
    assert last.now.is_over
    assert last.title == "over: the end"


def test_a_retry_has_the_key_of_the_first_try_and_every_message_a_key_of_its_own(board: Board) -> None:
    bot = board.channels["bot"]
    bot.answers = [DOWN, DOWN]
    board.save()
    for _ in range(3):
        board.turn(60)
    assert len({message.key for message in bot.sent}) == 1
    for state in ("acknowledged", "mitigated", "open", "resolved"):
        board.save(state=state)
        board.turn(60)

    assert bot.said()[2:] == ["opened", "acknowledged", "mitigated", "opened again", "over"]
    assert len({message.key for message in bot.sent}) == 5


def test_a_channel_that_cannot_edit_gets_a_follow_up_at_most_every_interval(board: Board) -> None:
    team = board.channels["team"]
    board.save()
    board.turn()
    for state in ("acknowledged", "mitigated", "open", "acknowledged"):
        board.save(state=state)
        board.turn(20)
    assert len(team.sent) == 1

    board.turn(300)
    assert team.said() == ["opened", "acknowledged"]


def test_what_gets_worse_is_told_at_once(board: Board) -> None:
    board.save(severity="warning")
    board.turn()
    board.save(severity="critical")
    board.turn(1)

    assert board.channels["team"].said() == board.channels["bot"].said() == ["opened", "worse"]


def test_what_comes_and_goes_within_the_interval_is_not_told(board: Board) -> None:
    board.save()
    board.turn()
    board.save(state="mitigated")
    board.turn(1)
    board.save(state="open")
    board.turn(400)

    assert board.channels["team"].said() == ["opened"]


def test_small_changes_edit_a_message_seldom_and_make_no_new_one(board: Board) -> None:
    board.save()
    board.turn()
    for minute in range(10):
        board.save(title=f"title {minute}")
        board.turn(6)

    assert board.channels["team"].said() == ["opened"]
    assert board.channels["bot"].said() == ["opened", "updated", "updated"]


def test_a_refusal_is_given_up_and_a_later_change_is_tried_again(board: Board) -> None:
    bot = board.channels["bot"]
    bot.answer = REFUSED
    board.save()
    board.turn()
    assert board.turn(9999) == 0
    assert len(bot.sent) == 1
    (dead,) = board.desk.dead()
    assert dead.said == "answered 400"
    assert "refused: answered 400" in [one.said for one in board.desk.of_incident("inc-1", 9)]

    bot.answer = board.channels["team"].answer
    board.save(state="acknowledged")
    board.turn()

    assert bot.said() == ["opened", "opened"]
    assert board.desk.dead() == []


def test_what_was_given_up_is_tried_again_by_hand(board: Board) -> None:
    bot = board.channels["bot"]
    bot.answer = REFUSED
    board.save()
    board.turn()
    bot.answer = board.channels["team"].answer

    again = board.desk.retry(board.desk.dead()[0].id, "ada")

    assert again.state == "waiting"
    assert board.turn() == 1
    assert board.audit.entries()[0].verb == "notification.retried"


def test_what_fails_for_a_day_is_given_up(board: Board) -> None:
    board.channels["bot"].answer = DOWN
    board.save()
    for _ in range(30):
        board.turn(3600)

    (dead,) = board.desk.dead()
    assert "given up after 14" in board.desk.deliveries("bot", "dead", None, 9)[0].said
    assert dead.receiver == "bot"


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


def test_what_nobody_acknowledges_is_told_again(state: State) -> None:
    board = Board(state, with_route(repeat_s=3600))
    board.save()
    board.turn()
    assert board.turn(3000) == 0
    assert board.turn(700) == 2
    assert "nobody has acknowledged it" in board.channels["team"].sent[-1].text()
    board.save(state="acknowledged")
    board.turn(400)

    assert board.turn(9999) == 0
    assert board.channels["bot"].said() == ["opened", "told again", "acknowledged"]


def test_a_burst_becomes_one_message_that_is_updated(state: State) -> None:
    board = Board(state, with_route(group_wait_s=10, digest_at=5))
    board.save("other", owner="team-web")
    for number in range(40):
        board.save(str(number), severity="critical" if number == 7 else "error")
    board.turn(1)
    board.turn(20)
    for channel in board.channels.values():
        (told,) = (message for message in channel.sent if message.now.subject != "incident:inc-other")
        assert told.now.title == "40 incidents (40 open)"
        assert told.now.lines[0] == "critical: trouble 7"
        assert told.now.lines[-1] == "and 30 more"

    assert [one.what for one in board.desk.of_incident("inc-3", 9)] == ["opened", "opened"]
    board.save("late")
    board.turn(60)
    assert board.channels["bot"].sent[-1].now.title == "41 incidents (41 open)"
    for number in range(40):
        board.save(str(number), state="resolved")
    board.turn(400)
    assert board.channels["bot"].sent[-1].now.title == "41 incidents (1 open, 40 over)"
    board.save("late", state="resolved")
    board.turn(400)

    of_digest = [message for message in board.channels["bot"].sent if message.now.subject != "incident:inc-other"]
    assert [message.now.is_over for message in of_digest] == [False, False, False, True]
    assert board.channels["team"].said()[-1] == "over"
    assert len(board.channels["team"].sent) <= 5


def test_a_fallback_that_was_told_itself_is_not_told_again(state: State) -> None:
    board = Board(state, {**with_route(group_wait_s=5, digest_at=2), "fallback": "team"})
    board.channels["bot"].answer = REFUSED
    for number in range(3):
        board.save(str(number))
    for _ in range(5):
        board.turn(100)

    assert [message.now.title for message in board.channels["team"].sent] == ["3 incidents (3 open)"]


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


def test_what_somebody_is_sending_alone_is_not_put_into_a_digest(state: State) -> None:
    board = Board(state, with_route(digest_at=2))
    bot = board.channels["bot"]
    board.save("a")

    def more() -> None:
        bot.while_sending = lambda: None
        board.save("b")
        board.save("c")
        board.plan()

    bot.while_sending = more
    board.turn()
    board.save("a", state="resolved")
    board.turn(60)

    about_a = [message for message in bot.sent if message.now.subject == "incident:inc-a"]
    assert [message.what for message in about_a] == ["opened", "over"]


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
    assert [message.now.title for message in board.channels["team"].sent] == ["2 incidents (2 open)"]


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


def test_a_change_while_a_message_is_sent_is_told_after_it(board: Board) -> None:
    bot = board.channels["bot"]

    def meanwhile() -> None:
        bot.while_sending = lambda: None
        board.save(state="acknowledged")
        board.plan()

    bot.while_sending = meanwhile
    board.save()
    board.turn()
    board.turn(1)

    assert bot.said() == ["opened", "acknowledged"]


def test_what_gets_worse_while_a_message_is_sent_is_told_at_once_and_what_does_not_waits(board: Board) -> None:
    team = board.channels["team"]

    def meanwhile() -> None:
        team.while_sending = lambda: None
        board.save(severity="critical")
        board.save("2", state="acknowledged")
        board.plan()

    team.while_sending = meanwhile
    board.save(severity="error")
    board.save("2", severity="error")
    board.turn()
    board.turn(1)
    assert sorted((one.now.subject, one.what) for one in team.sent) == [
        ("incident:inc-1", "opened"),
        ("incident:inc-1", "worse"),
        ("incident:inc-2", "opened"),
    ]


def test_a_test_message_says_how_it_went(board: Board) -> None:
    board.channels["bot"].answer = REFUSED

    assert board.desk.test("bot", "ada").said == "answered 400"
    assert board.desk.test("team", "ada").outcome == "delivered"
    assert board.desk.deliveries("team", None, None, 9)[0].what == "test"


def test_a_surprise_in_a_channel_is_a_failure_and_holds_nothing_up(board: Board) -> None:
    def surprise() -> None:
        board.channels["bot"].while_sending = lambda: None
        raise UnicodeError("half a character")

    board.channels["bot"].while_sending = surprise
    board.save()
    board.turn()
    assert board.desk.deliveries("bot", None, None, 1)[0].said == "a mistake in this platform: UnicodeError"
    board.turn(30)

    assert board.desk.deliveries("bot", None, None, 1)[0].outcome == "delivered"


STATES = st.sampled_from(["open", "acknowledged", "mitigated", "resolved"])
STEPS = st.lists(st.tuples(STATES, st.sampled_from(["warning", "error", "critical"]), st.booleans()), max_size=12)


@given(steps=STEPS)
@settings(max_examples=15, deadline=None)
def test_whatever_happens_a_receiver_ends_with_the_newest_state_and_never_hears_contradictions(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, bool]]
) -> None:
    state = state_in(tmp_path_factory.mktemp("board"))
    board = Board(state, BOTH)
    bot, is_over = board.channels["bot"], False
    for phase, severity, is_up in steps:
        if is_over:
            break
        bot.answer = board.channels["team"].answer if is_up else DOWN
        saved = board.save(state=phase, severity=severity)
        is_over = not saved.state.is_live
        board.turn(31)
    bot.answer = board.channels["team"].answer
    board.turn(400)
    board.turn(400)

    if bot.sent:
        newest = board.stream.incident("inc-1")
        assert newest is not None
        assert bot.sent[-1].now.severity == newest.severity
        assert bot.sent[-1].now.is_over == (not newest.state.is_live)
        assert all(not message.now.is_over for message in bot.sent[:-1] if message.key != bot.sent[-1].key)
        versions = [message.now.version for message in bot.sent]
        assert versions == sorted(versions)
    assert board.turn(400) == 0
    state.close()


def test_moments_are_those_of_the_clock(board: Board) -> None:
    board.save()
    board.turn()

    assert board.desk.deliveries("bot", None, None, 1)[0].at == NOON

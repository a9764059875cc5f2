"""Who is told of what, when: the newest state once, in order, however long a receiver was away."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.spine.notify.board import BOTH, DOWN, NOON, REFUSED, TAKEN, Board, with_route
from tests.store.fixtures import state_in

from wellkept.kernel.errors import NotFoundError
from wellkept.store.state.state import State


@pytest.fixture
def board(state: State) -> Board:
    return Board(state, BOTH)


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


def test_all_that_was_given_up_for_a_receiver_is_tried_again_at_once(board: Board) -> None:
    bot, team = board.channels["bot"], board.channels["team"]
    bot.answer = team.answer = REFUSED
    for name in "abc":
        board.save(name)
    board.turn()
    bot.answer = TAKEN

    assert board.desk.retry_all("bot", "ada") == 3
    assert board.turn() == 3

    assert {row.receiver for row in board.desk.dead()} == {"team"}
    assert board.desk.retry_all("bot", "ada") == 0
    assert board.audit.entries()[0].verb == "receiver.retried"
    with pytest.raises(NotFoundError):
        board.desk.retry_all("nobody", "ada")


def test_what_fails_for_a_day_is_given_up(board: Board) -> None:
    board.channels["bot"].answer = DOWN
    board.save()
    for _ in range(30):
        board.turn(3600)

    (dead,) = board.desk.dead()
    assert "given up after 14" in board.desk.deliveries("bot", "dead", None, 9)[0].said
    assert dead.receiver == "bot"


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
@example(steps=[("open", "error", True), ("open", "warning", False), ("open", "error", False)])
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

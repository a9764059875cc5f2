"""Two servers on one store: one of them tells, and where it dies, the other one does, under the same key."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.spine.notify.board import BOTH, NOON, Board
from tests.store.postgres import database

from wellkept.store.state.notifications import NEVER, Planned
from wellkept.store.state.state import State
from wellkept.store.state.tellings import Told


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest) -> Iterator[State]:
    """A store of either engine."""
    if request.param == "sqlite":
        yield request.getfixturevalue("state")
        return
    with database() as url:
        opened = State.open(url)
        yield opened
        opened.close()


def test_two_servers_never_tell_twice_for_one_change(shared: State) -> None:
    one = Board(shared, {**BOTH, "route": {**BOTH["route"], "digest_at": 100}})
    other = Board(shared, {**BOTH, "route": {**BOTH["route"], "digest_at": 100}}, one.clock)
    told = 0
    with ThreadPoolExecutor(4) as pool:
        for state in ("open", "acknowledged", "resolved"):
            for number in range(5):
                one.save(str(number), state=state)
            one.clock.advance(timedelta(seconds=400))
            for _ in range(3):
                list(pool.map(lambda step: step(), [one.plan, other.plan, one.plan, other.plan]))
                told += sum(pool.map(lambda step: step(), [one.send, other.send, one.send, other.send]))

    assert told == 3 * 5 * 2
    keys = [message.key for board in (one, other) for message in board.channels["bot"].sent]
    assert len(keys) == len(set(keys)) == 15
    about = [(m.now.subject, m.what) for board in (one, other) for m in board.channels["bot"].sent]
    assert len(set(about)) == 15


def test_what_a_server_died_over_is_sent_again_under_the_same_key_and_counted(shared: State) -> None:
    one, other = Board(shared, BOTH), Board(shared, BOTH)
    one.save()
    one.plan()
    (row,) = one.rows.due("bot", NOON, 9)
    claimed = one.rows.claim(row.id, "dies", NOON, NOON + timedelta(seconds=90))
    assert claimed is not None

    other.clock.advance(timedelta(seconds=60))
    other.turn()
    assert other.channels["bot"].sent == []
    assert one.rows.claim(row.id, "late", NOON + timedelta(seconds=60), NOON + timedelta(seconds=90)) is None
    other.turn(60)

    assert other.channels["bot"].said() == ["opened"]
    (told,) = other.desk.deliveries("bot", "delivered", None, 9)
    assert told.is_repeated
    line = Told(0, row.id, "bot", row.subject, "k", "opened", NOON, "failed", 1, "late")
    assert not one.rows.settle(claimed, line, {"told_key": "never"}, None)
    assert other.turn(900) == 0


def test_who_takes_over_waits_for_what_may_be_under_way_and_who_is_alone_for_nothing(shared: State) -> None:
    one, other = Board(shared, BOTH), Board(shared, BOTH)
    bot = next(receiver for receiver in one.settings.receivers if receiver.name == "bot")
    one.save()
    one.plan()
    (row,) = one.rows.due("bot", NOON, 9)
    assert one.rows.claim(row.id, "dies", NOON, NOON + timedelta(seconds=90)) is not None

    other.delivery.inherit(bot, alone=False)
    other.turn(29)
    assert other.channels["bot"].sent == []
    other.turn(2)
    assert other.channels["bot"].said() == ["opened"]

    one.save(state="acknowledged")
    one.clock.advance(timedelta(seconds=60))
    one.plan()
    (row,) = one.rows.due("bot", one.clock.now(), 9)
    assert one.rows.claim(row.id, "dies", one.clock.now(), one.clock.now() + timedelta(seconds=90)) is not None
    one.delivery.inherit(bot, alone=True)
    one.send()
    assert one.channels["bot"].said() == ["acknowledged"]
    (told, _) = one.desk.deliveries("bot", "delivered", None, 9)
    assert told.is_repeated


def test_of_two_that_plan_the_same_turn_one_wins(shared: State) -> None:
    board = Board(shared, BOTH)
    known = board.rows.position("changes")

    assert board.rows.plan("changes", known, "{}", Planned())
    assert not board.rows.plan("changes", known, "{}", Planned())


def test_moments_of_a_row_survive_the_store(shared: State) -> None:
    board = Board(shared, BOTH)
    board.save()
    board.plan()

    (row,) = board.rows.due("bot", NOON, 9)

    assert (row.lease_until, row.created_at, row.told_at) == (NEVER, NOON, None)

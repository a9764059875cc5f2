"""The lead among servers on one store: one leads, is replaced, and what it was in the middle of writes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update
from tests.store.fixtures import state_in
from tests.store.postgres import database
from tests.store.telemetry.scenes import NOON

from wellkept.kernel.errors import ConflictError
from wellkept.spine import lease as leases_of
from wellkept.spine.lease import Alone, Lease
from wellkept.store.state.leases import LeaseRows
from wellkept.store.state.state import State
from wellkept.store.state.tables import agents
from wellkept.store.state.tables_leases import leases

LONG_S, SOON_S = 120.0, 0.05


class Side:
    """One server: its handle on the store, its lease, and what it was told of the lead."""

    def __init__(self, url: str, name: str, every_s: float | None) -> None:
        self.state, self.told = State.open(url), list[str]()
        self.lease = Lease(self.state, f"holder-{name}", name, LONG_S, every_s)

    def start(self) -> None:
        self.lease.start(lambda term: self.told.append(f"gained {term}"), lambda: self.told.append("lost"))

    def close(self) -> None:
        self.lease.stop()
        self.lease.close()
        self.state.close()


@pytest.fixture
def side() -> Iterator[Callable[..., Side]]:
    """Makes servers on one PostgreSQL."""
    made: list[Side] = []
    with database() as url:

        def make(name: str, every_s: float | None = None) -> Side:
            made.append(Side(url, name, every_s))
            return made[-1]

        yield make
        for one in made:
            one.close()


def until(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def run_out(side: Side) -> None:
    with side.state.at_once() as connection:
        connection.execute(update(leases).values(expires_at=NOON))


def write(side: Side, name: str) -> None:
    with side.state.transaction() as connection:
        connection.execute(insert(agents).values(id=name, last_seen=NOON, body={}))


def test_one_alone_leads_and_asks_nobody() -> None:
    alone, told = Alone(), list[str]()
    alone.start(lambda term: told.append(f"gained {term}"), lambda: told.append("lost"))
    with alone.fenced():
        assert alone.leads
    alone.stop()
    alone.close()
    assert told == ["gained 0", "lost"]
    assert alone.status() == {"shared": False, "leads": True}


def test_the_first_leads_until_it_ends_and_then_the_next(side: Callable[..., Side]) -> None:
    left, right = side("left"), side("right", SOON_S)
    left.start()
    until(lambda: left.lease.leads)
    right.start()
    until(lambda: len(right.lease.status()["servers"]) == 2)
    assert (left.lease.leads, right.lease.leads) == (True, False)
    assert right.lease.status()["leader"]["server"] == "left"
    assert right.lease.notes() == ["This is server right; left leads (term 1), right is up"]
    with pytest.raises(ConflictError, match="does not lead"), right.lease.fenced():
        pass

    left.lease.stop()
    left.lease.close()
    until(lambda: right.lease.leads)
    assert (left.told, right.told) == (["gained 1", "lost"], ["gained 2"])
    assert right.lease.status()["servers"] == [{"server": "left", "up": False}, {"server": "right", "up": True}]


def test_whoever_slept_leads_no_more_by_its_own_clock(
    side: Callable[..., Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anybody tells it, and before it asks: the clock has run on while it was stopped."""
    left = side("left")
    left.start()
    until(lambda: left.lease.leads)
    now = leases_of.since_boot()
    monkeypatch.setattr(leases_of, "since_boot", lambda: now + LONG_S + 1)
    assert not left.lease.leads
    with pytest.raises(ConflictError), left.lease.fenced():
        pass


def test_what_it_was_in_the_middle_of_writes_nothing(side: Callable[..., Side]) -> None:
    left, right = side("left"), side("right", SOON_S)
    left.start()
    until(lambda: left.lease.leads)
    with left.lease.fenced():
        write(left, "in time")
        run_out(left)
        right.start()
        until(lambda: right.lease.leads)
        with pytest.raises(ConflictError, match="right under term 2"):
            write(left, "too late")
    with right.state.reading() as connection:
        assert list(connection.execute(select(agents.c.id)).scalars()) == ["in time"]


def test_it_is_renewed_while_it_begins_to_lead(side: Callable[..., Side]) -> None:
    left, go, begun = side("left", SOON_S), threading.Event(), threading.Event()

    def begin(_: int) -> None:
        begun.set()
        go.wait(60)

    left.lease.start(begin, lambda: None)
    begun.wait(60)
    assert not left.lease.leads, "it does not lead before it has begun"
    first = until_of(left)
    until(lambda: until_of(left) > first)
    go.set()
    until(lambda: left.lease.leads)


def until_of(side: Side) -> datetime:
    held = LeaseRows(side.state).get(leases_of.LEADER)
    assert held is not None
    return held.expires_at


def test_one_that_cannot_begin_lets_the_other(side: Callable[..., Side]) -> None:
    left, right = side("left"), side("right", SOON_S)

    def fails(_: int) -> None:
        left.lease._stopped.set()  # it would try again at once, and win again
        raise OSError("no room")

    left.lease.start(fails, lambda: left.told.append("lost"))
    until(lambda: left.told == ["lost"])
    right.start()
    until(lambda: right.lease.leads)
    assert not left.lease.leads


def test_one_whose_lease_ran_out_while_it_began_says_so_in_a_line(
    side: Callable[..., Side], caplog: pytest.LogCaptureFixture
) -> None:
    late = side("late", SOON_S)

    def gained(_: int) -> None:
        raise ConflictError("lease leader", "this server does not lead any more", "late")

    late.lease.start(gained, lambda: None)
    until(lambda: "could not begin to lead" in caplog.text)
    assert "Traceback" not in caplog.text


def test_a_store_on_sqlite_knows_leases_too(tmp_path: Path) -> None:
    state = state_in(tmp_path)
    lease = Lease(state, "a", "left", LONG_S)
    lease.start(lambda _: None, lambda: None)
    until(lambda: lease.leads)
    lease.stop()
    lease.close()
    assert not lease.leads
    state.close()

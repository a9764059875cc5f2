"""Leases: one holder at a time, under terms that grow, and nothing that a former holder writes is kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert, select, update
from tests.store.telemetry.scenes import NOON

from wellkept.kernel.errors import ConflictError
from wellkept.store.state.leases import LeaseRows
from wellkept.store.state.state import State
from wellkept.store.state.tables import agents
from wellkept.store.state.tables_leases import leases

LONG_S = 600.0


@pytest.fixture
def rows(state: State) -> LeaseRows:
    return LeaseRows(state)


def run_out(state: State) -> None:
    """Let every lease be over."""
    with state.at_once() as connection:
        connection.execute(update(leases).values(expires_at=NOON))


def written(state: State) -> list[str]:
    with state.reading() as connection:
        return list(connection.execute(select(agents.c.id)).scalars())


def write(state: State, name: str) -> None:
    with state.transaction() as connection:
        connection.execute(insert(agents).values(id=name, last_seen=NOON, body={}))


def test_one_holds_it_and_renews_it_under_the_same_term(rows: LeaseRows) -> None:
    assert [rows.hold("x", "a", "A", LONG_S) for _ in range(3)] == [1, 1, 1]
    assert rows.hold("x", "b", "B", LONG_S) is None
    held = rows.get("x")
    assert held is not None
    assert (held.holder, held.about, held.term, held.is_over) == ("a", "A", 1, False)


def test_another_takes_it_under_the_next_term_when_it_is_over(rows: LeaseRows, state: State) -> None:
    rows.hold("x", "a", "A", LONG_S)
    run_out(state)
    assert rows.hold("x", "b", "B", LONG_S) == 2
    assert rows.hold("x", "a", "A", LONG_S) is None


def test_one_that_has_run_out_goes_on_where_nobody_took_it(rows: LeaseRows, state: State) -> None:
    rows.hold("x", "a", "A", LONG_S)
    run_out(state)
    assert rows.hold("x", "a", "A", LONG_S) == 1


def test_given_back_it_is_the_next_ones_at_once(rows: LeaseRows) -> None:
    rows.hold("x", "a", "A", LONG_S)
    rows.give_back("x", "b")
    assert rows.hold("x", "b", "B", LONG_S) is None, "nobody gives back what is another's"
    rows.give_back("x", "a")
    assert rows.hold("x", "b", "B", LONG_S) == 2


def test_names_have_nothing_to_do_with_each_other(rows: LeaseRows, state: State) -> None:
    assert (rows.hold("s:x", "a", "A", LONG_S), rows.hold("s:y", "b", "B", LONG_S)) == (1, 1)
    assert [held.about for held in rows.beginning("s:")] == ["A", "B"]
    run_out(state)
    rows.forget("s:", 3600.0)
    assert rows.beginning("s:") == []


def test_of_many_who_want_it_one_gets_it(rows: LeaseRows, state: State) -> None:
    for term in range(1, 4):
        with ThreadPoolExecutor(8) as pool:
            terms = list(pool.map(lambda n: rows.hold("x", f"{term}:{n}", "", LONG_S), range(8)))  # noqa: B023
        assert [found for found in terms if found is not None] == [term]
        run_out(state)


def test_a_former_holder_writes_nothing(rows: LeaseRows, state: State) -> None:
    rows.hold("x", "a", "A", LONG_S)
    with state.fenced(rows.fence("x", "a", 1)):
        write(state, "in time")
        run_out(state)
        with pytest.raises(ConflictError, match="lease x: term 1 is over"):
            write(state, "run out")
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(rows.hold, "x", "b", "B", LONG_S).result() == 2
        with pytest.raises(ConflictError, match="B under term 2"):
            write(state, "too late")
    write(state, "outside")
    assert written(state) == ["in time", "outside"]


def test_a_fence_is_that_of_its_thread(rows: LeaseRows, state: State) -> None:
    rows.hold("x", "a", "A", LONG_S)
    run_out(state)
    with state.fenced(rows.fence("x", "a", 1)), ThreadPoolExecutor(1) as pool:
        pool.submit(write, state, "another").result()
    assert written(state) == ["another"]


def test_nobody_takes_it_while_its_holder_commits(rows: LeaseRows, state: State) -> None:
    """Whoever takes the lease takes its turn: what was let pass before is committed before."""
    rows.hold("x", "a", "A", LONG_S)
    with ThreadPoolExecutor(1) as pool:
        with state.fenced(rows.fence("x", "a", 1)), state.transaction() as connection:
            if state.is_shared:
                run_out(state)
                taking = pool.submit(rows.hold, "x", "b", "B", LONG_S)
            connection.execute(insert(agents).values(id="in time", last_seen=NOON, body={}))
            if state.is_shared:
                assert not taking.done()
        assert written(state) == ["in time"]
        assert not state.is_shared or taking.result(30) == 2

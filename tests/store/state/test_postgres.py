"""What is PostgreSQL's own: who opens it at once, texts and numbers without bounds, who stalls in the middle."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text
from tests.store.postgres import database
from tests.store.state.test_findings import finding
from tests.store.telemetry.scenes import NOON, at

from wellkept.kernel.errors import StoreError
from wellkept.spine.audit import Audit
from wellkept.store.state import postgres
from wellkept.store.state.findings import FindingRows
from wellkept.store.state.models import ModelRows
from wellkept.store.state.news import NewsRows
from wellkept.store.state.state import State
from wellkept.store.state.tables import agents, findings, jobs

_CUT = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND datname = current_database()"
)


@pytest.fixture
def servers() -> Iterator[tuple[State, State]]:
    """Two servers' handles on one store."""
    with database() as url:
        pair = State.open(url), State.open(url)
        yield pair
        for one in pair:
            one.close()


def test_many_who_open_it_for_the_first_time_at_once() -> None:
    with database("template1") as url, ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: State.open(url), range(4)))
        for state in opened:
            with state.reading() as connection:
                assert connection.execute(select(findings)).all() == []
            state.close()


def test_texts_and_numbers_have_no_bounds(servers: tuple[State, State]) -> None:
    rows = FindingRows(servers[0])
    long = finding("p" * 3000, entity=f"service:{'x' * 3000}", detector="d" * 500)
    assert rows.merge([long], at(0)) == [long]
    with servers[0].transaction() as connection:
        connection.execute(findings.update().values(revision=2**40))
    (read,), revision = FindingRows(servers[1]).after(2**40 - 1)
    assert (read, revision) == (long, 2**40)


def test_texts_are_in_the_order_of_their_bytes(servers: tuple[State, State]) -> None:
    names = ["Z", "a", "B", "é", "_", "-", "0"]
    with servers[0].transaction() as connection:
        connection.execute(insert(agents), [{"id": name, "last_seen": NOON, "body": {}} for name in names])
    with servers[0].reading() as connection:
        read = connection.execute(select(agents.c.id).order_by(agents.c.id)).scalars().all()
    assert list(read) == sorted(names)


def test_what_no_json_and_no_text_can_hold(servers: tuple[State, State]) -> None:
    values = {"id": "a\x00b", "kind": "k", "subject": "s", "state": "s", "started_at": NOON}
    with servers[0].transaction() as connection:
        connection.execute(insert(jobs).values(**values, body={"figure": float("nan"), "text": "a\x00b"}))
    with servers[0].reading() as connection:
        row = connection.execute(select(jobs)).one()
    assert (row.id, row.body) == ("a\ufffdb", {"figure": "NaN", "text": "a\x00b"})


def test_the_audit_log_of_two_servers_is_one_chain(servers: tuple[State, State]) -> None:
    logs = [Audit(state) for state in servers]

    def write(number: int) -> None:
        logs[number % 2].append(at(number), "ana", "note", "x\x00", {"n": number, "figure": float("inf")})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(60)))
    assert [log.verify() for log in logs] == [60, 60]


def test_of_two_servers_one_opens_a_finding(servers: tuple[State, State]) -> None:
    """Both say the same of the same at once: one is open, and it has kept the start that was first."""
    rows = [FindingRows(state) for state in servers]
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda n: rows[n % 2].merge([finding(starts=n)], at(100 + n))[0], range(24)))
    (kept,) = rows[0].open("")
    assert {one.id for one in said} == {kept.id}


def test_of_two_servers_each_gives_numbers_of_its_own(servers: tuple[State, State]) -> None:
    from tests.store.state.test_models import version

    rows = [ModelRows(state) for state in servers]
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda n: rows[n % 2].add(version(f"sha256:{n}")).number, range(24)))
    assert sorted(numbers) == list(range(1, 25))


def test_a_reader_by_position_misses_nothing_that_the_other_server_commits_late(servers: tuple[State, State]) -> None:
    """One server takes its numbers and dawdles; the other writes behind it; who reads on sees both, in order."""
    took, go = threading.Event(), threading.Event()

    def dawdle() -> None:
        with servers[0].transaction():
            FindingRows(servers[0]).merge([finding("slow")], at(0))
            took.set()
            go.wait(30)

    slow = threading.Thread(target=dawdle)
    slow.start()
    took.wait(30)
    quick = threading.Thread(target=lambda: FindingRows(servers[1]).merge([finding("quick")], at(1)))
    quick.start()
    reader, position = FindingRows(servers[1]), 0
    seen, position = reader.after(position)
    assert seen == [], "the number of the slow one is taken, and nothing behind it can be seen before it"
    go.set()
    slow.join(30)
    quick.join(30)
    seen, position = reader.after(position)
    assert [one.fingerprint for one in seen] == ["slow", "quick"]
    assert position == NewsRows(servers[0]).last_revision()


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(st.tuples(st.integers(0, 1), st.sampled_from("abc"), st.booleans()), min_size=4, max_size=12))
def test_whoever_reads_on_sees_every_last_word(servers: tuple[State, State], plan: list[tuple[int, str, bool]]) -> None:
    rows = [FindingRows(state) for state in servers]
    start, seen = NewsRows(servers[0]).last_revision(), {}
    done = threading.Event()

    def read() -> None:
        position = start
        while True:
            last = done.is_set()
            found, position = rows[0].after(position, 3)
            seen.update({one.id: one for one in found})
            if last and not found:
                return

    reading = threading.Thread(target=read)
    reading.start()

    def say(word: tuple[int, tuple[int, str, bool]]) -> None:
        number, (server, name, over) = word
        if over:
            rows[server].end([name], at(number))
        else:
            rows[server].merge([finding(name, starts=number)], at(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(say, enumerate(plan)))
    done.set()
    reading.join(60)
    known = {one.id: one for one in rows[1].between(None, None, None, 1000)}
    assert all(known[identity] == one for identity, one in seen.items())


def test_whoever_stalls_in_the_middle_holds_up_nobody_for_long(
    servers: tuple[State, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "STALLED_MS", 500)
    rows = FindingRows(servers[1])
    with pytest.raises(StoreError), servers[0].transaction() as connection:  # noqa: PT012 - it fails where it goes on
        connection.execute(insert(agents).values(id="a", last_seen=NOON, body={}))
        rows.merge([finding()], at(0))  # the other server gets its turn all the same
        connection.execute(text("SELECT 1"))
    with servers[1].reading() as reader:
        assert reader.execute(select(agents)).all() == []
    assert len(rows.open("")) == 1


def test_whoever_stalls_between_statements_that_it_only_sends_is_ended_too(
    servers: tuple[State, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database waits for the rest of a pipeline for ever: its own limit does not hold there."""
    with pytest.raises(StoreError), servers[0].transaction() as connection:  # noqa: PT012 - it fails where it goes on
        raw: Any = connection.connection.driver_connection
        pipeline = raw.pipeline()
        pipeline.__enter__()
        raw.execute("SELECT 1")
        raw.pgconn.send_flush_request()
        raw.pgconn.flush()
        monkeypatch.setattr(postgres, "WAIT_MS", 200)
        monkeypatch.setattr(postgres, "STALLED_MS", 500)
        with contextlib.closing(State.open(servers[1].url)) as other:
            FindingRows(other).merge([finding()], at(0))
        pipeline.__exit__(None, None, None)
    assert len(FindingRows(servers[1]).open("")) == 1


def test_a_database_that_went_away_is_an_error_and_then_comes_back(servers: tuple[State, State]) -> None:
    rows = FindingRows(servers[0])
    rows.merge([finding()], at(0))
    with servers[1].at_once() as connection:
        connection.execute(_CUT)
    assert len(rows.open("")) == 1, "a connection that was cut is not used again"
    assert rows.merge([finding(score=2.0)], at(1) + timedelta(seconds=1))


@pytest.mark.parametrize(
    "url", ["postgresql://nobody:hunter2@127.0.0.1:1/x", "postgresql://u:hunter2@[bad/x", "mysql://u:hunter2@h/x"]
)
def test_an_address_that_leads_nowhere_does_not_tell_the_password(url: str) -> None:
    with pytest.raises(StoreError) as raised:
        State.open(url)
    assert "hunter2" not in str(raised.value)

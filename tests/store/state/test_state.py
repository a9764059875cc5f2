"""The state store itself: opening, migrations, units of work, and what an error may say."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, func, insert, inspect, select, text
from tests.store.telemetry.scenes import NOON

from wellkept.kernel.errors import StoreError
from wellkept.store.state.state import MIGRATIONS, State
from wellkept.store.state.tables import agents, jobs, metadata
from wellkept.store.state.tellings import HistoryRows, keep_escalations


def row(id_: str) -> dict[str, object]:
    return {"id": id_, "last_seen": NOON, "body": {"secret": "4000-1234"}}


def assert_never(_: object) -> None:
    raise AssertionError


def ids(state: State) -> list[str]:
    with state.reading() as connection:
        return list(connection.execute(select(agents.c.id).order_by(agents.c.id)).scalars())


def test_migrations_and_tables_say_the_same(state: State) -> None:
    """On PostgreSQL but for types, whose bounds are taken off there, and defaults, which it spells in its own way."""
    compared = {"compare_type": not state.is_shared, "compare_server_default": not state.is_shared}
    with state.reading() as connection:
        context = MigrationContext.configure(connection, opts=compared)
        assert compare_metadata(context, metadata) == []


def test_every_table_is_there(state: State) -> None:
    with state.reading() as connection:
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_migrations_form_one_line() -> None:
    names = sorted(path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


@pytest.mark.parametrize("name", ["state", "with space", "odd?name#here%20", "größe"])
def test_opened_twice_it_is_the_same_store(tmp_path: Path, name: str) -> None:
    first = State.open(tmp_path / name)
    second = State.open(tmp_path / name)
    with first.transaction() as connection:
        connection.execute(insert(agents).values(**row("a")))
    assert ids(second) == ["a"]
    first.close()
    second.close()
    third = State.open(str(tmp_path / name))
    assert ids(third) == ["a"]
    third.close()
    assert (tmp_path / name / "state.sqlite").is_file()


def test_many_who_open_it_for_the_first_time_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda _: State.open(tmp_path / "state"), range(6)))
    assert [ids(state) for state in opened] == [[]] * 6
    for state in opened:
        state.close()


def test_a_unit_of_work_is_kept_whole_or_not_at_all(state: State) -> None:
    with pytest.raises(AssertionError), state.transaction() as connection:
        assert_never(connection.execute(insert(agents).values(**row("a"))))
    assert ids(state) == []
    with state.transaction() as connection:
        connection.execute(insert(agents).values(**row("a")))
    assert ids(state) == ["a"]


def test_a_reader_sees_one_moment_and_does_not_wait_for_a_writer(state: State) -> None:
    with state.transaction() as connection:
        connection.execute(insert(agents).values(**row("a")))
        assert ids(state) == []
    with state.reading() as reader:
        assert reader.execute(select(func.count()).select_from(agents)).scalar() == 1
        with state.transaction() as connection:
            connection.execute(insert(agents).values(**row("b")))
        assert reader.execute(select(func.count()).select_from(agents)).scalar() == 1
    assert ids(state) == ["a", "b"]


def test_writers_wait_for_one_another(state: State) -> None:
    """Each reads what is there and adds one to it; nobody's step is lost and nobody meets a locked database."""

    def step(number: int) -> None:
        with state.transaction() as connection:
            count = connection.execute(select(func.count()).select_from(agents)).scalar_one()
            connection.execute(insert(agents).values(**row(f"{count:04}")))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(step, range(80)))
    assert ids(state) == [f"{number:04}" for number in range(80)]


def test_a_file_is_durable(tmp_path: Path) -> None:
    state = State.open(tmp_path / "state")
    with state.reading() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        }
    state.close()
    assert pragma == {"journal_mode": "wal", "synchronous": 2}


def test_an_error_says_what_broke_and_never_quotes_rows(state: State) -> None:
    with state.transaction() as connection:
        connection.execute(insert(agents).values(**row("a")))
    with pytest.raises(StoreError) as raised, state.transaction() as connection:
        connection.execute(insert(agents).values(**row("a")))
    sqlite, postgres = "IntegrityError: UNIQUE constraint failed: agents.id", "UniqueViolation: duplicate key value"
    assert str(raised.value).startswith(f"state store: {postgres if state.is_shared else sqlite}")
    assert "4000" not in str(raised.value.__cause__)


def test_what_cannot_be_kept_as_json_is_an_error_of_ours(state: State) -> None:
    with pytest.raises(StoreError, match="TypeError"), state.transaction() as connection:
        connection.execute(insert(agents).values(id="a", last_seen=NOON, body={"at": NOON}))
    assert ids(state) == []


@pytest.mark.parametrize(
    "target", ["nonsense://nowhere/x", "://", "sqlite:////proc/nowhere/state.sqlite", "/proc/nowhere"]
)
def test_what_cannot_be_opened_is_an_error_of_ours(target: str) -> None:
    with pytest.raises(StoreError, match="state store cannot be opened"):
        State.open(target)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"something else altogether, and long enough to be looked at" * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        State.open(tmp_path)


def test_a_store_of_a_later_version(tmp_path: Path) -> None:
    State.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "state.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match=r"was written by another version of Wellkept.*9999"):
        State.open(tmp_path)


def test_a_reader_in_another_thread_while_it_is_written(state: State) -> None:
    stop, failures = threading.Event(), list[BaseException]()

    def read() -> None:
        try:
            while not stop.is_set():
                ids(state)
        except BaseException as error:
            failures.append(error)

    reading = threading.Thread(target=read)
    reading.start()
    for number in range(50):
        with state.transaction() as connection:
            connection.execute(
                insert(jobs).values(id=f"{number}", kind="k", subject="s", state="s", started_at=NOON, body={})
            )
    stop.set()
    reading.join(30)
    assert failures == []


def test_escalations_that_go_on_are_kept_by_the_step_to_one_a_policy(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    engine = create_engine(f"sqlite:///{folder / 'state.sqlite'}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    began, due = (f"2026-11-01 {hour}:00:00.000000" for hour in (10, 11))
    values = f"('incident:inc-1', 'page', 'top', 1, '{began}', '{due}', 'open', 3, '')"
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0013")
        connection.execute(text(f"INSERT INTO notification_escalations VALUES {values}"))
        connection.commit()
    engine.dispose()
    state = State.open(folder)
    history = HistoryRows(state)
    ((one,),) = history.escalations(["incident:inc-1"]).values()
    assert (one.policy, one.step, one.due_at) == ("page", 1, datetime(2026, 11, 1, 11, tzinfo=UTC))
    with state.transaction() as connection:
        keep_escalations(connection, [replace(one, policy="call")])
    assert [one.policy for one in history.escalations(["incident:inc-1"])["incident:inc-1"]] == ["call", "page"]
    state.close()

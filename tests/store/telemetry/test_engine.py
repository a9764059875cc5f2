"""The embedded engine: time limits, side by side, failures, and who may open a folder."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from tests.store.fixtures import Opening

from wellkept.kernel.errors import StoreError
from wellkept.store.telemetry.engine import EmbeddedEngine
from wellkept.store.telemetry.failures import of_opening

ENDLESS = "SELECT count() AS n FROM system.numbers WHERE cityHash64(number) = 1"
NUMBERS = "CREATE TABLE numbers_kept (n Int64) ENGINE = MergeTree ORDER BY n"


def count(engine: EmbeddedEngine) -> int:
    return int(engine.query("SELECT count() AS n FROM numbers_kept")["n"][0].as_py())


def ask_for_ever(engine: EmbeddedEngine) -> None:
    while True:
        engine.query("SELECT 1")


def begun(engine: EmbeddedEngine, pool: ThreadPoolExecutor, limit_s: float) -> Future[pa.Table]:
    """An endless query that is known to be under way."""
    future = pool.submit(engine.query, ENDLESS, limit_s=limit_s)
    under_way = "SELECT count() AS n FROM system.processes WHERE query LIKE 'SELECT count() AS n FROM system.numbers%'"
    for _ in range(10_000):
        if future.done() or engine.query(under_way)["n"][0].as_py():
            return future
    raise AssertionError("the query never began")


def test_a_result_is_arrow(engine: EmbeddedEngine) -> None:
    rows = engine.query("SELECT number AS n, toString(number) AS text FROM numbers(3)")
    assert rows.to_pydict() == {"n": [0, 1, 2], "text": ["0", "1", "2"]}


def test_a_result_without_rows_has_its_columns(engine: EmbeddedEngine) -> None:
    rows = engine.query("SELECT number AS n FROM numbers(0)")
    assert rows.num_rows == 0
    assert rows.column_names == ["n"]


def test_a_result_outlives_the_engine(opening: Opening) -> None:
    engine = opening(EmbeddedEngine)
    rows = engine.query("SELECT number AS n FROM numbers(100000)")
    engine.close()
    assert rows["n"].to_pylist() == list(range(100_000))


def test_a_query_that_takes_too_long_is_ended(engine: EmbeddedEngine) -> None:
    with pytest.raises(StoreError, match=r"TIMEOUT_EXCEEDED"):
        engine.query(ENDLESS, limit_s=0.2)


def test_what_a_failed_query_had_put_out_is_not_the_next_ones_result(opening: Opening) -> None:
    engine = opening(EmbeddedEngine, readers=1)
    for failing in (ENDLESS, "SELECT number, throwIf(number = 70000) FROM numbers(100000)", "SELECT nonsense"):
        with pytest.raises(StoreError):
            engine.query(failing, limit_s=0.2)
        assert engine.query("SELECT 7 AS seven").to_pydict() == {"seven": [7]}


def test_blocks_are_all_rows_and_may_be_left_early(engine: EmbeddedEngine) -> None:
    rows = "SELECT number AS n, toLowCardinality(toString(number % 3)) AS word FROM numbers(200000)"
    blocks = list(engine.blocks(rows))
    assert sum(block.num_rows for block in blocks) == 200_000
    assert len(blocks) > 1
    assert sum(block["n"].to_numpy().sum() for block in blocks) == 199_999 * 100_000
    assert blocks[0]["word"].dictionary.to_pylist()[-3:] == ["0", "1", "2"]
    assert list(engine.blocks("SELECT 1 AS n WHERE 0")) == []
    for _ in range(5):  # more often than there are connections
        left = engine.blocks(rows)
        next(left)
        left.close()
    assert engine.query("SELECT 1 AS n")["n"].to_pylist() == [1]


def test_blocks_that_fail_on_the_way_say_so(engine: EmbeddedEngine) -> None:
    with pytest.raises(StoreError, match=r"FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"):
        list(engine.blocks("SELECT throwIf(number = 900000) AS n FROM numbers(1000000)"))
    assert engine.query("SELECT 1 AS n")["n"].to_pylist() == [1]


def test_what_is_asked_a_few_times_is_not_compiled(engine: EmbeddedEngine) -> None:
    compiled = "SELECT sum(value) AS n FROM system.events WHERE event = 'CompileFunction'"
    asked = "SELECT number % 3 AS one, sum(number * 2.5 + one - 7) AS n FROM numbers(1000) GROUP BY one"
    before = engine.query(compiled)["n"].to_pylist()
    for _ in range(20):
        engine.query(asked)
    assert engine.query(compiled)["n"].to_pylist() == before


def test_a_long_query_holds_up_neither_a_writer_nor_a_reader(engine: EmbeddedEngine) -> None:
    engine.command(NUMBERS)
    with ThreadPoolExecutor() as pool:
        long = begun(engine, pool, limit_s=20)
        engine.command("INSERT INTO numbers_kept SELECT 1")
        assert count(engine) == 1
        assert not long.done()
        engine.command("KILL QUERY WHERE query LIKE 'SELECT count() AS n FROM system.numbers%' SYNC")
        with pytest.raises(StoreError, match="QUERY_WAS_CANCELLED"):
            long.result(timeout=30)


def test_more_readers_than_connections_wait_their_turn(engine: EmbeddedEngine) -> None:
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda n: engine.query("SELECT {n:Int64} AS n", {"n": n})["n"][0].as_py(), range(100)))
    assert results == list(range(100))


def test_writers_side_by_side_lose_nothing(engine: EmbeddedEngine) -> None:
    engine.command(NUMBERS)
    with ThreadPoolExecutor(8) as pool:
        rows = [pa.table({"n": [n, n + 1000]}) for n in range(40)]
        list(pool.map(lambda table: engine.insert_arrow("numbers_kept", table), rows))
    assert count(engine) == 80


def test_what_is_stored_is_there_after_a_reopening(opening: Opening) -> None:
    engine = opening(EmbeddedEngine)
    engine.command(NUMBERS)
    engine.insert_arrow("numbers_kept", pa.table({"n": [1, 2, 3]}))
    engine.close()
    assert count(opening(EmbeddedEngine)) == 3


def test_databases_in_one_folder_do_not_see_one_another(engine: EmbeddedEngine, opening: Opening) -> None:
    other = opening(EmbeddedEngine, database="other")
    for one in (engine, other):
        one.command(NUMBERS)
    engine.insert_arrow("numbers_kept", pa.table({"n": [1]}))
    assert (count(engine), count(other)) == (1, 0)
    other.drop()
    other.close()
    assert count(engine) == 1


def test_no_rows_are_no_statement(engine: EmbeddedEngine) -> None:
    engine.insert_arrow("there_is_no_such_table", pa.table({"n": pa.array([], pa.int64())}))
    with pytest.raises(StoreError):  # one row is one
        engine.insert_arrow("there_is_no_such_table", pa.table({"n": [1]}))


def test_an_error_names_the_rule_and_never_quotes_rows(engine: EmbeddedEngine) -> None:
    engine.command(NUMBERS)
    secret = "4000-1234-5678-9010 (CARD_NUMBER)"
    with pytest.raises(StoreError) as inserting:
        engine.insert_arrow("numbers_kept", pa.table({"n": [secret]}))
    with pytest.raises(StoreError) as querying:
        engine.query("SELECT throwIf(1, {secret:String})", {"secret": secret})
    for raised in (inserting, querying):
        assert "telemetry engine" in str(raised.value)
        assert "4000" not in str(raised.value)
        assert "CARD_NUMBER" not in str(raised.value)
    assert inserting.value.__cause__ is None


@pytest.mark.parametrize("name", ["", "a b", "x; DROP TABLE y", "1st", "é"])
def test_a_name_that_is_no_identifier_never_reaches_a_statement(engine: EmbeddedEngine, name: str) -> None:
    with pytest.raises(StoreError, match="must be an identifier"):
        engine.insert_arrow(name, pa.table({"n": [1]}))
    with pytest.raises(StoreError, match="must be identifiers"):
        engine.insert_arrow("numbers_kept", pa.table({name: [1]}))
    with pytest.raises(StoreError, match="must be an identifier"):
        EmbeddedEngine(engine.folder, database=name)


def test_a_closed_engine_says_so(opening: Opening) -> None:
    engine = opening(EmbeddedEngine)
    engine.close()
    engine.close()
    with pytest.raises(StoreError, match="is closed"):
        engine.query("SELECT 1")
    with pytest.raises(StoreError, match="is closed"):
        engine.command("SELECT 1")


def test_closing_waits_for_what_is_under_way_and_refuses_who_waits(opening: Opening) -> None:
    engine = opening(EmbeddedEngine, readers=2)
    with ThreadPoolExecutor() as pool:
        running = begun(engine, pool, limit_s=1.0)
        closing = threading.Thread(target=engine.close)
        closing.start()
        with pytest.raises(StoreError, match="is closed"):
            ask_for_ever(engine)
        closing.join(timeout=30)
        assert not closing.is_alive()
        with pytest.raises(StoreError, match="TIMEOUT_EXCEEDED"):
            running.result(timeout=30)


def test_a_folder_that_another_process_has_open(engine: EmbeddedEngine) -> None:
    opening = (
        "import sys; from pathlib import Path; from wellkept.store.telemetry.engine import EmbeddedEngine;"
        "EmbeddedEngine(Path(sys.argv[1]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", opening, str(engine.folder)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    said = ended.stderr.strip().splitlines()[-1]
    assert said == (
        f"wellkept.kernel.errors.StoreError: telemetry folder {engine.folder}: "
        "cannot be opened; most likely another process has it open"
    )


def test_a_copy_without_its_links_is_told_from_a_folder_that_is_in_use(tmp_path: Path) -> None:
    refused = RuntimeError("Connection failed with error: initializing EmbeddedServer")
    (tmp_path / "metadata" / "default.sql").parent.mkdir()
    (tmp_path / "metadata" / "default.sql").write_text("", encoding="ascii")
    assert "another process has it open" in str(of_opening(tmp_path, refused))

    (tmp_path / "metadata" / "wellkept").mkdir()
    assert "it was copied without its links; copy it with `cp -a`" in str(of_opening(tmp_path, refused))


def test_a_second_folder_in_this_process(engine: EmbeddedEngine, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="this process has another telemetry folder open"):
        EmbeddedEngine(tmp_path / "second")
    assert engine.query("SELECT 1 AS one")["one"].to_pylist() == [1]

"""What sources may reach, how much of it, and how they fail: in words that name them and hold no secret."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.ml.data.projects import DAY, NOON, SPAN, data_of, put, reading

from wellkept.kernel.errors import InputError, NotFoundError, TooLargeError
from wellkept.ml.data.base import Access, Asked, DataSettings, Found
from wellkept.ml.data.connectors.adbc import plain, positional
from wellkept.ml.data.files import files_in, files_of
from wellkept.ml.data.secrets import Secrets
from wellkept.ml.data.sources import Sources, within
from wellkept.ml.dataspec import Data
from wellkept.ml.part import Part

PASSWORD = "p@ss/word"
URL = "postgresql://reader:p%40ss%2Fword@127.0.0.1:1/shop"


def rows(folder: Path, count: int = 4) -> None:
    put(folder, "rows", {"card": list(range(count)), "at": [NOON - n * DAY for n in range(1, count + 1)]})


def test_a_source_is_read_once_and_told_of(tmp_path: Path) -> None:
    rows(tmp_path)
    sources = reading(tmp_path, data_of({"rows": {"time": "at"}}))

    first = sources.rows("rows", SPAN)
    (tmp_path / "rows.parquet").unlink()

    assert sources.rows("rows", SPAN) is first
    told = sources.told["rows"]
    assert (told["connector"], told["rows"], told["path"]) == ("parquet", 4, "rows.parquet")
    assert told["files"]["rows.parquet"].startswith("sha256:")
    assert told["from"] == (NOON - 4 * DAY).isoformat()


def test_only_the_span_counts(tmp_path: Path) -> None:
    rows(tmp_path)
    sources = reading(tmp_path, data_of({"rows": {"time": "at"}}))

    found = sources.rows("rows", (NOON - 3 * DAY, NOON - DAY))

    assert sorted(found.table["card"].to_pylist()) == [1, 2]


def test_an_unknown_source_is_told_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"must be one of those that the contract names \(rows\), got 'row'"):
        reading(tmp_path, data_of({"rows": {}})).rows("row", SPAN)


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    rows(tmp_path)
    data = data_of({"rows": {"time": "when"}})

    with pytest.raises(InputError, match=r"source rows: must have every column .* \(it has card, at\), got 'when'"):
        reading(tmp_path, data).rows("rows", SPAN)


@pytest.mark.parametrize(("own", "most"), [(3, 100), (100, 3)])
def test_more_rows_than_allowed_are_refused(own: int, most: int, tmp_path: Path) -> None:
    rows(tmp_path)
    data = data_of({"rows": {"time": "at", "max_rows": own}})

    with pytest.raises(TooLargeError, match=r"source rows: must be at most 3 rows"):
        reading(tmp_path, data, max_rows=most).rows("rows", SPAN)


class Slow:
    """Never done."""

    name, version, Options = "slow", "1", Part

    def read(self, options: Any, asked: Asked) -> Found:
        threading.Event().wait(60)
        return Found(pa.table({}))


class Failing:
    """Fails with what it knows."""

    name, version, Options = "failing", "1", Part

    def read(self, options: Any, asked: Asked) -> Found:
        url = asked.access.secrets.value("rows", "SHOP")
        raise RuntimeError(f"cannot connect to {url} as reader with {PASSWORD} or p%40ss%2Fword")


def asked(timeout_s: float = 10.0, **environment: str) -> Asked:
    access = Access(Path(), secrets=Secrets(None, environment))
    return Asked("rows", *SPAN, (), "", 10, timeout_s, access)


def test_what_takes_too_long_is_given_up() -> None:
    with pytest.raises(InputError, match=r"source rows: must be read within its time .* got 'more than 0.05 s'"):
        within(Slow(), Part(), asked(0.05))


def test_whatever_a_connector_says_holds_no_secret() -> None:
    with pytest.raises(InputError) as raised:
        within(Failing(), Part(), asked(SHOP=URL))

    said = str(raised.value)
    assert said == (
        "source rows: connector failing failed: RuntimeError: cannot connect to *** as reader with *** or ***"
    )
    assert raised.value.__suppress_context__


def test_a_database_that_does_not_answer_says_no_password(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text(f"SHOP: sqlite:////nowhere/{PASSWORD}/x.db\n", encoding="utf-8")
    secrets.chmod(0o600)
    data = Data.model_validate({"sources": {"rows": {"connector": "sql", "url": "SHOP", "query": "SELECT 1"}}})
    access = Access(tmp_path, secrets=Secrets(secrets, {}))

    with pytest.raises(InputError, match="source rows: the database that SHOP names did not answer") as raised:
        Sources(data, access, DataSettings()).rows("rows", SPAN)

    assert "p@ss" not in str(raised.value)


def test_a_secret_that_nobody_set_is_asked_for_by_name() -> None:
    with pytest.raises(NotFoundError, match=r"source rows: secret: is neither a variable .* got 'SHOP'"):
        Secrets(None, {}).value("rows", "SHOP")


def test_a_file_of_secrets_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secrets.yaml"
    file.write_text(f"SHOP: {URL}\n", encoding="utf-8")
    file.chmod(0o644)
    with pytest.raises(InputError, match="readable for its owner alone"):
        Secrets(file, {}).value("rows", "SHOP")
    file.chmod(0o600)
    assert Secrets(file, {}).value("rows", "SHOP") == URL
    assert Secrets(file, {"SHOP": "the environment goes before"}).value("rows", "SHOP") == "the environment goes before"
    file.write_text("- a list\n", encoding="utf-8")
    with pytest.raises(InputError, match="of names and texts"):
        Secrets(file, {}).value("rows", "SHOP")


ASTRAY = (
    "../other/rows.parquet",
    "/etc/passwd",
    "data/../../other/rows.parquet",
    "../*/rows.parquet",
    "no/such.parquet",
)


@pytest.mark.parametrize("path", ASTRAY)
def test_files_lie_in_the_project(path: str, tmp_path: Path) -> None:
    project, other = tmp_path / "project", tmp_path / "other"
    for folder in (project / "data", other):
        folder.mkdir(parents=True)
    rows(other)

    with pytest.raises(InputError, match=r"source rows: path"):
        files_of(Access(project), "rows", path)


def test_a_link_out_of_the_project_is_refused_unless_the_settings_allow_its_folder(tmp_path: Path) -> None:
    project, other = tmp_path / "project", tmp_path / "other"
    project.mkdir()
    other.mkdir()
    rows(other)
    (project / "rows.parquet").symlink_to(other / "rows.parquet")

    with pytest.raises(InputError, match=r"must lie in the project's folder.*this link leads out"):
        files_of(Access(project), "rows", "*.parquet")
    assert files_of(Access(project, (other,)), "rows", "*.parquet") == [project / "rows.parquet"]
    assert files_of(Access(project, (other,)), "rows", str(other / "*.parquet")) == [other / "rows.parquet"]


def test_a_pattern_reads_all_its_files_and_tells_each_apart(tmp_path: Path) -> None:
    for day in ("a", "b"):
        put(tmp_path, day, {"card": [day], "at": [NOON - DAY]})
    data = data_of({"rows": {"time": "at", "path": "*.parquet"}})
    sources = reading(tmp_path, data)

    assert sources.rows("rows", SPAN).table["card"].to_pylist() == ["a", "b"]
    assert list(sources.told["rows"]["files"]) == ["a.parquet", "b.parquet"]


def test_the_files_of_sources_are_no_code(tmp_path: Path) -> None:
    for name in ("rows", "other"):
        put(tmp_path, name, {"card": [1]})
    data = data_of({"rows": {"path": "ro*.parquet"}, "far": {"path": "/etc/*"}, "up": {"path": "../*"}})

    assert files_in(tmp_path, data) == {tmp_path / "rows.parquet"}


def test_a_file_that_is_not_what_it_says_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_text("not parquet", encoding="utf-8")

    with pytest.raises(InputError, match=r"source rows: rows.parquet cannot be read as Parquet"):
        reading(tmp_path, data_of({"rows": {}})).rows("rows", SPAN)


def comma(**more: Any) -> Data:
    return Data.model_validate({"sources": {"rows": {"connector": "csv", "path": "rows.csv", **more}}})


def test_a_csv_of_wrong_types_names_column_and_value(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("card,amount\n1,2.5\n2,lots\n", encoding="utf-8")

    with pytest.raises(InputError, match=r"source rows: rows.csv cannot be read as CSV .*column #1.*lots"):
        reading(tmp_path, comma(types={"amount": "float"})).rows("rows", SPAN)
    found = reading(tmp_path, comma(types={"amount": "text"})).rows("rows", SPAN)
    assert found.table["amount"].to_pylist() == ["2.5", "lots"]


def test_a_csv_with_a_line_too_short_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("card,amount\n1\n", encoding="utf-8")

    with pytest.raises(InputError, match=r"cannot be read as CSV"):
        reading(tmp_path, comma()).rows("rows", SPAN)


def shop(folder: Path, query: str, **more: Any) -> Sources:
    """Sources over an SQLite database of two orders."""
    file = folder / "shop.db"
    if not file.exists():
        with sqlite3.connect(file) as connection:
            connection.execute('CREATE TABLE "order""s" (id INTEGER, at TEXT, note TEXT)')
            times = [(NOON - n * DAY).strftime("%Y-%m-%d %H:%M:%S.%f") for n in (1, 2)]
            connection.executemany(
                'INSERT INTO "order""s" VALUES (?, ?, ?)', [(1, times[0], "a:b"), (2, times[1], None)]
            )
        connection.close()
    data = Data.model_validate({"sources": {"rows": {"connector": "sql", "url": "SHOP", "query": query, **more}}})
    access = Access(folder, secrets=Secrets(None, {"SHOP": f"sqlite:///{file}"}))
    return Sources(data, access, DataSettings())


def test_moments_are_bound_and_never_pasted(tmp_path: Path) -> None:
    query = 'SELECT * FROM "order""s" WHERE at >= :start AND at < :end AND (note IS NULL OR note = \'a\\:b\')'
    sources = shop(tmp_path, query, time="at")

    found = sources.rows("rows", (NOON - 3 * DAY, NOON - 2 * DAY + timedelta(seconds=1)))

    assert found.table["id"].to_pylist() == [2]
    assert sources.told["rows"]["query"] == query
    assert sources.told["rows"]["url"] == "SHOP"


def test_a_query_that_wants_more_bound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"source rows: query: must bind nothing but :start and :end.* got 'card'"):
        shop(tmp_path, 'SELECT * FROM "order""s" WHERE id = :card').rows("rows", SPAN)


@pytest.mark.parametrize("query", ['DELETE FROM "order""s"', 'UPDATE "order""s" SET id = 7 RETURNING id'])
def test_a_query_that_writes_is_refused_by_the_database(query: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did not answer the query"):
        shop(tmp_path, query).rows("rows", SPAN)

    assert shop(tmp_path, 'SELECT id FROM "order""s" ORDER BY id').rows("rows", SPAN).table["id"].to_pylist() == [1, 2]


def test_values_of_several_types_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"source rows: x: has values of several types; cast it in the query"):
        shop(tmp_path, "SELECT 1 AS x UNION ALL SELECT 'a'").rows("rows", SPAN)
    with pytest.raises(InputError, match="a name of its own"):
        shop(tmp_path, "SELECT 1 AS x, 2 AS x").rows("rows", SPAN)


def test_what_a_query_of_a_driver_writes_is_never_committed(tmp_path: Path) -> None:
    shop(tmp_path, "SELECT 1")
    access = Access(tmp_path, secrets=Secrets(None, {"SHOP": str(tmp_path / "shop.db")}))
    fields = {"connector": "adbc", "driver": "adbc_driver_sqlite", "uri": "SHOP"}

    def rows_of(query: str) -> pa.Table:
        data = Data.model_validate({"sources": {"rows": {**fields, "query": query}}})
        return Sources(data, access, DataSettings()).rows("rows", SPAN).table

    with contextlib.suppress(InputError):
        rows_of('DELETE FROM "order""s" RETURNING id')
    assert rows_of('SELECT id FROM "order""s"').num_rows == 2


def test_exact_numbers_of_a_driver_are_floats() -> None:
    amounts = pa.array(["1.25", None]).cast(pa.decimal128(10, 2))
    odd = pa.ExtensionArray.from_storage(pa.opaque(pa.string(), "numeric", "PostgreSQL"), pa.array(["2.5", None]))

    found = plain(pa.table({"amount": amounts, "odd": odd, "text": ["a", "b"]}))

    assert found.to_pydict() == {"amount": [1.25, None], "odd": [2.5, None], "text": ["a", "b"]}


def test_marks_of_other_databases_stand_for_names_outside_of_texts() -> None:
    query = "SELECT ':start', \":end\", a::text -- :start\n FROM t WHERE at >= :start AND at < :end AND b > :start"

    assert positional(query, "adbc_driver_postgresql", "rows") == (
        "SELECT ':start', \":end\", a::text -- :start\n FROM t WHERE at >= $1 AND at < $2 AND b > $1",
        ("start", "end"),
    )
    assert positional("at > :start OR at > :start", "adbc_driver_snowflake", "rows")[1] == ("start", "start")
    with pytest.raises(InputError, match="nothing but"):
        positional("id = :id", "adbc_driver_sqlite", "rows")


def test_a_driver_that_is_not_installed_is_named() -> None:
    fields = {"connector": "adbc", "driver": "adbc_driver_nowhere", "uri": "SHOP", "query": "SELECT 1"}
    data = Data.model_validate({"sources": {"rows": fields}})

    with pytest.raises(InputError, match="pip install adbc-driver-nowhere"):
        Sources(data, Access(Path(), secrets=Secrets(None, {})), DataSettings()).rows("rows", SPAN)


def test_a_parquet_file_without_zones_is_in_utc(tmp_path: Path) -> None:
    naive = pa.array([(NOON - DAY).replace(tzinfo=None)], pa.timestamp("ms"))
    pq.write_table(pa.table({"at": naive, "card": [1]}), tmp_path / "rows.parquet")
    sources = reading(tmp_path, data_of({"rows": {"time": "at"}}))

    assert sources.rows("rows", (NOON - DAY, NOON)).table.num_rows == 1
    assert reading(tmp_path, data_of({"rows": {"time": "at"}})).rows("rows", (NOON - DAY / 2, NOON)).table.num_rows == 0

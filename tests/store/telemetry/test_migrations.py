"""The schema: numbered steps, each applied once and in order, and again where one was cut short."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from tests.store.fixtures import Opening

from wellkept.kernel.errors import StoreError
from wellkept.store.telemetry import migrate as module
from wellkept.store.telemetry.engine import EmbeddedEngine
from wellkept.store.telemetry.migrate import migrate
from wellkept.store.telemetry.statements import load, split
from wellkept.store.telemetry.telemetry import Telemetry

NAMES = sorted(
    entry.name for entry in (files("wellkept.store.telemetry") / "migrations").iterdir() if entry.name.endswith(".sql")
)
_JOURNAL = "SELECT number, name FROM schema_migrations ORDER BY number"
_TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name"
_CREATED = "SELECT name, create_table_query AS text FROM system.tables WHERE database = currentDatabase() ORDER BY name"


def test_each_has_a_number_of_its_own() -> None:
    assert all(re.fullmatch(r"\d{4}_[a-z_]+\.sql", name) for name in NAMES)
    assert len({int(name[:4]) for name in NAMES}) == len(NAMES)


def test_each_is_applied_once_and_in_order(engine: EmbeddedEngine) -> None:
    assert migrate(engine) == tuple(NAMES)
    assert migrate(engine) == ()
    journal = engine.query(_JOURNAL)
    assert journal["name"].to_pylist() == NAMES
    assert journal["number"].to_pylist() == [int(name[:4]) for name in NAMES]


def test_after_a_reopening_there_is_nothing_to_do(opening: Opening) -> None:
    opening(Telemetry).close()
    assert migrate(opening(EmbeddedEngine)) == ()


def test_a_second_application_changes_nothing(engine: EmbeddedEngine) -> None:
    """There are no transactions over a schema: what was cut short is applied again as a whole."""
    migrate(engine)
    schema = engine.query(_CREATED).to_pylist()
    engine.command("TRUNCATE TABLE schema_migrations")
    assert migrate(engine) == tuple(NAMES)
    assert engine.query(_CREATED).to_pylist() == schema


def test_one_that_fails_leaves_those_before_it_applied(engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> str:
        return "SELEC 1;\n" if name.endswith(NAMES[2]) else load(name)

    monkeypatch.setattr(module, "load", broken)
    with pytest.raises(StoreError, match="SYNTAX_ERROR"):
        migrate(engine)
    assert engine.query(_JOURNAL)["name"].to_pylist() == NAMES[:2]
    monkeypatch.undo()
    assert migrate(engine) == tuple(NAMES[2:])


def test_a_database_of_its_own_has_a_schema_of_its_own(engine: EmbeddedEngine, opening: Opening) -> None:
    migrate(engine)
    other = opening(EmbeddedEngine, database="other")
    assert migrate(other) == tuple(NAMES)
    assert other.query(_TABLES).to_pylist() == engine.query(_TABLES).to_pylist()


def test_statements_are_split_at_the_ends_of_lines() -> None:
    text = "-- a comment; with a semicolon\nSELECT ';' AS a;\n\n-- only a comment;\n;\nSELECT 2;\nSELECT 3"
    assert split(text) == ("-- a comment; with a semicolon\nSELECT ';' AS a", "SELECT 2", "SELECT 3")

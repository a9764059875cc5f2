"""Numbered migrations of the telemetry schema, each applied once and in order."""

from __future__ import annotations

from importlib.resources import files

from wellkept.store.telemetry.conventions import make_functions
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.statements import load, split

_JOURNAL = """
CREATE TABLE IF NOT EXISTS schema_migrations (number UInt32, name String, applied_at DateTime64(3, 'UTC'))
ENGINE = MergeTree ORDER BY number"""
_HAS_JOURNAL = """
SELECT count() AS n FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations'"""
_APPLIED = "SELECT DISTINCT name FROM schema_migrations"
_NOTE = """
INSERT INTO schema_migrations SELECT {number:UInt32}, {name:String}, now64(3)"""


def migrate(engine: Engine) -> tuple[str, ...]:
    """Bring the schema up to date; gives the names of the migrations that were applied now.

    The engine has no transactions over schema changes. A migration that was cut short is applied again, so its
    statements say IF NOT EXISTS.

    Raises:
        StoreError: a statement failed; the migrations before it stay applied.
    """
    for statement in split(load("functions.sql")):
        engine.command(statement)
    make_functions(engine)
    engine.command(_JOURNAL)
    todo = pending(engine)
    for name in todo:
        for statement in split(load(f"migrations/{name}")):
            engine.command(statement)
        engine.command(_NOTE, {"number": int(name.split("_", 1)[0]), "name": name})
    return todo


def pending(engine: Engine) -> tuple[str, ...]:
    """The names of the migrations that are still to be applied, in their order."""
    has_journal = engine.query(_HAS_JOURNAL)["n"][0].as_py()
    applied = set(engine.query(_APPLIED)["name"].to_pylist()) if has_journal else set()
    names = sorted(entry.name for entry in (files(__package__) / "migrations").iterdir())
    return tuple(name for name in names if name.endswith(".sql") and name not in applied)

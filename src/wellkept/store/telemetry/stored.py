"""How much is stored: what a sender compares with what was acknowledged to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import millis
from wellkept.store.telemetry.statements import load


class Stored:
    """Counts what is stored; what came twice counts once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def counts(self, since: datetime) -> dict[str, Any]:
        """What is stored of ``since`` and later.

        ``answers``: traces that a service answered in, by its entity; ``logs``: records, by entity; ``predictions``
        and ``labels``, by model; ``versions``: predictions by model and version.
        """
        rows = self._engine.query(load("queries/stored.sql"), {"since": millis(since)}).to_pylist()
        found: dict[str, Any] = {"answers": {}, "logs": {}, "predictions": {}, "labels": {}, "versions": {}}
        for row in rows:
            if row["what"] == "versions":
                found["versions"].setdefault(row["name"], {})[row["part"]] = row["count"]
            else:
                found[row["what"]][row["name"]] = row["count"]
        return found

    def oldest(self) -> datetime | None:
        """When the oldest metric point, log record or span was; None while there is none of them."""
        (row,) = self._engine.query(load("queries/oldest.sql")).to_pylist()
        return datetime.fromtimestamp(row["first"] / 1000, UTC) if row["n"] else None

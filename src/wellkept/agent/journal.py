"""The agent's journal: what it was told to do, noted before it does it, so that nothing is done twice."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any


class Journal:
    """Keys of actions with their results, in SQLite with full synchronisation."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE IF NOT EXISTS actions (key TEXT PRIMARY KEY, result TEXT)")

    def begin(self, key: str) -> dict[str, Any] | None:
        """Note that an action begins.

        Returns None when it may run; its result when it ran before; a result that says so when it was begun before
        and its outcome is not known, because the agent was cut off. It is never run again.
        """
        row = self._database.execute("SELECT result FROM actions WHERE key = ?", (key,)).fetchone()
        if row is None:
            self._database.execute("INSERT INTO actions (key) VALUES (?)", (key,))
            return None
        if row[0] is None:
            return {
                "ok": False,
                "changed": True,
                "sentence": "the agent was cut off while it did this; the outcome is unknown, and it is not repeated",
                "details": {"unknown_outcome": True},
            }
        result: dict[str, Any] = json.loads(row[0])
        return result

    def finish(self, key: str, result: dict[str, Any]) -> None:
        """Note an action's result."""
        self._database.execute("UPDATE actions SET result = ? WHERE key = ?", (json.dumps(result), key))

    def close(self) -> None:
        self._database.close()

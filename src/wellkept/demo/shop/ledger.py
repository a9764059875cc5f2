"""The ledger: every payment, once, in SQLite."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

from opentelemetry.trace import Tracer, get_current_span

from wellkept.demo.shop.settings import ShopSettings
from wellkept.demo.shop.web import Body, Handler, RefusedError

_TABLE = """
CREATE TABLE IF NOT EXISTS entries
(id TEXT PRIMARY KEY, at REAL, card INTEGER, terminal INTEGER, amount REAL, prediction TEXT, trace TEXT)"""
_ADD = "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)"
_COUNT = "SELECT count(*), count(prediction) FROM entries"


class Ledger:
    """A payment that comes twice under one id is one payment."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute(_TABLE)

    def close(self) -> None:
        self._database.close()

    async def enter(self, body: Body) -> Body:
        """Write a payment down."""
        if not body.get("amount", 0) > 0:
            raise RefusedError(422, "amount must be more than 0")
        trace = f"{get_current_span().get_span_context().trace_id:032x}"
        row = (body["id"], time.time(), body["card"], body["terminal"], body["amount"], body.get("prediction"), trace)
        self._database.execute(_ADD, row)
        return {"id": body["id"]}

    async def totals(self, _: Body) -> Body:
        """How many payments there are, and how many of them were scored."""
        payments, scored = self._database.execute(_COUNT).fetchone()
        return {"payments": payments, "scored": scored}


def routes(settings: ShopSettings, _: Tracer) -> Mapping[str, Handler]:
    """What the ledger answers."""
    ledger = Ledger(settings.shop / "ledger" / "ledger.sqlite")
    return {"POST /entries": ledger.enter, "GET /admin/totals": ledger.totals}

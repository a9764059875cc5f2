"""The feature service: what is known of a card and a terminal, from its own store (SQLite, and windows in memory)."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from opentelemetry.trace import Tracer

from wellkept.demo.shop.settings import ShopSettings
from wellkept.demo.shop.web import Body, Handler
from wellkept.demo.world.memory import Memory

_TABLES = """
CREATE TABLE IF NOT EXISTS purchases (card INTEGER, terminal INTEGER, amount REAL, at REAL);
CREATE TABLE IF NOT EXISTS chargebacks (terminal INTEGER, at REAL);"""
_ADD_PURCHASE = "INSERT INTO purchases VALUES (?, ?, ?, ?)"
_ADD_CHARGEBACK = "INSERT INTO chargebacks VALUES (?, ?)"

Purchase = tuple[int, int, float, float]
Chargeback = tuple[int, float]


class Store:
    """What was bought and what was charged back, on disk; read whole at the start."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.executescript(_TABLES)

    def add(self, purchases: Iterable[Purchase], chargebacks: Iterable[Chargeback]) -> None:
        """Keep purchases (card, terminal, amount, at) and chargebacks (terminal, at)."""
        self._database.execute("BEGIN")
        self._database.executemany(_ADD_PURCHASE, purchases)
        self._database.executemany(_ADD_CHARGEBACK, chargebacks)
        self._database.execute("COMMIT")

    def memory(self) -> Memory:
        """Everything that is known, in windows."""
        memory = Memory()
        for row in self._database.execute("SELECT card, terminal, amount, at FROM purchases ORDER BY at"):
            memory.remember(*row)
        for row in self._database.execute("SELECT terminal, at FROM chargebacks ORDER BY at"):
            memory.charge_back(*row)
        return memory

    def close(self) -> None:
        self._database.close()


class FeatureService:
    """Answers with the features of a purchase, and remembers it."""

    def __init__(self, store: Store) -> None:
        self._store, self._memory = store, store.memory()

    async def features(self, body: Body) -> Body:
        """The features of one purchase, as they were before it."""
        purchase = (int(body["card"]), int(body["terminal"]), float(body["amount"]), float(body["at"]))
        found = self._memory.features(*purchase)
        self._memory.remember(*purchase)
        self._store.add([purchase], [])
        return found

    async def charge_back(self, body: Body) -> Body:
        """Take in purchases that turned out to be fraud, by terminal."""
        now = time.time()
        chargebacks = [(int(terminal), now) for terminal in body["terminals"]]
        for chargeback in chargebacks:
            self._memory.charge_back(*chargeback)
        self._store.add([], chargebacks)
        return {"known": len(chargebacks)}


def store_path(settings: ShopSettings) -> Path:
    """Where the feature store lies."""
    return settings.shop / "features" / "features.sqlite"


def routes(settings: ShopSettings, _: Tracer) -> Mapping[str, Handler]:
    """What the feature service answers."""
    service = FeatureService(Store(store_path(settings)))
    return {"POST /features": service.features, "POST /chargebacks": service.charge_back}

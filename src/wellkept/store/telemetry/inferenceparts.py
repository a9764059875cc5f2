"""Halves of predictions, kept until both are there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import millis
from wellkept.store.telemetry.predictions import MILLISECOND

PARTS = pa.schema(
    [
        ("key", pa.string()),
        ("part", pa.string()),
        ("model", pa.string()),
        ("version", pa.string()),
        ("at", MILLISECOND),
        ("body", pa.string()),
        ("received", MILLISECOND),
    ]
)
REQUEST, RESPONSE = "request", "response"
WAIT = timedelta(hours=1)
"""So long one half waits for the other."""
AT_ONCE = 5_000

_PAIRS = """
SELECT a.key AS key, a.model AS model, b.version AS version, a.at AS at, a.body AS inputs, b.body AS answers,
    dateDiff('millisecond', a.at, b.at) AS latency_ms
FROM (SELECT * FROM inference_parts WHERE part = 'request' LIMIT 1 BY key) AS a
INNER JOIN (SELECT * FROM inference_parts WHERE part = 'response' LIMIT 1 BY key) AS b ON a.key = b.key
LIMIT {limit:UInt32}"""
_FORGET = "ALTER TABLE inference_parts DELETE WHERE key IN {keys:Array(String)} SETTINGS mutations_sync = 1"
_OLD = "SELECT DISTINCT key FROM inference_parts WHERE received < fromUnixTimestamp64Milli({before:Int64}) LIMIT 100000"


class InferenceParts:
    """Keeps halves, and gives pairs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, table: pa.Table) -> None:
        """Keep halves (columns of ``PARTS``); the same half again is that half."""
        self._engine.insert_arrow("inference_parts", table)

    def pairs(self) -> pa.Table:
        """Both halves of what is complete: ``key``, ``model``, ``version``, ``at``, ``inputs``, ``answers`` and
        ``latency_ms``.
        """
        return self._engine.query(_PAIRS, {"limit": AT_ONCE})

    def forget(self, keys: Sequence[str]) -> None:
        """Let go of what was paired and stored."""
        if keys:
            self._engine.command(_FORGET, {"keys": list(keys)})

    def forget_old(self, now: datetime) -> int:
        """Let go of halves whose other half did not come; gives how many."""
        rows = self._engine.query(_OLD, {"before": millis(now - WAIT)})
        self.forget([str(key) for key in rows["key"].to_pylist()])
        return int(rows.num_rows)

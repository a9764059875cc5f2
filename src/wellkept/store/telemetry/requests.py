"""Which requests of logs and traces are stored whole, so that one that is sent again is known after a restart, too.

The days of a request are stored one after the other, and a process may be killed between two of them, or the engine
fail at the second. Of such a request nobody was told that it is stored: when it is sent again, what is there of it
makes room for all of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.statements import load

_TABLES = {"logs": "otel_logs", "traces": "otel_traces"}
_REMEMBERED = 100_000
"""So many requests that may be stored in part are remembered of a signal; the oldest make room."""
_FOUND = """
SELECT DISTINCT Request AS request, _partition_id AS day FROM {table:Identifier}
WHERE Request IN {requests:Array(UInt64)} AND Received >= fromUnixTimestamp64Nano({since:Int64})"""
_CLEAR = """
DELETE FROM {table:Identifier} IN PARTITION ID {day:String}
WHERE Request = {request:UInt64} AND Received >= fromUnixTimestamp64Nano({since:Int64})
SETTINGS max_execution_time = 10"""


def identity(body: bytes) -> int:
    """What tells a request from others: 64 bits of a hash of its uncompressed body. Never 0, which rows of old have."""
    return int.from_bytes(hashlib.blake2b(body, digest_size=8).digest(), "little") or 1


class Requests:
    """Reads what rows say of the requests that they came with. Each signal is written by one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._in_part: dict[str, dict[int, int]] = {}

    def stored_since(self, signal: str, since_ns: int, window_s: float, limit: int) -> dict[int, int]:
        """The requests received since then, oldest first: their identities, and when they came (nanoseconds).

        At most the newest ``limit``. Only the parts that were written within ``window_s`` of the engine's own time are
        looked at. A request of which not every row is there is left out, and remembered for ``clear``.

        Raises:
            StoreError: the engine failed.
        """
        parameters = {
            "table": _TABLES[signal], "name": _TABLES[signal],
            "since": since_ns, "window": window_s, "limit": limit,
        }  # fmt: skip
        found = self._engine.query(load("queries/requests.sql"), parameters).to_pylist()
        self._in_part[signal] = {row["request"]: since_ns for row in found if not row["is_whole"]}
        return {row["request"]: row["moment"] for row in reversed(found) if row["is_whole"]}

    def cut_short(self, signal: str, requests: Sequence[int], received_ns: int) -> None:
        """The engine failed while these requests were stored, received then: some rows of them may be there."""
        in_part = self._in_part.setdefault(signal, {})
        for request in requests:
            in_part.setdefault(request, received_ns)
        while len(in_part) > _REMEMBERED:
            del in_part[next(iter(in_part))]

    def clear(self, signal: str, requests: Sequence[int]) -> None:
        """Take out what is there of those of these requests that were stored in part: all of them comes now.

        Raises:
            OverloadError: the disk has no room for that.
            StoreError: the engine failed, or is not done yet; some of it may still be there.
        """
        in_part = self._in_part.get(signal, {})
        again = in_part.keys() & requests
        if not again:
            return
        self._engine.space.guard()
        table, first = _TABLES[signal], min(in_part[request] for request in again)
        wanted = {"table": table, "since": first, "requests": sorted(again)}
        for row in self._engine.query(_FOUND, wanted, writing=True).to_pylist():
            self._engine.command(_CLEAR, {**row, "table": table, "since": in_part[row["request"]]})
        for request in again:
            del in_part[request]

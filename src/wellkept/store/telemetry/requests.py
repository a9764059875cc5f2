"""Which requests of logs and traces are stored whole, so that one that is sent again is known after a restart, too."""

from __future__ import annotations

import hashlib

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.statements import load

_TABLES = {"logs": "otel_logs", "traces": "otel_traces"}


def identity(body: bytes) -> int:
    """What tells a request from others: 64 bits of a hash of its uncompressed body. Never 0, which rows of old have."""
    return int.from_bytes(hashlib.blake2b(body, digest_size=8).digest(), "little") or 1


class Requests:
    """Reads what rows say of the requests that they came with."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def stored_since(self, signal: str, since_ns: int, window_s: float, limit: int) -> dict[int, int]:
        """The requests received since then, oldest first: their identities, and when they came (nanoseconds).

        At most the newest ``limit``. Only the parts that were written within ``window_s`` of the engine's own time are
        looked at. A request of which not every row is there is left out: the process may have been killed between two
        days of it, and nobody was told that it is stored.

        Raises:
            StoreError: the engine failed.
        """
        parameters = {
            "table": _TABLES[signal], "name": _TABLES[signal],
            "since": since_ns, "window": window_s, "limit": limit,
        }  # fmt: skip
        rows = self._engine.query(load("queries/requests.sql"), parameters)
        newest_first = zip(rows["request"].to_pylist(), rows["moment"].to_pylist(), strict=True)
        return dict(reversed(list(newest_first)))

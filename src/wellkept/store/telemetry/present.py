"""What there is at all: for readers that need not ask a question of what holds nothing."""

from __future__ import annotations

import bisect
from functools import cached_property

from wellkept.store.telemetry.engine import Engine

_NAMES = "SELECT DISTINCT toString(name) AS name FROM metric_series"
_SPANS = """
SELECT DISTINCT toInt64(intDiv(toUnixTimestamp64Nano(Timestamp), 1000000000)) AS second
FROM otel_traces WHERE Timestamp >= fromUnixTimestamp64Nano({since:Int64}) ORDER BY second"""
_LOGS = """
SELECT DISTINCT toInt64(intDiv(toUnixTimestamp64Nano(Timestamp), 1000000000)) AS second
FROM otel_logs WHERE Timestamp >= fromUnixTimestamp64Nano({since:Int64}) ORDER BY second"""


class Present:
    """Of one moment: it asks once, and what is stored after that is not seen. Of times before ``since_ns`` nothing is
    known, and there may be something.
    """

    def __init__(self, engine: Engine, since_ns: int) -> None:
        self._engine, self._since_ns = engine, since_ns

    @cached_property
    def metrics(self) -> frozenset[str]:
        """The names of all metrics."""
        return frozenset(self._engine.query(_NAMES)["name"].to_pylist())

    def spans(self, start_ns: int, end_ns: int) -> bool:
        """Whether any span begins between two moments."""
        return start_ns < self._since_ns or _any(self._seconds_of_spans, start_ns, end_ns)

    def lines(self, start_ns: int, end_ns: int) -> bool:
        """Whether any log record was written between two moments."""
        return start_ns < self._since_ns or _any(self._seconds_of_logs, start_ns, end_ns)

    @cached_property
    def _seconds_of_spans(self) -> list[int]:
        return self._seconds(_SPANS)

    @cached_property
    def _seconds_of_logs(self) -> list[int]:
        return self._seconds(_LOGS)

    def _seconds(self, sql: str) -> list[int]:
        found: list[int] = self._engine.query(sql, {"since": self._since_ns})["second"].to_pylist()
        return found


def _any(seconds: list[int], start_ns: int, end_ns: int) -> bool:
    """Whether one of the seconds, which are sorted, has a part in a stretch of time."""
    place = bisect.bisect_left(seconds, start_ns // 10**9)
    return place < len(seconds) and seconds[place] <= end_ns // 10**9

"""Metrics with so many series that a look at all series at once has to do without them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from wellkept.kernel.errors import short
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.named import named
from wellkept.store.telemetry.points.known import SEEN_WITHIN_MS

log = logging.getLogger(__name__)

MOST_SERIES = 200_000
"""A window of half an hour of so many takes about a GiB while it is made."""
_NAMED = 3

_ROWS = "SELECT count() AS rows FROM metric_series"
_CROWDED = """
SELECT metric
FROM
(
    SELECT toString(name) AS metric, uniqExact(series) AS series, sum(series) OVER (ORDER BY series, metric) AS so_far
    FROM metric_series
    WHERE last_seen >= fromUnixTimestamp64Milli({since:Int64})
        AND if(
            empty({names:Array(String)}),
            NOT wellkept_is_part(kind, name),
            has({names:Array(String)}, name) OR match(name, {endings:String}))
    GROUP BY metric
)
WHERE so_far > {most:UInt64}
ORDER BY series DESC, metric"""


class Crowded:
    """Chooses by the metric: a burst of one is left out, and all others are looked at as before."""

    def __init__(self, engine: Engine, most: int = MOST_SERIES) -> None:
        self._engine, self._most = engine, most
        self._told: dict[tuple[str, ...], list[str]] = {}

    def metrics(self, since_ms: int, names: Sequence[str] = ()) -> list[str]:
        """Those with the most series, until the others together have few enough; of series seen since then.

        ``names``: of these metrics; without them of all, but for buckets and quantiles.

        Raises:
            StoreError: the engine failed.
        """
        if self._engine.query(_ROWS)["rows"][0].as_py() <= self._most:
            return []
        asked = {"since": since_ms - SEEN_WITHIN_MS, "most": self._most, **named(names)}
        found: list[str] = self._engine.query(_CROWDED, asked)["metric"].to_pylist()
        if found != self._told.get(tuple(names), []):
            self._told[tuple(names)] = found
            log.warning("windows of all metrics: %s", warning(found) if found else "without none any more")
        return found


def warning(metrics: Sequence[str]) -> str:
    """What a reader of a window has to know."""
    named = ", ".join(map(short, metrics[:_NAMED]))
    others = f" and {len(metrics) - _NAMED} more" if len(metrics) > _NAMED else ""
    return f"without {named}{others}, which have too many series to be looked at all at once"

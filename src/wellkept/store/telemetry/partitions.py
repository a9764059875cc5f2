"""What is kept, by partition: the pieces in which the past can be let go of at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.statements import load

SIGNALS = {
    "metric_points": "metrics",
    "otel_logs": "logs",
    "otel_traces": "traces",
    "metric_minutes": "minutes",
    "predictions": "predictions",
    "metric_hours": "hours",
}
"""The tables whose past can be let go of. All others are small, or say what the rest means."""
_DROP = {
    "metric_points": "ALTER TABLE metric_points DROP PARTITION ID {id:String}",
    "otel_logs": "ALTER TABLE otel_logs DROP PARTITION ID {id:String}",
    "otel_traces": "ALTER TABLE otel_traces DROP PARTITION ID {id:String}",
    "metric_minutes": "ALTER TABLE metric_minutes DROP PARTITION ID {id:String}",
    "predictions": "ALTER TABLE predictions DROP PARTITION ID {id:String}",
    "metric_hours": "ALTER TABLE metric_hours DROP PARTITION ID {id:String}",
}
_CUT = {
    "metric_points": "ALTER TABLE metric_points DELETE WHERE time < {until:DateTime('UTC')}",
    "otel_logs": "ALTER TABLE otel_logs DELETE WHERE Timestamp < {until:DateTime('UTC')}",
    "otel_traces": "ALTER TABLE otel_traces DELETE WHERE Timestamp < {until:DateTime('UTC')}",
}
_FIRST = {
    "metric_points": "SELECT count() AS n, min(time) AS first FROM metric_points",
    "otel_logs": "SELECT count() AS n, min(Timestamp) AS first FROM otel_logs",
    "otel_traces": "SELECT count() AS n, min(Timestamp) AS first FROM otel_traces",
}


@dataclass(frozen=True, slots=True)
class Partition:
    """A day or a month of a table, and the bytes that it takes."""

    table: str
    id: str
    start: datetime
    end: datetime
    bytes: int

    @property
    def signal(self) -> str:
        return SIGNALS[self.table]


@dataclass(frozen=True, slots=True)
class Stored:
    """All of it. ``by_table``: bytes of each table. ``leaving``: bytes that are free within minutes."""

    partitions: Sequence[Partition]
    by_table: dict[str, int]
    leaving: int

    @property
    def bytes(self) -> int:
        return sum(self.by_table.values())


class Partitions:
    """Reads what is stored, and lets go of the past."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def stored(self) -> Stored:
        """What there is on the disk now."""
        rows = self._engine.query(load("queries/stored_partitions.sql")).to_pylist()
        by_table: dict[str, int] = {}
        for row in rows:
            by_table[row["table"]] = by_table.get(row["table"], 0) + row["bytes"]
        found = [_partition(row["table"], row["partition_id"], row["bytes"]) for row in rows if row["table"] in SIGNALS]
        return Stored([part for part in found if part.bytes], by_table, sum(row["leaving"] for row in rows))

    def drop(self, partition: Partition) -> None:
        """Let go of a partition; its bytes are free at once."""
        self._engine.command(_DROP[partition.table], {"id": partition.id})

    def first_hour(self, table: str) -> datetime | None:
        """The hour of the oldest that a table of points, logs or traces holds."""
        (row,) = self._engine.query(_FIRST[table]).to_pylist()
        if not row["n"]:
            return None
        first: datetime = row["first"]
        return first.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)

    def cut(self, table: str, until: datetime) -> None:
        """Let go of what a table holds of the time before; the engine writes the rest anew for it."""
        moment = until.strftime("%Y-%m-%d %H:%M:%S")
        self._engine.command(f"{_CUT[table]} SETTINGS mutations_sync = 1", {"until": moment})


def _partition(table: str, identity: str, size: int) -> Partition:
    """A partition by its id: ``20261102`` is a day, ``202611`` a month."""
    if len(identity) == 6:
        start = datetime.strptime(identity, "%Y%m").replace(tzinfo=UTC)
        return Partition(table, identity, start, (start + timedelta(days=32)).replace(day=1), size)
    start = datetime.strptime(identity, "%Y%m%d").replace(tzinfo=UTC)
    return Partition(table, identity, start, start + timedelta(days=1), size)

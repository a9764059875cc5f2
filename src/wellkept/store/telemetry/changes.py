"""Changes: what somebody did to the world."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa

from wellkept.kernel.change import Change, ChangeKind
from wellkept.store.telemetry.arrow import text_maps
from wellkept.store.telemetry.engine import Engine

_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("entity", pa.string()),
        ("kind", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("actor", pa.string()),
        ("summary", pa.string()),
        ("reference", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.string())),
    ]
)
_BETWEEN = """
SELECT entity, kind, toUnixTimestamp64Micro(at) AS micros, actor, summary, reference, attributes
FROM changes
WHERE at >= {start:DateTime64(6, 'UTC')} AND at < {end:DateTime64(6, 'UTC')} AND ({id:String} = '' OR id = {id:String})
ORDER BY at, id LIMIT 1 BY id"""


class Changes:
    """Written again, a change is the same change."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, changes: Sequence[Change]) -> None:
        """Store changes."""
        rows = [
            {
                "id": change.id,
                "entity": change.entity,
                "kind": str(change.kind),
                "at": change.at.astimezone(UTC),
                "actor": change.actor,
                "summary": change.summary,
                "reference": change.reference,
                "attributes": list(change.attributes.items()),
            }
            for change in changes
        ]
        self._engine.insert_arrow("changes", pa.Table.from_pylist(rows, schema=_SCHEMA))

    def between(self, start: datetime, end: datetime, change: str = "") -> list[Change]:
        """Changes in [start, end), by time; with the id of one, that one alone."""
        rows = self._engine.query(_BETWEEN, {"start": start, "end": end, "id": change})
        columns = ("entity", "kind", "micros", "actor", "summary", "reference")
        lists = [rows[name].to_pylist() for name in columns]
        return [
            Change(entity, ChangeKind(kind), _moment(micros), actor, summary, reference, attributes)
            for (entity, kind, micros, actor, summary, reference), attributes in zip(
                zip(*lists, strict=True), text_maps(rows["attributes"]), strict=True
            )
        ]


def _moment(micros: int) -> datetime:
    seconds, rest = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)

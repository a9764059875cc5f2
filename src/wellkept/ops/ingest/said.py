"""Predictions and labels that come as OTLP log events: what was stored as a log becomes what it says."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from wellkept.kernel.clock import Clock
from wellkept.kernel.conventions import ENDS
from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.outcomes import Outcomes
from wellkept.store.telemetry.said import AT_ONCE, PREDICTION

FEATURE, ATTRIBUTE = "feature.", "attribute."
PREFIX = "wellkept."
"""Attributes may be named with it or without."""
_TEXTS = ("id", "model", "version", "entity_key", "decision", "prediction_id", "time", "at")
_NUMBERS = ("score", "value", "latency_ms", *ENDS)
FIRST_LOOK = timedelta(hours=1)
"""So far back is looked where nobody knows how far it went before."""
OVERLAP = timedelta(seconds=30)
"""Requests that were received earlier may be stored a little later: what is taken twice is the same."""

PAGES = 20
"""So many times AT_ONCE events are taken at one look; what is left of a backlog is for the next."""

Key = tuple[str, datetime, str, str]

log = logging.getLogger(__name__)


class Said(Protocol):
    """The events that are stored."""

    def since(self, after: datetime, until: datetime) -> pa.Table: ...


class SaidEvents:
    """Follows the log. How far it went is in a file, so that nothing is missed while the server is away."""

    def __init__(self, said: Said, outcomes: Outcomes, place: Path, clock: Clock) -> None:
        self._said, self._outcomes, self._place, self._clock = said, outcomes, place, clock
        self._recent: set[Key] = set()
        self.refused = 0
        self.why = ""

    def follow(self) -> int:
        """Take in what came since the last time; gives how many events were taken."""
        now = self._clock.now()
        after = self._read() or now - FIRST_LOOK
        start, reached, taken = after - OVERLAP, now, 0
        recent: dict[Key, datetime] = {}
        for _ in range(PAGES):
            found = self._said.since(start, now).to_pylist()
            taken += self._take([row for row in found if _key(row) not in self._recent])
            recent |= {_key(row): row["received"] for row in found}
            is_last = len(found) < AT_ONCE
            reached = now if is_last else found[-1]["received"]
            if is_last:
                break
            start = reached
        self._recent = {key for key, received in recent.items() if received >= reached - OVERLAP}
        self._write(max(after, reached))
        return taken

    def _take(self, rows: Sequence[Mapping[str, Any]]) -> int:
        taken = self._put([_prediction(row) for row in rows if row["event"] == PREDICTION], self._outcomes.predictions)
        return taken + self._put([_label(row) for row in rows if row["event"] != PREDICTION], self._outcomes.labels)

    def _put(self, records: list[dict[str, Any]], take: Any) -> int:
        """Take records together; where one is wrong each by itself, so that it takes nothing else with it."""
        if not records:
            return 0
        try:
            take(records)
            return len(records)
        except InputError as error:
            if len(records) == 1:
                self.refused += 1
                if str(error) != self.why:
                    log.warning("an OTLP event was stored as a log record, but is no prediction or label: %s", error)
                self.why = str(error)
                return 0
        half = len(records) // 2
        return self._put(records[:half], take) + self._put(records[half:], take)

    def _read(self) -> datetime | None:
        try:
            return datetime.fromisoformat(self._place.read_text(encoding="ascii").strip())
        except (OSError, ValueError):
            return None

    def _write(self, moment: datetime) -> None:
        self._place.parent.mkdir(parents=True, exist_ok=True)
        partial = self._place.with_suffix(".partial")
        partial.write_text(moment.isoformat(), encoding="ascii")
        partial.replace(self._place)


def _key(row: Mapping[str, Any]) -> Key:
    said = dict(row["said"])
    name = next(
        (said[one] for one in ("wellkept.id", "id", "wellkept.prediction_id", "prediction_id") if one in said), ""
    )
    return row["event"], row["time"], name, row["span_id"]


def _prediction(row: Mapping[str, Any]) -> dict[str, Any]:
    said = _said(row)
    record = {name: said[name] for name in (*_TEXTS[:5], "score", "latency_ms", *ENDS) if name in said}
    if "id" not in record and row["span_id"]:
        record["id"] = f"{row['trace_id']}-{row['span_id']}"
    return {
        **record,
        "time": said.get("time") or row["time"].isoformat(),
        "trace_id": row["trace_id"],
        "span_id": row["span_id"],
        "features": {
            name.removeprefix(FEATURE): _value(value) for name, value in said.items() if name.startswith(FEATURE)
        },
        "attributes": {
            name.removeprefix(ATTRIBUTE): str(value) for name, value in said.items() if name.startswith(ATTRIBUTE)
        },
    }


def _label(row: Mapping[str, Any]) -> dict[str, Any]:
    said = _said(row)
    known = ("prediction_id", "model", "entity_key", "at", "value")
    return {**{name: said[name] for name in known if name in said}, "time": said.get("time") or row["time"].isoformat()}


def _said(row: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a record without the prefix, numbers as such."""
    found: dict[str, Any] = {name.removeprefix(PREFIX): value for name, value in dict(row["said"]).items()}
    for name in _NUMBERS:
        if name in found:
            found[name] = _value(found[name])
    return found


def _value(text: str) -> Any:
    """A number where it is one; the store keeps attributes as texts."""
    if text in ("", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text

"""Spans in which labels came that are not to be believed: what came then is judged and trained by no more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.predictions import MILLISECOND

ENDLESS = datetime(2100, 1, 1, tzinfo=UTC)
"""The end of a span that lasts."""
_SCHEMA = pa.schema([("model", pa.string()), ("finding", pa.string()), ("start", MILLISECOND), ("end", MILLISECOND)])
_SPANS = "SELECT model, finding, start, end FROM distrusted_labels FINAL WHERE model = {model:String} ORDER BY start"


@dataclass(frozen=True, slots=True)
class Distrust:
    """Labels of a model that came in [start, end) are not believed, because of what a finding (its id) says."""

    model: str
    finding: str
    start: datetime
    end: datetime = ENDLESS


class DistrustedLabels:
    """Keeps the spans; a finding has one, and its newest counts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, spans: Iterable[Distrust]) -> None:
        """Store spans; the same again changes nothing.

        Raises:
            StoreError: the engine failed.
        """
        rows = [(one.model, one.finding, one.start, one.end) for one in spans]
        columns = zip(_SCHEMA, zip(*rows, strict=True), strict=True) if rows else ()
        if rows:
            arrays = [pa.array(values, field.type) for field, values in columns]
            self._engine.insert_arrow("distrusted_labels", pa.Table.from_arrays(arrays, schema=_SCHEMA))

    def of(self, model: str) -> list[Distrust]:
        """The spans of a model, by their start.

        Raises:
            StoreError: the engine failed.
        """
        return [Distrust(**row) for row in self._engine.query(_SPANS, {"model": model}).to_pylist()]

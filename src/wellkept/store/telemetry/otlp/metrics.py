"""OTLP metrics requests as points: the engine decodes the bytes, family by family."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.otlp.schema import schema_path, structure
from wellkept.store.telemetry.points.decoded import Points, Whole
from wellkept.store.telemetry.points.wrapped import wrapped
from wellkept.store.telemetry.points.writer import PointWriter
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.statements import load

_MS = 1_000_000


class MetricDecoder:
    """Decodes groups of bodies and hands the points to the writer.

    Each family of metrics is decoded by a statement of its own over its own columns: the decoder skips the bytes of
    what it does not need, and a statement costs as much to analyse as it is long.
    """

    def __init__(self, engine: Engine, writer: PointWriter) -> None:
        self._engine, self._writer = engine, writer

    def insert(self, bodies: Sequence[bytes], received_ns: int) -> list[Receipt]:
        """Store the points of uncompressed bodies; gives what became of each.

        Raises:
            BodyError: a body is at fault; points of it may be stored.
            StoreError: the engine failed; the same holds.
            OverloadError: the engine cannot take more at the moment.
        """
        joined, apart = b"".join(bodies), wrapped(bodies)
        families = self._families(joined)
        found = [self._points(family, apart, received_ns) for family in families]
        describe = functools.partial(self._describe, joined, families, np.cumsum([0, *map(len, found)]))
        return self._writer.store(Points.joined(found), len(bodies), describe, received_ns // _MS)

    def _families(self, body: bytes) -> list[str]:
        rows = self._decode(load("otlp/families.sql"), body, "families")
        (row,) = rows.to_pylist()
        return [name for name, is_there in row.items() if is_there]

    def _points(self, family: str, body: bytes, received_ns: int) -> Points:
        rows = self._decode(load(f"otlp/points/{family}.sql"), body, "points", family, received=received_ns)
        return Points(*(rows[name].to_numpy() for name in ("body", "item", "raw", "at", "value")))

    def _describe(self, body: bytes, families: Sequence[str], firsts: Whole, positions: Whole) -> pa.Table:
        """What the series are; here values inside values are met first, for the points leave attributes unread."""
        found: list[pa.Table] = []
        for family, first, after in zip(families, firsts, firsts[1:], strict=False):
            places = positions[(positions >= first) & (positions < after)] - first
            if len(places):
                sql = load("otlp/series.sql").replace("-- family\n", load(f"otlp/families/{family}.sql"))
                found.append(self._decode(sql, body, "metrics", family, family=family, positions=places.tolist()))
        return pa.concat_tables(found)

    def _decode(self, sql: str, body: bytes, messages: str, kind: str = "", **more: object) -> pa.Table:
        parameters = {**more, "structure": structure(messages, kind)}
        return self._engine.query_body(sql, body, parameters, schema=schema_path(messages), writing=True)

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

NUMBER = "number"
OTHERS = {1: "histogram", 2: "exponential_histogram", 4: "summary"}
"""Kinds of metrics beside gauges and sums, by their bits in otlp/points/number.sql."""
_MS = 1_000_000


class MetricDecoder:
    """Decodes groups of bodies and hands the points to the writer.

    Gauges and sums are decoded by one statement, which also tells what other kinds are there; each of those by one of
    its own. The decoder skips the bytes of what it does not need, and a statement costs as much to analyse as it is
    long.
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
        numbers, others = self._numbers(apart, received_ns)
        found = [numbers, *(self._parts(family, apart, received_ns) for family in others)]
        describe = functools.partial(self._describe, joined, [NUMBER, *others], np.cumsum([0, *map(len, found)]))
        return self._writer.store(Points.joined(found), len(bodies), describe, received_ns // _MS)

    def _numbers(self, body: bytes, received_ns: int) -> tuple[Points, list[str]]:
        """The points of gauges and sums, and which other kinds of metrics are there."""
        rows = self._decode(load("otlp/points/number.sql"), body, "numbers", received=received_ns)
        others = rows["others"].to_numpy()
        there = int(np.bitwise_or.reduce(others, initial=0))
        if there:
            rows = rows.filter(pa.array(others == 0))
        points = Points.of_samples(*(rows[name].to_numpy() for name in ("body", "raw", "at", "value")))
        return points, [family for bit, family in OTHERS.items() if there & bit]

    def _parts(self, family: str, body: bytes, received_ns: int) -> Points:
        """What the points of another kind are taken apart into."""
        rows = self._decode(load(f"otlp/points/{family}.sql"), body, "points", family, received=received_ns)
        return Points(*(rows[name].to_numpy() for name in ("body", "item", "raw", "at", "value")))

    def _describe(self, body: bytes, families: Sequence[str], firsts: Whole, positions: Whole) -> pa.Table:
        """What the series are; here values inside values are met first, for the points leave attributes unread."""
        found: list[pa.Table] = []
        for family, first, after in zip(families, firsts, firsts[1:], strict=False):
            places = positions[(positions >= first) & (positions < after)] - first
            if len(places):
                sql = load("otlp/series.sql").replace("-- family\n", load(f"otlp/families/{family}.sql"))
                kinds = ("gauge", "sum") if family == NUMBER else (family,)
                found.append(self._decode(sql, body, "metrics", *kinds, positions=places.tolist()))
        return pa.concat_tables(found)

    def _decode(self, sql: str, body: bytes, messages: str, *kinds: str, **more: object) -> pa.Table:
        parameters = {**more, "structure": structure(messages, *kinds)}
        return self._engine.query_body(sql, body, parameters, schema=schema_path(messages), writing=True)

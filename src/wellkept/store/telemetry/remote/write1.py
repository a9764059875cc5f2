"""Remote write 1.0: labels are spelled out in every series."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from wellkept.store.telemetry.arrow import numbers
from wellkept.store.telemetry.bodies import Body
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.otlp.schema import schema_path, structure
from wellkept.store.telemetry.points.decoded import Points, Whole
from wellkept.store.telemetry.points.wrapped import wrapped
from wellkept.store.telemetry.points.writer import PointWriter
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.remote.described import described
from wellkept.store.telemetry.remote.histograms import without_histograms
from wellkept.store.telemetry.remote.tails import Tails
from wellkept.store.telemetry.statements import load

_MS = 1_000_000


class Write1:
    """Decodes groups of uncompressed bodies and hands the points to the writer."""

    def __init__(self, engine: Engine, writer: PointWriter) -> None:
        self._engine, self._writer = engine, writer

    def insert(self, bodies: Sequence[Body], received_ns: int) -> list[Receipt]:
        """Store the samples of uncompressed bodies; gives what became of each.

        Raises:
            BodyError: a body is at fault; nothing of the group is stored.
            InputError: the same, with the rule of remote write that it breaks.
            StoreError: the engine failed, and some samples may be stored.
            OverloadError: the engine cannot take more at the moment.
        """
        body = wrapped(bodies)
        tails = Tails(self._decode("remote/tails1", body))
        if tails.is_plain.all() and self._writer.knows(tails.points.raw):
            describe = functools.partial(self._described, body, received_ns)
            receipts = self._writer.store(tails.points, len(bodies), describe, received_ns // _MS)
        else:
            receipts = self._insert_whole(body, tails, len(bodies), received_ns)
        if tails.tells_of_metrics(len(bodies)):
            self._note_metadata(body, received_ns)
        return receipts

    def _insert_whole(self, body: bytes, tails: Tails, bodies: int, received_ns: int) -> list[Receipt]:
        """Store what has to be decoded in full, and remember how the series look that end in their one sample."""
        rows = self._decode("remote/write1", body)
        lengths = rows["at"].combine_chunks().value_lengths().to_numpy(zero_copy_only=False)
        series = np.repeat(np.arange(rows.num_rows), lengths)
        of_body, raw = rows["body"].to_numpy(), rows["raw"].to_numpy()
        points = Points.of_samples(of_body[series], raw[series], numbers(rows["at"]), numbers(rows["value"]))

        def described_at(positions: Whole) -> pa.Table:
            return self._described(body, received_ns, series[positions])

        receipts = self._writer.store(points, bodies, described_at, received_ns // _MS)
        histograms = rows["histograms"].to_numpy()
        single = np.flatnonzero((lengths == 1) & (histograms == 0) & tails.is_plain)
        first = np.cumsum(lengths) - lengths
        same = points.at[first[single]] == tails.points.at[single]
        same &= points.value.view(np.uint64)[first[single]] == tails.points.value.view(np.uint64)[single]
        self._writer.learn(tails.points.raw[single[same]], raw[single[same]])
        return without_histograms(receipts, of_body, histograms)

    def _described(self, body: bytes, received_ns: int, series: Whole) -> pa.Table:
        labels = self._decode("remote/labels1", body, positions=series.tolist())
        return described(self._engine, labels, received_ns)

    def _note_metadata(self, body: bytes, received_ns: int) -> None:
        """Remember the types, the units and the help of metrics."""
        parameters = {
            "received": received_ns,
            "schema": schema_path("remote/metadata1"),
            "structure": structure("remote/metadata1"),
        }
        self._engine.insert_body(load("remote/metadata1.sql"), body, parameters)

    def _decode(self, name: str, body: bytes, **more: object) -> pa.Table:
        parameters = {**more, "structure": structure(name)}
        return self._engine.query_body(load(f"{name}.sql"), body, parameters, schema=schema_path(name), writing=True)

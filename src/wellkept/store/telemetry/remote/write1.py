"""Remote write 1.0: labels are spelled out in every series."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.store.telemetry.arrow import numbers
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.failures import BodyError
from wellkept.store.telemetry.otlp.schema import schema_path, structure
from wellkept.store.telemetry.points.decoded import Points, Whole
from wellkept.store.telemetry.points.wrapped import wrapped
from wellkept.store.telemetry.points.writer import PointWriter
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.remote.described import described
from wellkept.store.telemetry.remote.histograms import without_histograms
from wellkept.store.telemetry.remote.packed import RemoteBody, joined, unpacked
from wellkept.store.telemetry.remote.tails import Tails
from wellkept.store.telemetry.statements import load

_MS = 1_000_000


Whole1 = Callable[[], bytes]
"""The requests of a group as one message, unpacked; made when it is first asked for."""


class Write1:
    """Decodes groups of bodies and hands the points to the writer."""

    def __init__(self, engine: Engine, writer: PointWriter) -> None:
        self._engine, self._writer = engine, writer

    def insert(self, bodies: Sequence[RemoteBody], received_ns: int) -> list[Receipt]:
        """Store the samples of bodies; gives what became of each.

        Raises:
            BodyError: a body is at fault; nothing of the group is stored.
            InputError: the same, with the rule of remote write that it breaks.
            StoreError: the engine failed, and some samples may be stored.
            OverloadError: the engine cannot take more at the moment.
        """
        whole = functools.cache(lambda: wrapped(unpacked(bodies)))
        tails = self._tails(bodies)
        if tails is not None and tails.is_plain.all() and self._writer.knows(tails.points.raw):
            describe = functools.partial(self._described, whole, received_ns)
            receipts = self._writer.store(tails.points, len(bodies), describe, received_ns // _MS)
        else:
            receipts = self._insert_whole(whole, tails, len(bodies), received_ns)
        if tails is None or tails.tells_of_metrics:
            self._note_metadata(whole(), received_ns)
        return receipts

    def _tails(self, bodies: Sequence[RemoteBody]) -> Tails | None:
        """The series of all bodies, their labels unread; None where that is not all that there is.

        Raises:
            StoreError, OverloadError: the engine failed.
        """
        try:
            body, packing = joined(bodies)
            parameters = {"packing": packing}
            rows = self._engine.query_body(load("remote/tails1.sql"), body, parameters, schema="", writing=True)
        except BodyError:
            return None  # what is wrong with which of them is told by whoever decodes it in full
        return Tails.of(rows, [len(each) for each in bodies])

    def _insert_whole(self, whole: Whole1, tails: Tails | None, bodies: int, received_ns: int) -> list[Receipt]:
        """Store what has to be decoded in full, and remember how the series look that end in their one sample."""
        rows = self._decode("remote/write1", whole())
        lengths = rows["at"].combine_chunks().value_lengths().to_numpy(zero_copy_only=False)
        series = np.repeat(np.arange(rows.num_rows), lengths)
        of_body, raw = rows["body"].to_numpy(), rows["raw"].to_numpy()
        points = Points.of_samples(of_body[series], raw[series], numbers(rows["at"]), numbers(rows["value"]))

        def described_at(positions: Whole) -> pa.Table:
            return self._described(whole, received_ns, series[positions])

        receipts = self._writer.store(points, bodies, described_at, received_ns // _MS)
        histograms = rows["histograms"].to_numpy()
        if tails is not None:
            self._learn(tails, points, lengths, histograms)
        return without_histograms(receipts, of_body, histograms)

    def _learn(self, tails: Tails, points: Points, lengths: Whole, histograms: NDArray[np.uint32]) -> None:
        """Series whose last bytes say what decoding them has found are known by the bytes before from now on."""
        single = np.flatnonzero((lengths == 1) & (histograms == 0) & tails.is_plain)
        first = np.cumsum(lengths) - lengths
        same = points.at[first[single]] == tails.points.at[single]
        same &= points.value.view(np.uint64)[first[single]] == tails.points.value.view(np.uint64)[single]
        self._writer.learn(tails.points.raw[single[same]], points.raw[first[single[same]]])

    def _described(self, whole: Whole1, received_ns: int, series: Whole) -> pa.Table:
        labels = self._decode("remote/labels1", whole(), positions=series.tolist())
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

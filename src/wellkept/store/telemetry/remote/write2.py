"""Remote write 2.0: labels are pairs of references into the symbols of the request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.arrow import numbers
from wellkept.store.telemetry.bodies import Body
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.otlp.schema import schema_path, structure
from wellkept.store.telemetry.points.decoded import Ids, Points, Whole
from wellkept.store.telemetry.points.wrapped import wrapped
from wellkept.store.telemetry.points.writer import PointWriter
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.remote.described import described
from wellkept.store.telemetry.remote.histograms import without_histograms
from wellkept.store.telemetry.statements import load

_WHAT = "remote write 2.0 request"


class Write2:
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
        rows = self._decode("write2", body)
        series = _Series.of(rows)
        lengths = _lengths(rows["at"])
        owner = np.repeat(np.arange(len(series)), lengths)
        points = Points.of_samples(series.body[owner], series.raw()[owner], _flat(rows["at"]), _flat(rows["value"]))

        def describe(positions: Whole) -> pa.Table:
            symbols = self._decode("symbols2", body)["symbols"].combine_chunks().flatten()
            return described(self._engine, series.labels(owner[positions], symbols), received_ns)

        receipts = self._writer.store(points, len(bodies), describe, received_ns // 1_000_000)
        return without_histograms(receipts, series.body, numbers(rows["histograms"]))

    def _decode(self, name: str, body: bytes) -> pa.Table:
        parameters = {"structure": structure("remote/write2")}
        schema = schema_path("remote/write2")
        return self._engine.query_body(load(f"remote/{name}.sql"), body, parameters, schema=schema, writing=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Series:
    """The series of a group. ``refs``, ``units`` and ``helps`` point into the symbols of all requests put in a row."""

    body: NDArray[np.uint32]
    hashes: Ids
    refs: Whole
    bounds: Whole
    types: NDArray[np.int32]
    units: Whole
    helps: Whole

    def __len__(self) -> int:
        return len(self.body)

    @classmethod
    def of(cls, rows: pa.Table) -> _Series:
        """Raises InputError where a reference points nowhere, or labels are no pairs."""
        if any(rows["lacks_first"].to_pylist()):
            raise InputError(_WHAT, "must begin its symbols with the empty text")
        symbols, series = _counts(rows["hashes"]), _counts(rows["types"])
        body = np.repeat(np.arange(len(series), dtype=np.uint32), series)
        pairs = _lengths(rows["refs"])
        refs, units, helps = _flat(rows["refs"]), numbers(rows["units"]), numbers(rows["helps"])
        of_ref = np.repeat(body, pairs)
        if (pairs % 2).any():
            raise InputError(_WHAT, "must refer to labels in pairs of a name and a text", int(pairs[pairs % 2 > 0][0]))
        for found, owner in ((refs, of_ref), (units, body), (helps, body)):
            beyond = found >= symbols[owner]
            if beyond.any():
                raise InputError(_WHAT, "must refer to symbols that are there", int(found[beyond][0]))
        first = np.cumsum(symbols) - symbols
        bounds = np.concatenate([[0], np.cumsum(pairs)])
        return cls(
            body + np.uint32(1),
            numbers(rows["hashes"]),
            refs + first[of_ref],
            bounds,
            numbers(rows["types"]),
            units + first[body],
            helps + first[body],
        )

    def raw(self) -> Ids:
        """A hash of each series' labels: those of its symbols, weighed by their places and summed up."""
        place = np.arange(len(self.refs)) - np.repeat(self.bounds[:-1], np.diff(self.bounds))
        weighed = self.hashes[self.refs] * _weights(int(place.max(initial=0)) + 1)[place]
        total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(weighed, dtype=np.uint64)])
        sums: Ids = total[self.bounds[1:]] - total[self.bounds[:-1]]
        return sums

    def labels(self, which: Whole, symbols: pa.Array) -> pa.Table:
        """The labels of some series, as texts."""
        starts, stops = self.bounds[which], self.bounds[which + 1]
        counts = (stops - starts) // 2
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
        names = np.repeat(starts, counts) + 2 * place

        def lists(at: Whole) -> pa.ListArray:
            return pa.ListArray.from_arrays(pa.array(offsets), symbols.take(pa.array(self.refs[at])))

        return pa.table(
            {
                "names": lists(names),
                "texts": lists(names + 1),
                "type": pa.array(self.types[which]),
                "unit": symbols.take(pa.array(self.units[which])),
                "help": symbols.take(pa.array(self.helps[which])),
            }
        )


def _weights(count: int) -> Ids:
    """Odd numbers, always the same, one for each place of a label's name or text."""
    made = np.random.Generator(np.random.PCG64(20_26)).integers(0, 2**63, count, dtype=np.uint64)
    return made * np.uint64(2) + np.uint64(1)


def _counts(column: pa.ChunkedArray) -> Whole:
    """How many elements each row's list has."""
    lengths: Whole = column.combine_chunks().value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths


def _lengths(column: pa.ChunkedArray) -> Whole:
    """How many elements the lists have that are in the lists of a column."""
    inner = column.combine_chunks().flatten()
    lengths: Whole = inner.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths


def _flat(column: pa.ChunkedArray) -> NDArray[Any]:
    """What the lists hold that are in the lists of a column."""
    flat: NDArray[Any] = column.combine_chunks().flatten().flatten().to_numpy(zero_copy_only=False)
    return flat

"""Columns of protobuf: every function makes one piece of message for each row, all rows at once.

A column is an Arrow array of bytes. Rows that stand side by side also stand side by side in its buffer, so putting a
group of rows into one message costs nothing but new offsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkept.store.telemetry.varint import varint

VARINT, FIXED64, BYTES = 0, 1, 2
Column: TypeAlias = pa.LargeBinaryArray


def tag(number: int, kind: int) -> bytes:
    """The head of a field."""
    return varint(number << 3 | kind)


def sized(number: int, content: bytes) -> bytes:
    """One length-delimited field."""
    return tag(number, BYTES) + varint(len(content)) + content


def fixed64(number: int, values: NDArray[np.int64] | NDArray[np.float64]) -> Column:
    """A field of eight bytes: a ``fixed64`` of integers, a ``double`` of floats."""
    head = tag(number, FIXED64)
    cells = np.empty((len(values), len(head) + 8), dtype=np.uint8)
    cells[:, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    little = np.ascontiguousarray(values.astype(f"<{values.dtype.kind}8"))
    cells[:, len(head) :] = little.view(np.uint8).reshape(-1, 8)
    return _of_cells(cells)


def raw(number: int, cells: NDArray[np.uint8]) -> Column:
    """A bytes field of the same length in every row; ``cells``: uint8[rows, length]."""
    head = tag(number, BYTES) + varint(cells.shape[1])
    whole = np.empty((len(cells), len(head) + cells.shape[1]), dtype=np.uint8)
    whole[:, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    whole[:, len(head) :] = cells
    return _of_cells(whole)


def choice(codes: NDArray[np.int64], options: Sequence[bytes]) -> Column:
    """One of a few known pieces in each row."""
    known = pa.array(options, type=pa.large_binary())
    return known.take(pa.array(codes))


def small(number: int, values: NDArray[np.int64]) -> Column:
    """A varint field of numbers from 0 on; 0 is left out, as protobuf does."""
    distinct, codes = np.unique(values, return_inverse=True)
    head = tag(number, VARINT)
    return choice(codes, [head + varint(int(value)) if value else b"" for value in distinct])


def message(number: int, content: pa.Array | pa.ChunkedArray) -> Column:
    """A length-delimited field of what each row holds (texts count as their UTF-8)."""
    data = content.combine_chunks() if isinstance(content, pa.ChunkedArray) else content
    data = data.cast(pa.large_binary()) if not pa.types.is_large_binary(data.type) else data
    distinct, codes = np.unique(pc.binary_length(data).to_numpy(), return_inverse=True)
    head = tag(number, BYTES)
    return joined(choice(codes, [head + varint(int(length)) for length in distinct]), data)


def filled(number: int, content: pa.Array | pa.ChunkedArray) -> Column:
    """Like ``message``, with nothing in the rows that hold nothing."""
    data = message(number, content)
    empty = np.asarray(pc.equal(pc.binary_length(content), 0).to_numpy(zero_copy_only=False), dtype=bool)
    return unless(empty, data)


def joined(*columns: Column) -> Column:
    """The pieces of each row one after another."""
    return pc.binary_join_element_wise(*columns, pa.scalar(b"", pa.large_binary()))


def unless(skip: NDArray[np.bool_], column: Column) -> Column:
    """The column with nothing in the rows that are skipped."""
    return pc.if_else(pa.array(skip), pa.scalar(b"", pa.large_binary()), column) if skip.any() else column


def grouped(column: Column, ends: NDArray[np.int64]) -> Column:
    """Neighbouring rows as one: group ``i`` is the rows from ``ends[i - 1]`` (or 0) up to ``ends[i]``."""
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)[column.offset + np.concatenate([[0], ends])]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(ends), [None, pa.py_buffer(bounds), data])


def runs(*keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each run of equal neighbours ends, over all keys together."""
    changed = np.zeros(max(0, len(keys[0]) - 1), dtype=bool)
    for key in keys:
        changed |= key[1:] != key[:-1]
    return np.concatenate([np.flatnonzero(changed) + 1, [len(keys[0])]]).astype(np.int64)


def content(column: Column) -> bytes:
    """All rows one after another."""
    return b"" if len(column) == 0 else bytes(grouped(column, np.array([len(column)], dtype=np.int64))[0].as_py())


def _of_cells(cells: NDArray[np.uint8]) -> Column:
    offsets = np.arange(len(cells) + 1, dtype=np.int64) * cells.shape[1]
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(cells))]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(cells), buffers)

"""Log records of any format as OTLP: gathered one by one or many at once, encoded all together."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from wellkept.kernel.errors import TooLargeError
from wellkept.ops.ingest.recording import wire
from wellkept.ops.ingest.recording.encode import envelope
from wellkept.ops.ingest.recording.rows import Interned
from wellkept.store.telemetry.varint import varint

BODY_BYTES = 4 << 20
"""What is encoded is cut into requests of about this many bytes."""
MOST_BYTES = 64 << 20
"""A request may unfold to so many bytes: what is said once for many records is stored with each of them."""
UNKNOWN = (0, "")
"""The level of a record that says nothing of one."""
_TRACE, _SPAN = re.compile(r"[0-9a-fA-F]{32}\Z"), re.compile(r"[0-9a-fA-F]{16}\Z")


class Records:
    """Records of one request or of one moment. They are encoded by columns, so that one costs little Python.

    ``received_ns`` is when they came, for those that carry no time of their own (``at_ns`` 0).
    """

    def __init__(self, scope: str, received_ns: int) -> None:
        self._name, self._size = scope, 0
        self._scope = wire.sized(1, wire.sized(1, scope.encode()))
        self._received = received_ns
        self._resources = Interned()
        self._levels: dict[tuple[int, str], int] = {}
        self._places: list[int] = []
        self._at: list[int] = []
        self._texts: list[str] = []
        self._codes: list[int] = []
        self._extras: list[bytes] = []

    def __len__(self) -> int:
        return len(self._at)

    def resource(self, attributes: Mapping[str, str]) -> int:
        """The place of a resource, to add records to."""
        return self._resources.place(attributes)

    def add(self, place: int, at_ns: int, text: str, level: tuple[int, str] = UNKNOWN, extra: bytes = b"") -> None:
        """One record. ``extra`` is what ``fields`` makes.

        Raises:
            TooLargeError: the records would unfold to too much.
        """
        self._take(len(text) + len(extra))
        self._places.append(place)
        self._at.append(at_ns)
        self._texts.append(text)
        self._codes.append(self._levels.setdefault(level, len(self._levels)))
        self._extras.append(extra)

    def extend(
        self, place: int, at_ns: Sequence[int], texts: Sequence[str], level: tuple[int, str], extra: bytes
    ) -> None:
        """Many records that differ in their times and texts alone.

        Raises:
            TooLargeError: the records would unfold to too much.
        """
        count = len(at_ns)
        self._take(len(extra) * count + sum(map(len, texts)))
        self._places += [place] * count
        self._at += at_ns
        self._texts += texts
        self._codes += [self._levels.setdefault(level, len(self._levels))] * count
        self._extras += [extra] * count

    def _take(self, size: int) -> None:
        self._size += size
        if self._size > MOST_BYTES:
            raise TooLargeError(f"{self._name} request", f"must unfold to at most {MOST_BYTES} bytes", self._size)

    def bodies(self, most: int = BODY_BYTES) -> Iterator[bytes]:
        """The records as export requests of about ``most`` bytes each, one after another."""
        if not self._at:
            return
        places = np.array(self._places, dtype=np.int64)
        order = np.argsort(places, kind="stable")
        places, rows = places[order], pa.array(order)
        levels = [
            (wire.tag(2, wire.VARINT) + varint(number) if number else b"")
            + (wire.sized(3, text.encode()) if text else b"")
            for number, text in self._levels
        ]
        # Only where it is needed: a request that is sent again must be the same bytes, if what it says has times.
        observed = wire.fixed64(11, np.array([self._received], dtype=np.int64))
        at = np.array(self._at, dtype=np.int64)[order]
        records = wire.joined(
            wire.fixed64(1, at),
            wire.choice(np.array(self._codes, dtype=np.int64)[order], levels),
            wire.message(5, wire.message(1, pa.array(self._texts, pa.large_string()).take(rows))),
            pa.array(self._extras, pa.large_binary()).take(rows),
            wire.choice((at == 0).astype(np.int64), [b"", observed[0].as_py()]),
        )
        for first, last in _cuts(records, most):
            part = records.slice(first, last - first)
            yield envelope(part, places[first:last], self._resources.encoded, self._scope)


def fields(
    attributes: Mapping[str, object], trace_id: object = None, span_id: object = None, event_name: str = ""
) -> bytes:
    """What a record carries beside its time, level and text, encoded. Ids that are none are left out."""
    out = [_pair(name, text) for name, value in attributes.items() if (text := _text(value))]
    out += [wire.sized(9, bytes.fromhex(str(trace_id)))] if isinstance(trace_id, str) and _TRACE.match(trace_id) else []
    out += [wire.sized(10, bytes.fromhex(str(span_id)))] if isinstance(span_id, str) and _SPAN.match(span_id) else []
    out += [wire.sized(12, event_name.encode())] if event_name else []
    return b"".join(out)


def text_of(raw: bytes) -> str:
    """Bytes as text. What is not UTF-8 stays readable, as an escape."""
    return raw.decode("utf-8", "backslashreplace")


@functools.lru_cache(maxsize=32_768)
def _pair(name: str, value: str) -> bytes:
    return wire.sized(6, wire.sized(1, name.encode()) + wire.sized(2, wire.sized(1, value.encode())))


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _cuts(items: wire.Column, most: int) -> Iterator[tuple[int, int]]:
    """Where to cut, so that no part but one of a single record is much over ``most`` bytes."""
    _, offsets, _ = items.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[items.offset : items.offset + len(items) + 1]
    first = 0
    while first < len(items):
        last = max(first + 1, int(np.searchsorted(ends, ends[first] + most, side="right")) - 1)
        yield first, last
        first = last

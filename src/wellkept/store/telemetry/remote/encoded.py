"""A remote write 1.0 request out of series of our own making, such as what recording rules give."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from wellkept.store.telemetry.promql.reductions import STALE
from wellkept.store.telemetry.promql.values import Labels
from wellkept.store.telemetry.varint import varint

_SERIES, _LABEL, _SAMPLE = b"\x0a", b"\x0a", b"\x12"
_NAME, _TEXT, _VALUE, _TIME = b"\x0a", b"\x12", b"\x09", b"\x10"
_STALE = struct.pack("<Q", int(STALE))

Sample = tuple[Labels, float | None]
"""A series and its value; None says that it has ended."""


def request_of(samples: Iterable[Sample], at_ms: int) -> bytes:
    """The uncompressed body of a request with one sample a series, all at one moment."""
    moment = _TIME + varint(at_ms)
    parts = []
    for labels, value in samples:
        written = _STALE if value is None else struct.pack("<d", value)
        told = b"".join(_field(_LABEL, _text(_NAME, name) + _text(_TEXT, text)) for name, text in labels)
        parts.append(_field(_SERIES, told + _field(_SAMPLE, _VALUE + written + moment)))
    return b"".join(parts)


def _text(tag: bytes, text: str) -> bytes:
    return _field(tag, text.encode())


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content

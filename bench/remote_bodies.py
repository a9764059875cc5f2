"""Remote write bodies of either version, uncompressed: series with one sample each."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from bench.load import sized, varint

HEADERS_1 = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
HEADERS_2 = {
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "2.0.0",
}
Series = tuple[Mapping[str, str], int, float]
"""Labels with ``__name__``, the time in milliseconds, the value."""


def version_1(series: Iterable[Series]) -> bytes:
    return b"".join(
        sized(1, b"".join(sized(1, _pair(name, text)) for name, text in sorted(labels.items())) + _sample(at, value))
        for labels, at, value in series
    )


def version_2(series: Iterable[Series]) -> bytes:
    symbols: dict[str, int] = {"": 0}
    parts = []
    for labels, at, value in series:
        refs = (symbols.setdefault(text, len(symbols)) for pair in sorted(labels.items()) for text in pair)
        parts.append(sized(5, sized(1, b"".join(map(varint, refs))) + _sample(at, value)))
    return b"".join([*(sized(4, text.encode()) for text in symbols), *parts])


def _pair(name: str, text: str) -> bytes:
    return sized(1, name.encode()) + sized(2, text.encode())


def _sample(at: int, value: float) -> bytes:
    """One sample; both versions have it in the same fields."""
    return sized(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at))

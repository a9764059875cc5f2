"""What a request says, read back by hand: the tests trust nothing of the code that wrote it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

STALE = 0x7FF0000000000002


@dataclass(frozen=True)
class Row:
    """One series with one sample."""

    labels: dict[str, str]
    bits: int
    at: int
    kind: int = 0
    help: str = ""
    unit: str = ""

    @property
    def name(self) -> str:
        return self.labels["__name__"]

    @property
    def value(self) -> float:
        return float(struct.unpack("<d", struct.pack("<Q", self.bits))[0])

    @property
    def is_stale(self) -> bool:
        return self.bits == STALE


def rows(body: bytes) -> list[Row]:
    """The series of a request; a breach of the format is a failed assertion."""
    symbols: list[str] = []
    series: list[bytes] = []
    for number, content in fields(body):
        assert isinstance(content, bytes)
        assert number in (4, 5)
        if number == 4:
            assert not series, "symbols come first"
            symbols.append(content.decode())
        else:
            series.append(content)
    assert symbols[0] == ""
    assert len(set(symbols)) == len(symbols)
    return [_row(content, symbols) for content in series]


def named(body: bytes, name: str) -> list[Row]:
    return [row for row in rows(body) if row.name == name]


def one(body: bytes, name: str) -> Row:
    (found,) = named(body, name)
    return found


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: numbers, eight bytes, or contents."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == 0:
            number, at = _varint(message, at)
            yield tag >> 3, number
            continue
        assert wire in (1, 2)
        size = 8
        if wire == 2:
            size, at = _varint(message, at)
        assert at + size <= len(message), "cut off"
        yield tag >> 3, message[at : at + size]
        at += size


def _row(content: bytes, symbols: list[str]) -> Row:
    found = dict(fields(content))
    assert len(found) == len(list(fields(content))), "one sample a series"
    refs: list[int] = []
    packed, at = found[1], 0
    assert isinstance(packed, bytes)
    while at < len(packed):
        ref, at = _varint(packed, at)
        refs.append(ref)
    names = [symbols[ref] for ref in refs[::2]]
    assert names == sorted(set(names)), "sorted by name, none twice"
    assert all(symbols[ref] for ref in refs), "no empty name or value"
    sample = dict(fields(_bytes(found[2])))
    told = dict(fields(_bytes(found.get(5, b""))))
    at_ms = int(sample[2])
    return Row(
        dict(zip(names, (symbols[ref] for ref in refs[1::2]), strict=True)),
        int(struct.unpack("<Q", _bytes(sample[1]))[0]),
        at_ms - (1 << 64) if at_ms >> 63 else at_ms,
        int(told.get(1, 0)),
        symbols[int(told.get(3, 0))],
        symbols[int(told.get(4, 0))],
    )


def _bytes(content: int | bytes) -> bytes:
    assert isinstance(content, bytes)
    return content


def _varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at

"""A scrape as one ``io.prometheus.write.v2.Request``, put together from parts that are the same in every scrape.

A request is a table of texts (``symbols``) and series that refer to them. A target's texts and the parts of its series
that do not change are encoded once; a scrape adds the values and the time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from wellkept.store.telemetry.varint import varint

STALE = struct.pack("<Q", 0x7FF0000000000002)
"""The value that says: this series is over. A NaN, told from others by its bits."""

_SYMBOL, _SERIES = b"\x22", b"\x2a"
_LABELS, _SAMPLES, _METADATA = b"\x0a", b"\x12", b"\x2a"
_VALUE, _TIME = b"\x09", b"\x10"
_KIND, _HELP, _UNIT = b"\x08", b"\x18", b"\x20"


def field(tag: bytes, content: bytes) -> bytes:
    """A field with a length."""
    return tag + varint(len(content)) + content


def stamp(millis: int) -> bytes:
    """The end of a sample: its time."""
    return _TIME + varint(millis)


class Symbols:
    """Texts, each once; the first one is empty, as the format wants it."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._parts: list[bytes] = []
        self.place("")

    def __len__(self) -> int:
        return len(self._places)

    def place(self, text: str) -> int:
        """Where a text stands in the table."""
        place = self._places.get(text)
        if place is None:
            place = self._places[text] = len(self._places)
            self._parts.append(field(_SYMBOL, text.encode()))
        return place

    def encoded(self) -> bytes:
        """The table as a request begins with it."""
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0]

    def labels(self, labels: Iterable[tuple[str, str]]) -> bytes:
        """Labels as a series begins with them."""
        places = (varint(self.place(text)) for pair in labels for text in pair)
        return field(_LABELS, b"".join(places))

    def metadata(self, kind: int, text: str, unit: str) -> bytes:
        """What is said about a series, as it ends with it; nothing where nothing is said."""
        parts = [_KIND + varint(kind)] if kind else []
        parts += [tag + varint(self.place(said)) for tag, said in ((_HELP, text), (_UNIT, unit)) if said]
        return field(_METADATA, b"".join(parts)) if parts else b""


def beginning(labels: bytes, metadata: bytes, stamp_bytes: int) -> bytes:
    """A series up to its value; what follows is the value, the time, and the metadata."""
    sample = len(_VALUE) + 8 + stamp_bytes
    opened = labels + _SAMPLES + varint(sample) + _VALUE
    return _SERIES + varint(len(opened) + 8 + stamp_bytes + len(metadata)) + opened


def packed(values: Sequence[float]) -> list[bytes]:
    """Values as the format has them, eight bytes each."""
    whole = struct.pack(f"<{len(values)}d", *values)
    return [whole[at : at + 8] for at in range(0, len(whole), 8)]

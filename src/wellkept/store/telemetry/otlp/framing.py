"""The outermost framing of a protobuf request, checked before bodies are put one after another.

A body that is cut off would swallow the beginning of the next body. The outermost messages hold nothing but
length-delimited fields, so a walk over their heads finds every cut; what is broken further inside stays inside its
own field, and the engine finds that.
"""

from __future__ import annotations

from collections.abc import Iterator

from wellkept.kernel.errors import InputError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LOOKED_AT = 1000
"""Resources of a body; of more than these the engine tells sooner than Python."""


def check(signal: str, body: bytes) -> None:
    """Walk over the outermost fields. Those of a later version are passed over, but one of this version must be there.

    Raises:
        InputError: the body is cut off, or is not a protobuf message of this signal.
    """
    what = f"OTLP {signal} request"
    known = other = 0
    for number, kind, _, _ in _fields(what, body, 0, len(body)):
        if number == 1 and kind != _BYTES:
            raise InputError(what, "must hold messages in its field 1", f"wire type {kind}")
        known += number == 1
        other += number != 1
    if other and not known:
        raise InputError(what, "holds nothing of this signal", f"{other} unknown fields")


def count(body: bytes) -> int:
    """How many outermost messages a checked body holds."""
    return sum(1 for _ in _inner("OTLP request", body, 0, len(body), 1))


def resources(signal: str, body: bytes) -> frozenset[bytes] | None:
    """The resources of a checked body of any signal, still encoded; None where it has too many to look at here.

    Raises:
        InputError: a resource is cut off.
    """
    found: set[bytes] = set()
    what = f"OTLP {signal} request"
    for looked_at, (at, end) in enumerate(_inner(what, body, 0, len(body), 1)):
        if looked_at >= _LOOKED_AT:
            return None
        found.add(b"".join(body[start:stop] for start, stop in _inner(what, body, at, end, 1)))
    return frozenset(found)


def _inner(what: str, body: bytes, at: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    for number, kind, start, stop in _fields(what, body, at, end):
        if number == wanted and kind == _BYTES:
            yield start, stop


def _fields(what: str, body: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(number, wire type, beginning, end) of each field in ``body[at:end]``."""
    while at < end:
        tag, at = _varint(what, body, at, end)
        kind = tag & 7
        if kind == _BYTES:
            length, at = _varint(what, body, at, end)
        elif kind == _VARINT:
            start = at
            _, stop = _varint(what, body, at, end)
            length = stop - start
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise InputError(what, f"has an unknown wire type at byte {at}", kind)
        if at + length > end:
            raise InputError(what, f"is cut off: field {tag >> 3} should end at byte {at + length}", f"{end} bytes")
        yield tag >> 3, kind, at, at + length
        at += length


def _varint(what: str, body: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise InputError(what, "is cut off inside a number", f"{end} bytes")

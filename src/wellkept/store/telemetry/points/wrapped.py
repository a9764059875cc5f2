"""Requests as the fields of one message, so that one statement decodes them all and each stays apart."""

from __future__ import annotations

from collections.abc import Sequence

from wellkept.store.telemetry.bodies import Body

_FIELD_1 = b"\x0a"


def wrapped(bodies: Sequence[Body]) -> bytes:
    """A message with each body as one ``repeated Message requests = 1``."""
    parts: list[Body] = []
    for body in bodies:
        parts += (_FIELD_1, varint(len(body)), body)
    return b"".join(parts)


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)

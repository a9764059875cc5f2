"""Numbers as protobuf writes them."""

from __future__ import annotations

_64_BITS = (1 << 64) - 1


def varint(value: int) -> bytes:
    """A whole number, seven bits a byte, the lowest first; a negative one takes ten bytes."""
    rest = value & _64_BITS
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)

"""Snappy blocks as they came: the engine unpacks them while it reads, and nobody copies what is in them before.

A request of remote write is six times as long unpacked, so unpacking, joining and handing over is work that shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import cramjam

from wellkept.kernel.errors import InputError, TooLargeError
from wellkept.store.telemetry.bodies import Body
from wellkept.store.telemetry.failures import BodyError

LARGEST = 1 << 20
"""The engine unpacks a block in one piece of its own, which has so many bytes."""
_LITERAL, _LONG_LITERAL = 0, 60


@dataclass(frozen=True, slots=True)
class Packed:
    """A snappy block, ``size`` bytes long when it is unpacked. It is not known to be whole before that."""

    block: bytes
    size: int

    def __len__(self) -> int:
        """The length of what is in it."""
        return self.size

    @classmethod
    def of(cls, what: str, block: bytes, limit: int) -> Packed:
        """A block, of which what length it says it has is looked at.

        Raises:
            InputError: it is none.
            TooLargeError: it would be over the limit.
        """
        if not block:
            raise InputError(what, "must be a snappy block, is empty")
        try:
            size = cramjam.snappy.decompress_raw_len(block)
        except cramjam.DecompressionError as error:
            raise InputError(what, f"must be a snappy block: {error}") from None
        if size > limit:
            raise TooLargeError(what, f"must be at most {limit} bytes after decompression", size)
        return cls(block, size)

    def first(self) -> int | None:
        """The first byte of what is in it, without unpacking it; None of nothing.

        Raises:
            BodyError: it is no snappy block.
        """
        if not self.size:
            return None
        at = next(place for place, byte in enumerate(self.block) if byte < 0x80) + 1
        length = (self.block[at] >> 2) - _LONG_LITERAL + 1 if at < len(self.block) else 0
        place = at + 1 + max(0, length)
        if place >= len(self.block) or self.block[at] & 3 != _LITERAL:
            raise BodyError("must be a snappy block: it does not begin with bytes of its own")
        return self.block[place]

    def unpacked(self) -> memoryview:
        """What is in it.

        Raises:
            BodyError: it is damaged.
        """
        try:
            return memoryview(cramjam.snappy.decompress_raw(self.block))
        except cramjam.DecompressionError as error:
            raise BodyError(f"must be a snappy block: {error}") from None


RemoteBody = Body | Packed
"""A request of remote write as it waits to be stored."""


def unpacked(bodies: Sequence[RemoteBody]) -> list[Body]:
    """Bodies as they are without packing.

    Raises:
        BodyError: one is damaged.
    """
    return [body.unpacked() if isinstance(body, Packed) else body for body in bodies]


def joined(bodies: Sequence[RemoteBody]) -> tuple[bytes, str]:
    """Bodies one behind the other, and how they are packed, in the engine's words.

    Raises:
        BodyError: one had to be unpacked, and is damaged.
    """
    packed = [body for body in bodies if isinstance(body, Packed) and body.size <= LARGEST]
    if len(packed) < len(bodies):
        return b"".join(unpacked(bodies)), "none"
    return b"".join(chain.from_iterable(_framed(body) for body in packed if body.size)), "snappy"


def _framed(body: Packed) -> tuple[bytes, bytes, bytes]:
    """A block as Hadoop writes it into files: how long it is unpacked, and packed."""
    return body.size.to_bytes(4, "big"), len(body.block).to_bytes(4, "big"), body.block

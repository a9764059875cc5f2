"""Compressed bodies, opened without ever holding more than the limit."""

from __future__ import annotations

import zlib

import cramjam

from wellkept.kernel.errors import InputError, TooLargeError

_GZIP = 16 + zlib.MAX_WBITS


def gunzip(what: str, body: bytes, limit: int) -> bytes:
    """The content of a gzip body (of several members, too).

    Raises:
        InputError: not gzip, damaged, or cut off.
        TooLargeError: the content is over ``limit`` bytes; at most that much was unpacked.
    """
    parts: list[bytes] = []
    room = limit
    rest = body
    while rest:
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(rest, room + 1)
        except zlib.error as error:
            raise InputError(what, "says Content-Encoding gzip but is not valid gzip") from error
        room -= len(part)
        if room < 0:
            raise TooLargeError(what, f"must be at most {limit} bytes after decompression")
        if not member.eof:
            raise InputError(what, "is cut off: its gzip content has no end", f"{len(body)} bytes")
        parts.append(part)
        rest = member.unused_data
    return b"".join(parts)


def unsnap(what: str, body: bytes, limit: int) -> memoryview:
    """The content of a snappy block. What length it says it has is looked at before anything is unpacked.

    Raises:
        InputError: it is none, or damaged.
        TooLargeError: it would be over the limit.
    """
    if not body:
        raise InputError(what, "must be a snappy block, is empty")
    try:
        length = cramjam.snappy.decompress_raw_len(body)
        if length > limit:
            raise TooLargeError(what, f"must be at most {limit} bytes after decompression", length)
        return memoryview(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise InputError(what, f"must be a snappy block: {error}") from None

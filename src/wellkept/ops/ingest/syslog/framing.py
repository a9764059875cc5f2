"""Where one message ends and the next begins on a TCP connection (RFC 6587): by count of octets, or by line ends.

A sender says nowhere which it uses, so each message is looked at: a number, a space and ``<`` begin a counted one.
"""

from __future__ import annotations

import re

_COUNT = re.compile(rb"([1-9][0-9]{0,8}) ")
_MAYBE_COUNT = re.compile(rb"[1-9][0-9]{0,8} ?\Z")


class Framer:
    """Cuts what arrives into messages. One longer than ``limit`` bytes comes in pieces: nothing is thrown away."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._left = 0
        self._is_counted = False

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete with this data."""
        self._buffer += data
        found: list[bytes] = []
        at = 0
        while at < len(self._buffer):
            end, after = self._next(at)
            if end < 0:
                at = after
                break
            if end > at:
                found.append(bytes(self._buffer[at:end]))
            at = after
        del self._buffer[:at]
        return found

    def end(self) -> list[bytes]:
        """What is left when the connection ends: a message that is cut off is kept as far as it came."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return [rest] if rest.strip() else []

    def _next(self, at: int) -> tuple[int, int]:
        """Where the message that begins at ``at`` ends, and where the next begins; (-1, at) to wait for more.

        An end equal to the beginning is no message: the head of a counted one, or an empty line.
        """
        buffer = self._buffer
        if self._left:
            size = min(self._left, self._limit)
            if len(buffer) - at < size:
                return -1, at
            self._left -= size
            return at + size, at + size
        counted = self._count(at)
        if counted:
            return (at, counted) if counted > 0 else (-1, at)
        line = buffer.find(b"\n", at, at + self._limit + 1)
        if line >= 0:
            return line, line + 1
        return (at + self._limit, at + self._limit) if len(buffer) - at > self._limit else (-1, at)

    def _count(self, at: int) -> int:
        """Take a count that begins here, and return where it ends; 0 where there is none, -1 to wait for more."""
        head = _COUNT.match(self._buffer, at)
        if head is None:
            return -1 if _MAYBE_COUNT.match(self._buffer, at) else 0
        if not self._is_counted and head.end() == len(self._buffer):
            return -1
        if not self._is_counted and self._buffer[head.end() : head.end() + 1] != b"<":
            return 0
        self._left, self._is_counted = int(head[1]), True
        return head.end()

"""Requests as the fields of one message, so that one statement decodes them all and each stays apart."""

from __future__ import annotations

from collections.abc import Sequence

from wellkept.store.telemetry.bodies import Body
from wellkept.store.telemetry.varint import varint

_FIELD_1 = b"\x0a"


def wrapped(bodies: Sequence[Body]) -> bytes:
    """A message with each body as one ``repeated Message requests = 1``."""
    parts: list[Body] = []
    for body in bodies:
        parts += (_FIELD_1, varint(len(body)), body)
    return b"".join(parts)

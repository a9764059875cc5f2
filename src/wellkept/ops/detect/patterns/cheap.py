"""The cheap key of a line: what bulk code can tell in a pass over the bytes, fine enough that one line stands for all.

The engine makes the same key of every stored line (``store/telemetry/queries/pattern_key.sql``); a test holds the two
to each other. Lines with one key have one shape, up to rare exceptions; only one line of each new key is masked.
"""

from __future__ import annotations

import re

from wellkept.store.telemetry.patterns import KEY_BYTES, KEY_CLASS, KEY_FROM, KEY_TO

_TABLE = bytes.maketrans(KEY_FROM.encode(), KEY_TO.encode())
_CLASS = re.compile(KEY_CLASS.encode())
_REST_BYTES = 20_000


def cheap_key(body: str) -> bytes:
    """The key of a body: tokens of its first line, ``0`` for one that holds a digit or an ``@`` or begins with ``/``.

    Only the first ``KEY_BYTES`` bytes of the line count. Of a body with more lines, its last exception counts, too.
    """
    raw = body.encode("utf-8", "replace")
    line, newline, rest = raw.partition(b"\n")
    tokens = line[:KEY_BYTES].translate(_TABLE).split(b" ")
    key = b" ".join([b"0" if b"0" in token or token[:1] == b"/" else token for token in tokens])
    if not newline:
        return key
    classes = _CLASS.findall(b"\n" + rest[: _REST_BYTES - 1])
    return key + newline + (classes[-1] if classes else b"")

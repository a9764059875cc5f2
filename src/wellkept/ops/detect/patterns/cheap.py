"""The cheap key of a line: what bulk code can tell in a pass over the bytes, fine enough that one line stands for all.

The engine makes the same key of every stored line (``store/telemetry/queries/pattern_key.sql``); a test holds the two
to each other. Lines with one key have one shape, up to rare exceptions; only one line of each new key is masked.
"""

from __future__ import annotations

import re

from wellkept.store.telemetry.patterns import COLOUR, KEY_BYTES, KEY_CLASS, KEY_FROM, KEY_HOST, KEY_TO

_TABLE = bytes.maketrans(KEY_FROM.encode(), KEY_TO.encode())
_COLOUR = re.compile(COLOUR.encode())
_CLASS, _HOST = re.compile(KEY_CLASS.encode()), re.compile(KEY_HOST.encode())
_REST_BYTES = 20_000


def cheap_key(body: str) -> bytes:
    """The key of a body: the tokens of its first line, ``0`` for those that are surely values.

    Those hold a digit or an ``@``, begin with ``/``, stand behind ``=``, or end as names of hosts do. Colours do not
    count, and only the first ``KEY_BYTES`` bytes of the line do. Of a body with more lines, its last exception counts,
    too.
    """
    raw = _COLOUR.sub(b"", body.encode("utf-8", "replace"))
    line, newline, rest = raw.partition(b"\n")
    plain = b" " + line[:KEY_BYTES].translate(_TABLE) + b" "
    plain = plain.replace(b"=", b" 0").replace(b" /", b" 0").replace(b".0", b" 0")
    if b"." in plain:
        plain = _HOST.sub(b"0 ", plain)
    key = b" ".join([b"0" if b"0" in token else token for token in plain.split(b" ")])
    if not newline:
        return key
    classes = _CLASS.findall(b"\n" + rest[: _REST_BYTES - 1])
    return key + newline + (classes[-1] if classes else b"")

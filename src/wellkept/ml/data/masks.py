"""Personal data: hashed with a key of this installation, or dropped, before anything is kept."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from wellkept.kernel.errors import InputError
from wellkept.ml.dataspec import Mask

DIGITS = 32
"""Hexadecimal digits of a hashed value: 128 bits."""
SHORTEST_KEY = 16


def read_key(file: Path) -> bytes:
    """The key of this installation.

    Raises:
        InputError: the file is not there, or holds too little.
    """
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise InputError(f"key of masks {file}", f"cannot be read: {error.strerror}") from error
    if len(key) < SHORTEST_KEY:
        raise InputError(f"key of masks {file}", f"must be at least {SHORTEST_KEY} bytes long", len(key))
    return key


def masked(table: pa.Table, masks: Mapping[str, Mask], key: bytes) -> pa.Table:
    """The rows with every masked column hashed (HMAC-SHA256: equal stays equal, null stays null) or gone."""
    for name, mask in masks.items():
        if name not in table.column_names:
            continue
        if mask == "drop":
            table = table.drop_columns([name])
        else:
            table = table.set_column(table.column_names.index(name), name, hashed(table[name], key))
    return table


def hashed(column: pa.ChunkedArray, key: bytes) -> pa.Array:
    """Each value as a text that only who has the key can make again; each distinct one is hashed once."""
    found = column.combine_chunks().dictionary_encode()
    found = found.chunk(0) if isinstance(found, pa.ChunkedArray) else found
    words = [None if value is None else _hash(str(value), key) for value in found.dictionary.to_pylist()]
    return pa.array(words, pa.string()).take(found.indices)


def _hash(text: str, key: bytes) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:DIGITS]

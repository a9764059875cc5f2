"""Columns of a table as the layout means them: texts, places of attribute sets, moments, ids. All rows at once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.recording.layout import TextRule, Texts, TimeRule
from wellkept.ops.ingest.recording.rows import Bytes, Ints

_NANOS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Coded:
    """A text for each row as ``words[codes[row]]``; a word may be empty."""

    def __init__(self, words: Sequence[str], codes: Ints) -> None:
        self.words, self.codes = tuple(words), codes

    def array(self) -> pa.Array:
        """The texts as an Arrow dictionary."""
        return pa.DictionaryArray.from_arrays(pa.array(self.codes, pa.int32()), pa.array(self.words, pa.string()))


def text(table: pa.Table, rule: TextRule) -> Coded:
    """The texts that a rule gives; the rule is applied to each distinct value once."""
    if rule.value:
        return Coded([_worded(rule, rule.value)], np.zeros(table.num_rows, dtype=np.int64))
    words, codes = distinct(table[rule.column])
    return Coded([_worded(rule, "" if word is None else str(word)) for word in words], codes)


def distinct(column: pa.ChunkedArray) -> tuple[list[object], Ints]:
    """The distinct values of a column, and for each row which one it has; None is a value."""
    joined = column.combine_chunks()
    if pa.types.is_dictionary(joined.type):
        joined = joined.dictionary.take(joined.indices)
    encoded = pc.dictionary_encode(joined, null_encoding="encode")
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def _worded(rule: TextRule, word: str) -> str:
    word = rule.map.get(word, word)
    if rule.pattern:
        found = re.search(rule.pattern, word)
        word = (found.group(1) or "") if found else ""
    return rule.template.replace("{}", word) if word else ""


def sets(table: pa.Table, rules: Texts, place: Callable[[dict[str, str]], int]) -> Ints:
    """For each row the place of its set of attributes; each distinct set is asked for once."""
    names = list(rules)
    coded = [text(table, rules[name]) for name in names]
    which, first = groups(*(one.codes for one in coded)) if coded else (np.zeros(table.num_rows, np.int64), [0])
    found = [place({name: one.words[one.codes[row]] for name, one in zip(names, coded, strict=True)}) for row in first]
    return np.array(found, dtype=np.int64)[which]


def groups(*keys: Ints) -> tuple[Ints, Ints]:
    """For each row the number of its group (rows alike in all keys), and for each group its first row."""
    combined = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:
        # Renumbered after every key, so that the product of the counts never overflows.
        combined = np.unique(combined * (int(key.max(initial=0)) + 1) + key, return_inverse=True)[1]
    _, first, which = np.unique(combined, return_index=True, return_inverse=True)
    return which.astype(np.int64), first.astype(np.int64)


def moments(table: pa.Table, rule: TimeRule, where: str) -> Ints:
    """A column of times as nanoseconds since the epoch.

    Raises:
        InputError: neither timestamps nor ISO 8601 texts nor numbers with a unit, or one is missing.
    """
    column = table[rule.column]
    what = f"{where}, column {rule.column}"
    if column.null_count:
        raise InputError(what, "must hold a time in every row", f"{column.null_count} empty")
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        try:
            column = column.cast(pa.timestamp("ns", tz="UTC" if str(column[0]).endswith("Z") else None))
        except (pa.ArrowInvalid, IndexError) as error:
            raise InputError(what, f"must hold times in ISO 8601: {error}") from None
    if pa.types.is_timestamp(column.type):
        found = column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64()).to_numpy()
    elif rule.unit is None:
        raise InputError(what, "needs a unit (s, ms, us or ns), because it holds no timestamps", str(column.type))
    elif pa.types.is_floating(column.type):
        found = np.round(column.to_numpy() * _NANOS[rule.unit]).astype(np.int64)
    else:
        found = column.cast(pa.int64()).to_numpy() * _NANOS[rule.unit]
    return np.asarray(found + round(rule.shift * 10**9), dtype=np.int64)


def span_of(table: pa.Table, rule: TimeRule) -> Ints:
    """A column of durations as nanoseconds; what is empty took no time."""
    column = pc.fill_null(table[rule.column], 0)
    factor = _NANOS[rule.unit or "ns"]
    if pa.types.is_floating(column.type):
        return np.asarray(np.round(column.to_numpy() * factor), dtype=np.int64)
    return np.asarray(column.cast(pa.int64()).to_numpy() * factor, dtype=np.int64)


def ids(table: pa.Table, columns: Sequence[str], size: int) -> Bytes:
    """Ids of ``size`` bytes: hexadecimal texts as they are, anything else (also several columns) mixed into one."""
    if len(columns) == 1:
        column = table[columns[0]].combine_chunks()
        if (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)) and _is_hex(column, size):
            return np.frombuffer(bytes.fromhex(_run_together(column)), dtype=np.uint8).reshape(-1, size)
    parts = [_numbers(table[name]) for name in columns]
    halves = [_mix(parts, seed) for seed in range(size // 8)]
    return np.ascontiguousarray(np.stack(halves, axis=1).astype(">u8")).view(np.uint8).reshape(-1, size)


def absent(table: pa.Table, columns: Sequence[str], root: object) -> NDArray[np.bool_]:
    """Where the last of the columns names nothing: empty, or the value that stands for nothing."""
    column = table[columns[-1]]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    none = pc.is_null(column)
    for value in ([root] if root is not None else []) + ([""] if pa.types.is_string(column.type) else []):
        none = pc.or_(none, pc.fill_null(pc.equal(column, pa.scalar(value).cast(column.type)), True))
    return np.asarray(none.to_numpy(), dtype=bool)


def _is_hex(column: pa.Array, size: int) -> bool:
    return column.null_count == 0 and bool(pc.all(pc.match_substring_regex(column, f"^[0-9a-fA-F]{{{2 * size}}}$")))


def _run_together(column: pa.Array) -> str:
    """All texts of a column as one."""
    _, offsets, data = column.cast(pa.large_string()).buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)[column.offset : column.offset + len(column) + 1]
    return bytes(data)[bounds[0] : bounds[-1]].decode("ascii") if len(column) else ""


def _numbers(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    """Integers as they are, anything else by a hash of each distinct value."""
    if pa.types.is_integer(column.type):
        return np.asarray(pc.fill_null(column, 0).cast(pa.int64()).to_numpy().view(np.uint64))
    words, codes = distinct(column)
    hashes = [hashlib.blake2b(str(word).encode(), digest_size=8).digest() for word in words]
    return np.frombuffer(b"".join(hashes), dtype=np.uint64)[codes]


def _mix(parts: Sequence[NDArray[np.uint64]], seed: int) -> NDArray[np.uint64]:
    """One number of several, by the finaliser of SplitMix64, so that neighbours are far apart."""
    mixed = np.full(len(parts[0]), seed + 1, dtype=np.uint64)
    for part in parts:
        mixed = (mixed ^ part) + _SPREAD
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed

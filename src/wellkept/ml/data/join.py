"""Joins that are right at a point in time: for each row of the entity, the newest row of a source that was known then.

A source's row has two moments: the one that it is about (``at``) and the one from which on it was known (``known``). At
T the rows with ``at <= T`` and ``known <= T`` may serve, and of them the one with the greatest ``at`` does; of several
about the same moment the one that was written last, so that corrections count from when they were made.

A row is visible from ``max(at, known)`` on. In the order of that moment the best row so far is a running maximum of the
rows' ranks, key by key, and what serves at T is read off at the last position that is visible then: two sorts and one
search, however often values were corrected or came late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ml.data.moments import NEVER, Micros

Codes = NDArray[np.int64]
NONE = -1
"""Where no row serves, and the code of a key that is null."""
WIDEST = 1 << 62


@dataclass(frozen=True, slots=True)
class Events:
    """Rows of a source, int64[n] each: the code of the key, the moment, and when it was known (None: at its moment).

    Of rows that are alike in all three, the last one wins.
    """

    code: Codes
    at: Micros
    known: Micros | None = None


def latest_known(
    code: Codes, when: Micros, events: Events, delay: int = 0, ttl: int | None = None
) -> NDArray[np.int64]:
    """For each (code, when) the index of the event that serves, or ``NONE``.

    Args:
        code: the key of each row, int64[m]; ``NONE`` matches nothing.
        when: the moment of each row in microseconds, int64[m].
        events: of the source. An event without a moment, or known at no moment, serves nobody.
        delay: no event is known earlier than so many microseconds after its moment.
        ttl: an event that is older than this serves nobody.
    """
    seen = np.where(events.at == NEVER, NEVER, events.at + delay)
    if events.known is not None:
        seen = np.maximum(seen, events.known)
    place, mine, theirs = _asked_for(code, when, events.code, seen)
    if not len(place):
        return np.full(len(code), NONE, dtype=np.int64)
    order = np.argsort(theirs, kind="stable")
    best = place[_best_so_far(events, place, order, delay)]
    position = _last_at(theirs[order], mine)
    found = _same(code, events.code, np.where(position >= 0, best[np.maximum(position, 0)], NONE))
    if ttl is not None:
        there = np.flatnonzero(found != NONE)
        old = when[there] - events.at[found[there]] > ttl
        found[there[old]] = NONE
    return found


def first_after(code: Codes, when: Micros, events: Events, within: int) -> NDArray[np.int64]:
    """For each (code, when) the index of the first event in ``(when, when + within]``, or ``NONE``."""
    place, mine, theirs = _asked_for(code, when, events.code, events.at)
    if not len(place):
        return np.full(len(code), NONE, dtype=np.int64)
    order = np.argsort(theirs, kind="stable")
    position = _last_at(theirs[order], mine) + 1
    after = place[order[np.minimum(position, len(place) - 1)]]
    found = _same(code, events.code, np.where(position < len(place), after, NONE))
    there = np.flatnonzero(found != NONE)
    late = events.at[found[there]] - when[there] > within
    found[there[late]] = NONE
    return found


def codes(
    mine: Sequence[pa.ChunkedArray], theirs: Sequence[pa.ChunkedArray], names: Sequence[str]
) -> tuple[Codes, Codes]:
    """One number a key, the same on both sides where all columns are equal; ``NONE`` where one is null or NaN.

    Raises:
        InputError: the two sides of a key are of types that are never equal.
    """
    count, total = len(mine[0]), len(mine[0]) + len(theirs[0])
    whole, null = np.zeros(total, dtype=np.int64), np.zeros(total, dtype=np.bool_)
    for left, right, name in zip(mine, theirs, names, strict=True):
        part, absent, size = _numbered(_joint(left, right, name))
        if int(whole.max(initial=0)) + 1 > WIDEST // size:
            whole = np.unique(whole, return_inverse=True)[1].astype(np.int64)
        whole, null = whole * size + part, null | absent
    if int(whole.max(initial=0)) >= total:
        whole = np.unique(whole, return_inverse=True)[1].astype(np.int64)
    whole[null] = NONE
    return whole[:count], whole[count:]


def _joint(left: pa.ChunkedArray, right: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Both sides as one column: numbers that are whole as int64, others as texts or as they are."""
    sides = [_plain(side, name) for side in (left, right)]
    kinds = {side.type for side in sides if not pa.types.is_null(side.type)}
    if len(kinds) > 1:
        words = " and ".join(sorted(str(kind) for kind in kinds))
        raise InputError(f"key {name}", "must be of one type on both sides; cast one of them", words)
    kind = kinds.pop() if kinds else pa.int64()
    chunks = [chunk for side in sides for chunk in side.cast(kind).chunks]
    return pa.chunked_array(chunks, kind)


def _plain(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type), name)
    if pa.types.is_integer(kind):
        return column.cast(pa.int64())
    if pa.types.is_floating(kind):
        try:
            return pa.chunked_array([pa.array(column.to_numpy(zero_copy_only=False), from_pandas=True)]).cast(
                pa.int64()
            )
        except pa.ArrowInvalid:
            raise InputError(f"key {name}", "must be whole numbers or texts", str(kind)) from None
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    return column


def _numbered(column: pa.ChunkedArray) -> tuple[Codes, NDArray[np.bool_], int]:
    """The place of each value among the distinct ones, which are null, and how many there are (at least 1)."""
    indices = pa.chunked_array([chunk.indices for chunk in column.dictionary_encode().chunks], pa.int32())
    null = np.asarray(indices.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)
    found = indices.fill_null(0).to_numpy().astype(np.int64)
    return found, null, int(found.max(initial=0)) + 1


def _asked_for(code: Codes, when: Micros, theirs: Codes, at: Micros) -> tuple[NDArray[np.int64], Codes, Codes]:
    """The places of the events that may serve at all, and the lines on which rows and events lie (see ``_lines``)."""
    wanted = np.zeros(int(max(code.max(initial=0), theirs.max(initial=0))) + 1, dtype=np.bool_)
    wanted[code[code != NONE]] = True
    place = np.flatnonzero((theirs != NONE) & (at != NEVER) & wanted[theirs])
    return place, *_lines(code, when, theirs[place], at[place])


def _lines(code: Codes, when: Micros, theirs: Codes, at: Micros) -> tuple[Codes, Codes]:
    """(code, moment) as one number that orders like the pair, for both sides.

    Moments are counted in their greatest common step from the first one; where that is too fine to lie beside the code
    in 62 bits, their ranks among each other stand for them.
    """
    if not len(when) or not len(at):
        return np.zeros(len(when), np.int64), np.zeros(len(at), np.int64)
    first = min(int(when.min()), int(at.min()))
    mine, yours = when - first, at - first
    step = max(1, int(np.gcd(np.gcd.reduce(mine), np.gcd.reduce(yours))))
    widest = int(max(code.max(), theirs.max())) + 2
    if (max(int(mine.max()), int(yours.max())) // step + 1) * widest < WIDEST:
        mine, yours = mine // step, yours // step
    else:
        ranks = np.unique(np.concatenate([mine, yours]), return_inverse=True)[1].astype(np.int64)
        mine, yours = ranks[: len(mine)], ranks[len(mine) :]
    width = max(int(mine.max()), int(yours.max())) + 1
    return (code + 1) * width + mine, (theirs + 1) * width + yours


def _best_so_far(events: Events, place: NDArray[np.int64], order: NDArray[np.int64], delay: int) -> NDArray[np.int64]:
    """In the order of key and visibility: which row (a place in ``place``) is the best of its key up to there."""
    at = events.at[place]
    known = at + delay if events.known is None else events.known[place]
    lined = events.code[place][order]
    later, newer = np.diff(at[order]), np.diff(known[order])
    if bool(np.all((np.diff(lined) > 0) | (later > 0) | ((later == 0) & (newer >= 0)))):
        return order  # nothing came late, so the last one is the best
    by_rank = np.lexsort((known, at))
    rank = np.empty(len(by_rank), dtype=np.int64)
    rank[by_rank] = np.arange(len(by_rank))
    segment = np.cumsum(np.r_[0, np.diff(lined) > 0]) * len(rank)
    return np.asarray(by_rank[np.maximum.accumulate(segment + rank[order]) - segment], dtype=np.int64)


def _last_at(sorted_line: Codes, line: Codes) -> NDArray[np.int64]:
    """For each row the last position whose number is not greater, -1 without one. Sorted rows are found much faster."""
    order = np.argsort(line)
    found = np.empty(len(line), dtype=np.int64)
    found[order] = np.searchsorted(sorted_line, line[order], side="right") - 1
    return found


def _same(code: Codes, theirs: Codes, found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Only what is of the row's own key."""
    there = np.flatnonzero((found != NONE) & (code != NONE))
    own = np.full(len(found), NONE, dtype=np.int64)
    hits = there[theirs[found[there]] == code[there]]
    own[hits] = found[hits]
    return own

"""How a recommender is judged: what could be offered to a user is scored, and what was chosen has a place in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.ml.runtime import Matrix, Scores

SEED = 5
MOST_USERS = 2000
"""Of more users a fixed sample is judged."""

Ids = NDArray[np.int64]
Score = Callable[[Matrix], Scores]


@dataclass(frozen=True, slots=True)
class Choices:
    """Held-out choices of users, sorted by user: parallel arrays. ``seen`` has what a user chose in training."""

    user: Ids
    item: Ids
    seen: Mapping[int, Ids]
    catalogue: Ids
    """What can be offered: the items of the training data, ascending."""
    popular: NDArray[np.float64]
    """How often each of them was chosen."""

    @property
    def offered(self) -> NDArray[np.float64]:
        """How many items could be offered to the user of each choice: float64[n]."""
        found = np.empty(len(self.user))
        for user, rows in _by_user(self.user):
            found[rows] = len(self.catalogue) - len(self.seen[user])
        return found


def choices(trained: pa.Table, held_out: pa.Table, request: Mapping[str, Any]) -> Choices:
    """What was held out, of at most :data:`MOST_USERS` users; a choice that was made before is none to foretell."""
    user, item = (_ids(held_out, request[name]) for name in ("user", "item"))
    seen_user, seen_item = (_ids(trained, request[name]) for name in ("user", "item"))
    catalogue, counts = np.unique(seen_item, return_counts=True)
    users = np.unique(user)
    if len(users) > MOST_USERS:
        users = np.sort(np.random.default_rng(SEED).choice(users, MOST_USERS, replace=False))
    order = np.argsort(seen_user, kind="stable")
    starts = np.searchsorted(seen_user[order], users, side="left")
    ends = np.searchsorted(seen_user[order], users, side="right")
    pairs = zip(users, starts, ends, strict=True)
    seen = {int(one): np.unique(seen_item[order[start:end]]) for one, start, end in pairs}
    pair = np.unique(np.column_stack([user, item])[np.isin(user, users)], axis=0)
    is_new = np.array([not _has(seen[int(one)], place) for one, place in pair], dtype=np.bool_)
    return Choices(pair[is_new, 0], pair[is_new, 1], seen, catalogue, counts.astype(np.float64))


def places(score: Score, what: Choices) -> NDArray[np.float64]:
    """The place (from 1) that a model gives to each held-out choice among what its user has not chosen in training.

    Ties count as half before, so that a model that says the same of everything is no good one. An item that nobody
    chose in training comes after everything.
    """
    found = np.empty(len(what.user))
    for user, rows in _by_user(what.user):
        scores = np.asarray(score(np.column_stack([np.full(len(what.catalogue), user), what.catalogue]).astype(float)))
        found[rows] = _places(scores, what, user, rows)
    return found


def popularity(what: Choices) -> NDArray[np.float64]:
    """The places that everybody's favourites give."""
    found = np.empty(len(what.user))
    for user, rows in _by_user(what.user):
        found[rows] = _places(what.popular, what, user, rows)
    return found


def _places(scores: Scores, what: Choices, user: int, rows: slice) -> NDArray[np.float64]:
    offered = ~np.isin(what.catalogue, what.seen[user], assume_unique=True)
    wanted = np.minimum(np.searchsorted(what.catalogue, what.item[rows]), len(what.catalogue) - 1)
    is_offered = what.catalogue[wanted] == what.item[rows]
    ranked = np.sort(scores[offered])
    own = scores[wanted]
    above = len(ranked) - np.searchsorted(ranked, own, side="right")
    ties = np.searchsorted(ranked, own, side="right") - np.searchsorted(ranked, own, side="left") - 1
    last = float(len(ranked) + 1)
    return np.where(is_offered & np.isfinite(own), above + 1 + ties / 2, last)


def _by_user(user: Ids) -> list[tuple[int, slice]]:
    users, starts = np.unique(user, return_index=True)
    ends = [*starts[1:], len(user)]
    return [(int(one), slice(int(start), int(end))) for one, start, end in zip(users, starts, ends, strict=True)]


def _has(ids: Ids, wanted: int) -> bool:
    place = int(np.searchsorted(ids, wanted))
    return place < len(ids) and bool(ids[place] == wanted)


def _ids(table: pa.Table, name: str) -> Ids:
    return np.asarray(table[name].to_numpy(zero_copy_only=False).astype(np.int64))

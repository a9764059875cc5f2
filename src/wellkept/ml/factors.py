"""A recommender as two tables of vectors: who likes what is the product of a user's and an item's vector.

It needs no pickle (NumPy arrays without objects) and scores a pair in microseconds.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError

Ids = NDArray[np.int64]
Vectors = NDArray[np.float64]
NAMES = ("users", "items", "user_vectors", "item_vectors", "item_bias")


@dataclass(frozen=True, slots=True)
class Factors:
    """``users`` and ``items`` are sorted ids; their vectors are float64[ids, n], ``item_bias`` float64[items].

    A user that nobody knows gets the items' biases alone: what most would like. An item that nobody knows gets the
    lowest score of all.
    """

    users: Ids
    items: Ids
    user_vectors: Vectors
    item_vectors: Vectors
    item_bias: Vectors

    def __post_init__(self) -> None:
        wanted = (len(self.users), self.user_vectors.shape[-1]), (len(self.items), self.user_vectors.shape[-1])
        if (self.user_vectors.shape, self.item_vectors.shape) != wanted or self.item_bias.shape != self.items.shape:
            raise InputError("Factors", "must have one vector an id, all of one length", self.user_vectors.shape)
        if not (_ascends(self.users) and _ascends(self.items)):
            raise InputError("Factors", "must have ids that ascend, each once")

    def predict(self, rows: NDArray[np.float64]) -> Vectors:
        """The score of each pair: float64[n, 2] (user, item) to float64[n]."""
        user, knows_user = _places(self.users, rows[:, 0])
        item, knows_item = _places(self.items, rows[:, 1])
        liked = np.einsum("nv,nv->n", self.user_vectors[user], self.item_vectors[item]) if len(self.users) else 0.0
        lowest = float(self.item_bias.min(initial=0.0)) - 1e3
        known = self.item_bias[item] + np.where(knows_user, liked, 0.0) if len(self.items) else 0.0
        return np.asarray(np.where(knows_item, known, lowest), dtype=np.float64)

    def to_bytes(self) -> bytes:
        """The tables as an archive of arrays."""
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **{name: getattr(self, name) for name in NAMES})
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Factors:
        """The tables from :meth:`to_bytes`.

        Raises:
            InputError: it is no such archive; objects in it are never unpickled.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                found = {name: np.asarray(archive[name]) for name in NAMES}
        except (ValueError, KeyError, OSError, EOFError) as error:
            raise InputError("model.npz", f"must hold the arrays {', '.join(NAMES)}: {error}") from error
        users, items = (found[name].astype(np.int64) for name in NAMES[:2])
        return cls(users, items, *(found[name].astype(np.float64) for name in NAMES[2:]))


def _places(known: Ids, wanted: NDArray[np.float64]) -> tuple[Ids, NDArray[np.bool_]]:
    """Where ids stand, and whether they do; those that do not are given the first place."""
    if len(known) == 0:
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=np.bool_)
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    is_known = known[place] == wanted
    return np.where(is_known, place, 0), np.asarray(is_known)


def _ascends(ids: Ids) -> bool:
    return bool((np.diff(ids) > 0).all())

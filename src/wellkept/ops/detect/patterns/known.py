"""A dictionary of bounded size that forgets what was not asked for lately."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Known(Generic[K, V]):
    """Two generations: when the young one is full it becomes the old one, and what is old and asked for is young again.

    So what was asked for among the last ``most / 2`` different keys is there, at the price of two look-ups and no list.
    """

    def __init__(self, most: int) -> None:
        self._half = max(1, most // 2)
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        found = self._young.get(key)
        if found is None and (found := self._old.pop(key, None)) is not None:
            self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        if len(self._young) >= self._half:
            self.evicted += len(self._old)
            self._old, self._young = self._young, {}
        self._young[key] = value

"""What was read a moment ago, and need not be read again: a look every half minute must not cost a window each time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

REMEMBERED = 2048
PART, LONGEST_S = 288.0, 300.0
"""What is seen of a window is as good as new for this part of it, and for five minutes at most."""


class Recent:
    """Keeps the newest answer to each question; the least lately asked are forgotten."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    def once(self, key: Hashable, at: float, read: Callable[[], T]) -> T:
        """The answer to a question, read anew when ``at`` is not what it was."""
        kept = self._kept.pop(key, None)
        if kept is None or kept[0] != at:
            kept = (at, read())
        self._kept[key] = kept
        while len(self._kept) > REMEMBERED:
            self._kept.pop(next(iter(self._kept)))
        found: T = kept[1]
        return found


def slot(now_s: float, window_s: float) -> float:
    """Which part of a window ``now_s`` is in: what is read of the window once is read once in each."""
    return now_s // min(LONGEST_S, window_s / PART)

"""Findings in lines, one a key, each ordered by onset: which stand right before or after one of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

Order = tuple[float, int, str]
"""Onset in seconds since the epoch, severity (the worst first), id."""


class Lines:
    """Sorted lines by key. Adding and looking up take time logarithmic in the length of one line."""

    def __init__(self) -> None:
        self._lines: dict[str, list[Order]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._lines

    def add(self, key: str, order: Order) -> None:
        line = self._lines.get(key)
        if line is None:
            self._lines[key] = [order]
        elif line[-1] < order:
            line.append(order)
        else:
            insort(line, order)

    def remove(self, key: str, order: Order) -> None:
        line = self._lines.get(key, [])
        at = bisect_left(line, order)
        if at < len(line) and line[at] == order:
            del line[at]
            if not line:
                del self._lines[key]

    def before(self, key: str, order: Order, count: int) -> list[Order]:
        """The ``count`` nearest before ``order``, the nearest last."""
        line = self._lines.get(key)
        if line is None:
            return []
        at = bisect_left(line, order)
        return line[max(at - count, 0) : at]

    def after(self, key: str, order: Order, count: int) -> list[Order]:
        """The ``count`` nearest after ``order``, the nearest first."""
        line = self._lines.get(key)
        if line is None:
            return []
        at = bisect_right(line, order)
        return line[at : at + count]

    def between(self, key: str, low: Order, high: Order) -> list[Order]:
        """Those after ``low`` and before ``high``."""
        line = self._lines.get(key)
        if line is None:
            return []
        return line[bisect_right(line, low) : bisect_left(line, high)]

    def since(self, key: str, start: float, end: Order) -> list[Order]:
        """Those from ``start`` (seconds) on and before ``end``."""
        line = self._lines.get(key)
        if line is None:
            return []
        return line[bisect_left(line, (start, -99, "")) : bisect_left(line, end)]

    def keys(self) -> Iterator[str]:
        return iter(self._lines)

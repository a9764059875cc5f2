"""The moments at which an expression is evaluated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Steps:
    """``count`` moments, ``step_ms`` apart, the first at ``start_ms`` (milliseconds since the epoch)."""

    start_ms: int
    step_ms: int
    count: int

    @classmethod
    def between(cls, start_ms: int, end_ms: int, step_ms: int) -> Steps:
        return cls(start_ms, step_ms, (end_ms - start_ms) // step_ms + 1)

    @classmethod
    def at(cls, moment_ms: int) -> Steps:
        return cls(moment_ms, 1000, 1)

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.step_ms * (self.count - 1)

    @property
    def millis(self) -> NDArray[np.int64]:
        return self.start_ms + self.step_ms * np.arange(self.count, dtype=np.int64)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Seconds since the epoch, which is what ``time()`` gives."""
        return np.asarray(self.millis / 1000, dtype=np.float64)

    def earlier(self, by_ms: int) -> Steps:
        """The same moments, moved towards the past."""
        return Steps(self.start_ms - by_ms, self.step_ms, self.count)

    def within(self, range_ms: int, step_ms: int) -> Steps:
        """The moments at which a subquery looks: multiples of its own step, over the range before each moment."""
        first = (self.start_ms - range_ms) // step_ms + 1
        return Steps(first * step_ms, step_ms, max(0, self.end_ms // step_ms - first + 1))

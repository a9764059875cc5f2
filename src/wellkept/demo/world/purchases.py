"""Purchases as columns: what the world does, whether it was history or is now."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

DAY_S = 20.0
"""A day of the shop lasts this many seconds, so that a month of it fits before lunch."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Purchases:
    """Purchases by time, one array a column, all of one length.

    ``at`` is in seconds since the epoch, ``terminal_age_days`` in days of the shop; ``fraud`` is the truth, which
    nobody in the shop knows yet.
    """

    at: Floats
    card: Ints
    terminal: Ints
    amount: Floats
    card_present: Flags
    terminal_age_days: Floats
    fraud: Flags

    def __len__(self) -> int:
        return len(self.at)

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """All purchases of several parts, by time."""
        columns = [np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)]
        order = np.argsort(columns[0], kind="stable")
        return cls(*(column[order] for column in columns))

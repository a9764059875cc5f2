"""Series that go on under another id: a sender whose library was upgraded speaks of the same thing in another way."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray


def joined(values: NDArray[np.float64], identities: Sequence[Hashable]) -> tuple[NDArray[np.float64], list[int]]:
    """Columns of which one begins where another of the same identity ended, as one; and which columns they are.

    Columns of one identity that were seen side by side stay apart: two scopes of one sender are two. Only in the step
    of the exchange may both have a value, and there the later one counts, which stands for what was joined.
    """
    if len(set(identities)) == len(identities):
        return values, list(range(len(identities)))
    columns: defaultdict[Hashable, list[int]] = defaultdict(list)
    for column, identity in enumerate(identities):
        columns[identity].append(column)
    result, gone = values.copy(), set[int]()
    for alike in columns.values():
        if len(alike) > 1:
            gone.update(_join(result, alike))
    kept = [column for column in range(len(identities)) if column not in gone]
    return result[:, kept], kept


def _join(values: NDArray[np.float64], alike: list[int]) -> list[int]:
    """Join these columns in place; gives those that are part of another now."""
    steps = {column: np.flatnonzero(np.isfinite(values[:, column])) for column in alike}
    order = sorted((column for column in alike if len(steps[column])), key=lambda column: int(steps[column][-1]))
    gone = [column for column in alike if not len(steps[column])]
    for earlier, later in itertools.pairwise(order):
        if steps[earlier][-1] <= steps[later][0] and steps[earlier][-1] < steps[later][-1]:
            fills = ~np.isfinite(values[:, later])
            values[fills, later] = values[fills, earlier]
            gone.append(earlier)
    return gone

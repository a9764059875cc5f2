"""Windows of training data: which rows a training takes, and how much each counts. A back-test chooses among them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Of the contract's window."""
ENOUGH = 1.25
"""A window is another one than the next shorter where the history is so much longer."""

CONTRACT, GROWING, WEIGHTED = "1 x window", "growing", "weighted"
SINCE = "since the change"


@dataclass(frozen=True, slots=True)
class Window:
    """The newest ``seconds`` (None: all of the history), each row weighted by half for every ``half_life_s`` of age."""

    name: str
    seconds: float | None = None
    half_life_s: float | None = None

    def rows(self, time: Floats, until: float) -> tuple[slice, Floats | None]:
        """The rows of sorted times (seconds) before ``until``, and their weights (None: all alike)."""
        end = int(np.searchsorted(time, until))
        start = 0 if self.seconds is None else int(np.searchsorted(time, until - self.seconds))
        if self.half_life_s is None:
            return slice(start, end), None
        return slice(start, end), np.asarray(0.5 ** ((until - time[start:end]) / self.half_life_s))


def candidates(window_s: float, history_s: float, since_s: float | None = None) -> list[Window]:
    """The windows worth a try of a history that long: the contract's first, then sliding, growing and weighted ones.

    ``since_s`` adds what came after a change that began so long ago.
    """
    sliding = [
        Window(f"{length:g} x window", length * window_s)
        for length in sorted(LENGTHS, key=lambda one: one != 1.0)
        if length <= 1.0 or length * window_s * ENOUGH <= history_s
    ]
    found = [*sliding]
    if history_s > ENOUGH * window_s:
        found += [Window(GROWING), Window(WEIGHTED, None, window_s)]
    if since_s is not None and since_s < ENOUGH * window_s:
        found.append(Window(SINCE, since_s))
    return found


def usual(names: Collection[str]) -> str:
    """The window where nothing is known: all of the history, fading by the contract's window, if it is long enough.

    It forgets a changed world as fast as the contract's window does, and has more rows where nothing changes.
    """
    return WEIGHTED if WEIGHTED in names else CONTRACT


def above(values: Mapping[str, Floats], first: str) -> dict[str, list[float]]:
    """What each window scored above the ``first`` on the same parts of rows (higher is better)."""
    found = {name: theirs - values[first] for name, theirs in values.items()}
    return {name: one[np.isfinite(one)].tolist() for name, one in found.items()}


def best(differences: Mapping[str, Sequence[float]], first: str, errors: float = 0.5) -> str:
    """The window whose back-tests are best on the average; the ``first`` keeps a tie.

    ``differences`` are what each window scored above the first on the same rows (higher is better), block by block.
    Another window must be better by so many standard ``errors`` of that.
    """
    found, lead = first, 0.0
    for name, seen in differences.items():
        above = np.asarray(seen, dtype=np.float64)
        above = above[np.isfinite(above)]
        if name == first or not len(above):
            continue
        error = float(above.std(ddof=1) / np.sqrt(len(above))) if len(above) > 1 else 0.0
        if above.mean() > max(lead, errors * error):
            found, lead = name, float(above.mean())
    return found

"""Before against during: one number for each series of a window."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.conventions import CPU_MODES
from wellkept.ops.diagnose.base import Case
from wellkept.store.telemetry.window import Window

Floats = NDArray[np.float64]


def level(window: Window, case: Case, *, during: bool, quantile: float = 0.5) -> Floats:
    """The quantile of every series before or during the trouble: float64[S], NaN where it was not seen."""
    period = case.during if during else case.before
    rows = window.values[period.first : period.last]
    if rows.size == 0:
        return np.full(len(window.series), np.nan)
    ordered = np.sort(rows, axis=0)
    count = np.isfinite(ordered).sum(axis=0)
    at = np.clip(np.round(quantile * (count - 1)), 0, None).astype(np.intp)
    return np.where(count > 0, np.take_along_axis(ordered, at[None, :], axis=0)[0], np.nan)


def quantile(rows: Floats, share: float) -> Floats:
    """A quantile of every column of float64[T, S], NaN left out, between values by their distance: float64[S]."""
    if len(rows) == 0:
        return np.full(rows.shape[1], np.nan)
    ordered = np.sort(rows, axis=0)
    at = share * np.maximum(np.isfinite(ordered).sum(axis=0) - 1, 0)
    low = np.floor(at).astype(np.intp)
    below, above = (np.take_along_axis(ordered, row[None, :], axis=0)[0] for row in (low, np.ceil(at).astype(np.intp)))
    return np.asarray(below + (above - below) * (at - low), dtype=np.float64)


def by_entity(window: Window, name: str) -> dict[str, int]:
    """The column of the series ``name`` for each entity that has one (the lowest series id where several)."""
    found: dict[str, int] = {}
    for column, info in sorted(enumerate(window.series), key=lambda pair: -pair[1].id):
        if info.name == name and info.entity:
            found[info.entity] = column
    return found


def is_idle(attributes: Mapping[str, str]) -> bool:
    """Whether a series of CPU time is of the time in which nothing was done."""
    return any(attributes.get(mode) == "idle" for mode in CPU_MODES)


def squash(value: float, half: float) -> float:
    """A size as a strength in [0, 1): ``half`` gives 0.5; what is not a number or not positive gives 0."""
    return float(value / (value + half)) if np.isfinite(value) and value > 0 else 0.0


RARE, USUAL = 0.01, 0.1


def rarity(times: float, of: int) -> float:
    """How rare something was that was seen so many times of so many: 1 at one in a hundred, 0 at one in ten.

    Of fewer than a hundred, never is the rarest that can be known, and is worth 1.
    """
    share = (times + 1.0) / (of + 1.0)
    rarest = min(max(RARE, 1.0 / (of + 1.0)), 0.5 * USUAL)
    return float(np.clip(np.log(USUAL / share) / np.log(USUAL / rarest), 0.0, 1.0))


def bare(entity: str) -> str:
    """An entity's id without its kind, for sentences."""
    return entity.partition(":")[2]


def seconds(value: float) -> str:
    """A duration for sentences, to two digits below ten of its unit."""
    size, unit = (value, "s") if value >= 1 else (value * 1000, "ms")
    return f"{size:.0f} {unit}" if size >= 10 else f"{size:.2g} {unit}"


def closed(sentence: str) -> str:
    """A sentence that ends with words of somebody else, with its full stop where those have none."""
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."

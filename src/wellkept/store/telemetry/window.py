"""A window: many series on one grid of time, as one array, which is what detectors work on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """What a column of a window is.

    ``unit`` is the unit of the values shown: a counter in ``By`` is shown as a rate in ``By/s``. ``is_delta``: its
    points say what happened since the one before, and where nothing happened there may be none.
    """

    id: int
    name: str
    unit: str
    kind: str
    entity: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    resource_attributes: Mapping[str, str] = field(default_factory=dict)
    is_delta: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """``values[i, j]`` is series ``j`` in the step that ends at ``times[i]``.

    ``times``: float64[T], ends of the steps, seconds since the epoch; a step holds what is at or after its beginning
    and before its end. ``values``: float64[T, S], NaN where nothing was seen. ``series``: S of them. ``warnings``: what
    a reader has to know of it, such as that it is made of coarser values than were once stored.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float64]
    series: tuple[SeriesInfo, ...]
    warnings: tuple[str, ...] = ()

    @property
    def step_s(self) -> float:
        """Length of a step in seconds; 0 for a window of fewer than two steps."""
        return float(self.times[1] - self.times[0]) if len(self.times) > 1 else 0.0


T = TypeVar("T")
_REMEMBERED = 8


def of_series(work: Callable[[tuple[SeriesInfo, ...]], T]) -> Callable[[tuple[SeriesInfo, ...]], T]:
    """Remembers what a function makes of the last few tuples of series that it was asked about.

    For what depends on nothing but which series there are: readers that look again and again hand out the very same
    tuple while those stay the same, and then nothing has to be done for each of many.
    """
    answers: dict[int, tuple[tuple[SeriesInfo, ...], T]] = {}

    @functools.wraps(work)
    def remembered(series: tuple[SeriesInfo, ...]) -> T:
        known = answers.pop(id(series), None)
        if known is None or known[0] is not series:
            known = (series, work(series))
        answers[id(series)] = known  # the newest last
        while len(answers) > _REMEMBERED:
            answers.pop(next(iter(answers)), None)
        return known[1]

    return remembered

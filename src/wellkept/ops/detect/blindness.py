"""Finding blind spots: in the windows, entity by entity, and in what the doors of the platform counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.blind import Cause, Spot
from wellkept.ops.detect.heard import entities_of, heard_by_entity
from wellkept.store.telemetry.window import Window

Mask = NDArray[np.bool_]

STILL = 18
"""Everything must have stood still for so many steps."""
MOVED = 0.5
"""Only series that changed in this share of the steps before count."""
LEAST_SERIES = 3
"""An entity has at least so many of them; fewer may stand still by chance."""
RECENT = 30
"""Gaps are looked for in so many of the newest steps,"""
HEARD, HEARD_BEFORE = 0.6, 0.95
"""of which less than this share came, where before it was at least that share."""
HOLES = 4
"""in so many holes: one or two are an outage or a restart, which is nothing wrong with telemetry."""
SPEAKING = 6
"""An entity that was not heard in the newest steps is silent, which is no gap."""
GONE = 0.5
"""More than this share of an entity's regular series must be gone."""
LASTS_S = 600.0
"""A spot that the doors counted is told for so long after the last time."""


def spots_of(window: Window) -> list[Spot]:
    """Entities that stand still, that come with gaps, and of which most series are gone."""
    total = len(window.times)
    if window.values.size == 0 or total < RECENT + STILL:
        return []
    names, places = entities_of(window.series)
    there = np.isfinite(window.values)
    found = [*_frozen(window, there, names, places), *_gaps(window, names)]
    said = {spot.entity for spot in found}
    return found + [spot for spot in _partly(window, there, names, places) if spot.entity not in said]


def _frozen(window: Window, there: Mask, names: tuple[str, ...], places: NDArray[np.intp]) -> Iterator[Spot]:
    """Entities all of whose moving series repeat one value."""
    values = window.values
    tail = values[-STILL:]
    still = there[-STILL:].all(axis=0) & (tail == tail[-1]).all(axis=0) & (tail[-1] != 0.0)
    if not still.any():
        return
    before, known = values[:-STILL], there[:-STILL]
    both = known[1:] & known[:-1]
    number = both.sum(axis=0)
    changed = ((before[1:] != before[:-1]) & both).sum(axis=0)
    moving = (number >= RECENT) & (changed >= MOVED * number)
    of_moving = np.bincount(places[moving], minlength=len(names))
    of_still = np.bincount(places[moving & still], minlength=len(names))
    for place in np.flatnonzero((of_moving >= LEAST_SERIES) & (of_still == of_moving)).tolist():
        if not names[place]:
            continue
        mine = np.flatnonzero((places == place) & moving)
        same = (values[:, mine] == values[-1, mine]).all(axis=1)
        since = len(same) - int(np.argmin(same[::-1])) if not same.all() else 0
        what = f"all {len(mine)} of its series that used to move repeat their last values"
        yield Spot(names[place], Cause.FROZEN, float(window.times[since] - window.step_s), what)


def _gaps(window: Window, names: tuple[str, ...]) -> Iterator[Spot]:
    """Entities that came in nearly every step, and of late do not."""
    _, heard = heard_by_entity(window)
    first = np.argmax(heard, axis=1)
    known = len(window.times) - RECENT - first
    before = heard[:, :-RECENT].sum(axis=1)
    share = heard[:, -RECENT:].mean(axis=1)
    regular = (known >= RECENT) & (before >= HEARD_BEFORE * known)
    speaks = heard[:, -SPEAKING:].any(axis=1)
    ends = (heard[:, -RECENT:-1] & ~heard[:, -RECENT + 1 :]).sum(axis=1)
    for place in np.flatnonzero(regular & speaks & (share < HEARD) & (ends >= HOLES)).tolist():
        if names[place]:
            missed = np.flatnonzero(~heard[place, -RECENT:])
            since = len(window.times) - RECENT + int(missed[0])
            what = f"only {share[place]:.0%} of the last {RECENT} steps came, where nearly all did before"
            yield Spot(
                names[place], Cause.GAPS, float(window.times[since] - window.step_s), what, 1.0 - float(share[place])
            )


def _partly(window: Window, there: Mask, names: tuple[str, ...], places: NDArray[np.intp]) -> Iterator[Spot]:
    """Entities that still speak, without most of their series."""
    known = there[:-RECENT].sum(axis=0)
    regular = known >= 0.7 * np.maximum(len(window.times) - RECENT, 1)
    gone = regular & ~there[-RECENT:].any(axis=0)
    if not gone.any():
        return
    of_regular = np.bincount(places[regular], minlength=len(names))
    of_gone = np.bincount(places[gone], minlength=len(names))
    most = (of_gone >= LEAST_SERIES) & (of_gone > GONE * of_regular) & (of_gone < of_regular)
    for place in np.flatnonzero(most).tolist():
        if names[place]:
            share = float(of_gone[place] / of_regular[place])
            what = f"{of_gone[place]} of {of_regular[place]} of its series do not come any more"
            yield Spot(names[place], Cause.PARTLY, float(window.times[-RECENT] - window.step_s), what, share)


Counted = Callable[[], Mapping[str, Any]]
"""What the doors of the platform have counted since the start: ``refused``, ``skew`` and ``duplicates``."""


class Doors:
    """Tells from counts that grow that something is wrong with what comes in. Remembers the counts of the last look."""

    def __init__(self, counted: Counted | None = None) -> None:
        self._counted = counted
        self._before: dict[tuple[Cause, str], float] | None = None
        self._open: dict[tuple[Cause, str], tuple[float, float, float]] = {}

    def spots(self, now_s: float) -> list[Spot]:
        """What grew lately. The first look only remembers, for a start may have to catch up."""
        if self._counted is None:
            return []
        counts = _counts(self._counted())
        before, self._before = self._before, counts
        if before is None:
            return []
        for key, count in counts.items():
            more = count - before.get(key, 0.0)
            if more > 0:
                since, _, so_far = self._open.get(key, (now_s, now_s, 0.0))
                self._open[key] = (since, now_s, so_far + more)
        self._open = {key: told for key, told in self._open.items() if now_s - told[1] < LASTS_S}
        return [_spot(cause, limit, *told) for (cause, limit), told in sorted(self._open.items())]


def _counts(status: Mapping[str, Any]) -> dict[tuple[Cause, str], float]:
    skew = status.get("skew", {})
    found = {(Cause.CROWDED, limit): float(count) for limit, count in status.get("refused", {}).items()}
    found[Cause.SKEW, ""] = float(skew.get("points_ahead", 0))
    found[Cause.LATE, ""] = float(skew.get("points_too_late", 0) + skew.get("points_too_early", 0))
    found[Cause.REPEATS, ""] = float(status.get("duplicates", 0))
    return found


_WORDS = {
    Cause.CROWDED: "{count:.0f} new series were refused by the limit {limit}",
    Cause.SKEW: "{count:.0f} points came from the future: the clock of a sender is ahead",
    Cause.LATE: "{count:.0f} points were refused because their times are out of bounds",
    Cause.REPEATS: "{count:.0f} requests came again that had been stored already",
}


def _spot(cause: Cause, limit: str, since_s: float, _: float, count: float) -> Spot:
    what = _WORDS[cause].format(count=count, limit=limit)
    return Spot("", cause, since_s, what, is_loss=cause is Cause.CROWDED, detail=limit)

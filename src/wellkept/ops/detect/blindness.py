"""Finding blind spots: in the windows, entity by entity, and in what the doors of the platform counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Evidence
from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.blind import Cause, Spot
from wellkept.ops.detect.catalogue import duration
from wellkept.ops.detect.heard import entities_of, heard_by_entity
from wellkept.ops.detect.signals import moment
from wellkept.ops.detect.words import clock
from wellkept.spine.pauses import Pause
from wellkept.store.telemetry.window import Window

Mask = NDArray[np.bool_]

STILL = 15
"""Everything must have stood still for so many steps: as many as are told of one value, which is kept quiet by this."""
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
LASTS_REFUSED_S = 900.0
"""The same of refused series: those that go on coming are counted anew every ten minutes, and not in between."""
VALUE = "value"
"""What evidence calls the value at which a series stands still."""
MOST_KEPT = 8
"""By the values of so many series a freeze is known again."""
MOST_NAMED = 20
"""Where the clocks of more than so many are a little ahead, it is told of all of them at once."""


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
        kept = tuple(_still(window, column) for column in mine[:MOST_KEPT].tolist())
        began = float(window.times[since] - window.step_s)
        yield Spot(names[place], Cause.FROZEN, began, what, series=len(mine), evidence=kept)


def _still(window: Window, column: int) -> Evidence:
    """A series that stands still, and at what."""
    info = window.series[column]
    own = dict(sorted(info.attributes.items()))
    return Evidence(info.name, own, info.unit, values={VALUE: float(window.values[-1, column])})


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
            began = float(window.times[since] - window.step_s)
            yield Spot(names[place], Cause.GAPS, began, only(float(share[place])), 1.0 - float(share[place]))


def hiding(now_s: float, pauses: Sequence[Pause], settings: DetectSettings) -> Sequence[Pause]:
    """The pauses for which nobody's silence is told yet. What is shorter than a silence that is worth a finding hides
    none: where such pauses come again and again, nothing would be told of anybody.
    """
    shortest_s = settings.missing_steps * settings.step_s
    return [one for one in pauses if one.lasted_s >= shortest_s and now_s - one.end_s < settings.grace_s]


def paused_at(now_s: float, pauses: Sequence[Pause], settings: DetectSettings) -> Iterator[Spot]:
    """That the platform itself was not at work, for as long as nobody's silence is told for it."""
    if late := hiding(now_s, pauses, settings):
        start_s, end_s = late[-1].start_s, late[-1].end_s
        lasted, until = duration(end_s - start_s), clock(moment(end_s), moment(now_s))
        what = f"it was not at work itself for {lasted}, until {until}, and nobody's silence in that time is told"
        yield Spot("", Cause.PAUSE, start_s, what, detail=f"{start_s:.0f}")


def only(share: float) -> str:
    """How much came of late, where there are gaps."""
    return f"only {share:.0%} of the last {RECENT} steps came, where nearly all did before"


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
            since_s, count = float(window.times[-RECENT] - window.step_s), int(of_gone[place])
            yield Spot(names[place], Cause.PARTLY, since_s, what, share, series=count)


Counted = Callable[[], Mapping[str, Any]]
"""What the doors of the platform have counted since the start: ``refused``, ``skew``, ``duplicates``, and of whom that
is in ``odd`` (``store.telemetry.points.senders.Odd``)."""
Key = tuple[Cause, str, str, str]
"""Cause, entity, limit and metric; empty where there is none, or it is not known."""


@dataclass(frozen=True, slots=True)
class _Told:
    """Since when something is counted, when it was last, and how much."""

    since_s: float
    last_s: float
    count: float


class Doors:
    """Tells from counts that grow that something is wrong with what comes in. Remembers the counts of the last look.

    ``far_s``: a clock that is so far ahead leaves a silence behind that would be worth a finding.
    """

    def __init__(self, counted: Counted | None = None, far_s: float = 60.0) -> None:
        self._counted, self._far_s = counted, far_s
        self._before: dict[Key, float] | None = None
        self._open: dict[Key, _Told] = {}

    def spots(self, now_s: float) -> list[Spot]:
        """What grew lately. The first look only remembers, for a start may have to catch up."""
        if self._counted is None:
            return []
        status = self._counted()
        counts = _counts(status)
        before, self._before = self._before, counts
        if before is None:
            return []
        for key, count in counts.items():
            more = count - before.get(key, 0.0)
            if more > 0:
                known = self._open.get(key, _Told(now_s, now_s, 0.0))
                self._open[key] = _Told(known.since_s, now_s, known.count + more)
        self._open = {key: told for key, told in self._open.items() if now_s - told.last_s < _lasts_s(key[0])}
        ahead = {entity: float(seconds) for entity, (_, seconds) in status.get("odd", {}).get("ahead", {}).items()}
        return self._spots(ahead)

    def _spots(self, ahead: Mapping[str, float]) -> list[Spot]:
        """One for each cause, entity and limit; of clocks that are a little ahead, one of all where there are many."""
        groups: dict[tuple[Cause, str, str], dict[str, _Told]] = {}
        little = [key[1] for key in self._open if key[0] is Cause.SKEW and ahead.get(key[1], 0.0) < self._far_s]
        is_crowd = len(little) > MOST_NAMED
        for (cause, entity, limit, metric), told in sorted(self._open.items()):
            is_far = cause is Cause.SKEW and ahead.get(entity, 0.0) >= self._far_s
            whose = "" if cause is Cause.SKEW and is_crowd and not is_far else entity
            groups.setdefault((cause, whose, limit), {})[metric or entity] = told
        return [self._spot(*of, told, ahead) for of, told in groups.items()]

    def _spot(
        self, cause: Cause, entity: str, limit: str, told: Mapping[str, _Told], ahead: Mapping[str, float]
    ) -> Spot:
        lead = max((ahead.get(one, 0.0) for one in (told if cause is Cause.SKEW else ())), default=0.0)
        metrics = sorted((one for one in told if one), key=lambda one: (-told[one].count, one))
        others = f" and {len(metrics) - 1} more" if len(metrics) > 1 else ""
        whose = f"its clock is {duration(lead)} ahead" if entity else "the clock of a sender is ahead"
        if len(told) > 1:
            whose = f"the clocks of {len(told)} senders are up to {duration(lead)} ahead"
        count = sum(one.count for one in told.values())
        what = _WORDS[cause].format(
            count=count,
            s="" if count == 1 else "s",
            were="was" if count == 1 else "were",
            limit=limit,
            metric=f" of metric {metrics[0]}{others}" if metrics else "",
            whose=whose,
        )
        since_s = min(one.since_s for one in told.values())
        is_far = bool(entity) and cause is Cause.SKEW and lead >= self._far_s
        return Spot(entity, cause, since_s, what, is_loss=cause is Cause.CROWDED, detail=limit, is_far=is_far)


def _counts(status: Mapping[str, Any]) -> dict[Key, float]:
    """By whose it is; what has no name is of nobody."""
    skew, odd = status.get("skew", {}), status.get("odd", {})
    named: dict[Key, float] = {(Cause.SKEW, one, "", ""): count for one, (count, _) in odd.get("ahead", {}).items()}
    named |= {(Cause.LATE, one, "", ""): count for one, count in odd.get("untimely", {}).items()}
    named |= {
        (Cause.CROWDED, of, limit, metric): count for (limit, metric, of), count in odd.get("crowded", {}).items()
    }
    whole = {(Cause.CROWDED, "", limit, ""): float(count) for limit, count in status.get("refused", {}).items()}
    whole[Cause.SKEW, "", "", ""] = float(skew.get("points_ahead", 0))
    whole[Cause.LATE, "", "", ""] = float(skew.get("points_too_late", 0) + skew.get("points_too_early", 0))
    whole[Cause.REPEATS, "", "", ""] = float(status.get("duplicates", 0))
    for (cause, _, limit, _), count in named.items():
        whole[cause, "", limit, ""] -= count
    return named | whole


def _lasts_s(cause: Cause) -> float:
    return LASTS_REFUSED_S if cause is Cause.CROWDED else LASTS_S


_WORDS = {
    Cause.CROWDED: "{count:.0f} new series{metric} {were} refused by the limit {limit}",
    Cause.SKEW: "{count:.0f} point{s} came from the future: {whose}",
    Cause.LATE: "{count:.0f} point{s} {were} refused for times that are out of bounds",
    Cause.REPEATS: "{count:.0f} request{s} came again that had been stored already",
}

"""Label storm: many times as many labels at once, or predictions labelled again that had their label."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from wellkept.ml.storms import AGAIN, FEWEST, SELDOM, TIMES
from wellkept.ml.watch.base import Said, Seen, Served
from wellkept.ml.watch.saying import Trouble, clock, judged

REMEMBERED = 12
"""Slices (one window of performance) for which a storm is told: so long its labels are what is judged by."""
BEFORE = 6
SIGNAL = "label_storm"


class LabelStorm:
    """Labels that came in each slice, against all slices before it."""

    name = "labelstorm"
    version = "2"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        if served.seen is None:
            return Said()
        storms = _storms(served.seen)
        trouble = _trouble(served, served.seen, storms) if len(storms) else None
        return judged(self, served, [("", SIGNAL, trouble)])


def _storms(seen: Seen) -> np.ndarray:
    """The slices of the newest that are storms, each judged by the calm ones before it."""
    labels, again = seen.feed.labels, seen.feed.again
    found: list[int] = []
    for place in range(BEFORE, len(labels)):
        calm = np.setdiff1d(np.arange(place), found)
        active = calm[labels[calm] > 0]
        if labels[place] * seen.feed.part < FEWEST or len(active) < BEFORE:
            continue
        is_flood = labels[place] >= TIMES * labels[active].max()
        seldom = again[active].sum() <= SELDOM * labels[active].sum()
        if is_flood or (seldom and again[place] >= AGAIN * labels[place]):
            found.append(place)
    return np.asarray([place for place in found if place >= len(labels) - REMEMBERED], dtype=np.int64)


def _trouble(served: Served, seen: Seen, storms: np.ndarray) -> Trouble:
    feed, place, last = seen.feed, int(storms[0]), int(storms[-1])
    before = feed.labels[:place][feed.labels[:place] > 0]
    count, usual = float(feed.labels[place:].max()) * feed.part, float(np.median(before)) * feed.part
    share = float(feed.again[place:].sum()) / max(float(feed.labels[place:].sum()), 1.0)
    step = float(feed.times[1] - feed.times[0])
    words = f"; {share:.0%} of them are of predictions that have several labels" if share >= SELDOM else ""
    return Trouble(
        signal=SIGNAL,
        cause="label_storm",
        sentence=f"{count:.0f} labels of {served.model} came within {step:.0f} s since "
        f"{clock(float(feed.times[place]) - step)}, {usual:.0f} is usual{words}. Look at where they come from before "
        "the performance since then is believed.",
        title=f"A storm of labels of {served.model}",
        starts=float(feed.times[place]) - step,
        score=1 - usual / max(count, 1.0),
        meaning="what the usual number of labels lacks to that of the storm, as a part of it",
        values={"labels": count, "usual": usual, "again": share},
        limit=TIMES * usual,
        until=float(feed.times[last]),
    )

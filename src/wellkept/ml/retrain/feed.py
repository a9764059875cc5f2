"""Whether labels come as they used to, at the moment at which a retrain is wanted.

Monitors tell a broken feed when it is certain, from whole slices. A retrain can wait: nothing is lost by that, and it
would lack the newest labels, or learn what a storm brought in the last hours.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from wellkept.ml.storms import AGAIN, FEWEST, SELDOM, TIMES
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.labelfeed import LabelFeed

SLICES, WINDOWS = 192, 4
"""Labels are looked at over so many windows of performance, in so many slices."""
FEW = 6
"""Of a feed that came in fewer slices nobody knows how it usually comes."""
NEWEST = 5
"""So many slices are judged by those before them."""


def grid_of(window_s: float, now: datetime) -> Grid:
    """The slices up to now; the last one has not ended."""
    step_s = WINDOWS * window_s / SLICES
    end = (now.timestamp() // step_s + 1) * step_s
    return Grid(round((end - SLICES * step_s) * 1000), round(end * 1000), round(step_s * 1000))


def doubt(feed: LabelFeed) -> tuple[str, str]:
    """Why to wait, in a word and in a sentence; empty where labels come as ever, or too few to know."""
    return _storm(feed) or _late(feed) or ("", "")


def _late(feed: LabelFeed) -> tuple[str, str] | None:
    """None has come for longer than in any pause before, though predictions go on. The last slice has not ended."""
    labels = feed.labels[:-1] if not feed.labels[-1] else feed.labels
    active = np.flatnonzero(labels)
    if len(active) < FEW:
        return None
    last = int(active[-1])
    quiet, longest = len(labels) - 1 - last, int(np.diff(active).max())
    if quiet <= longest or not feed.made[last:].any():
        return None
    usual = f"a pause of {longest * _step_s(feed) / 3600:.3g} h was the longest before"
    return "labels late", f"Held until labels come again: none has come since {_clock(feed, last)}, and {usual}."


def _storm(feed: LabelFeed) -> tuple[str, str] | None:
    """The newest are many times as many as ever, or are told of predictions that had their label."""
    before, newest = slice(None, -NEWEST), slice(-NEWEST, None)
    labels, again = feed.labels, feed.again
    if np.count_nonzero(labels[before]) < FEW or labels[newest].max() * feed.part < FEWEST:
        return None
    is_flood = labels[newest].max() >= TIMES * labels[before].max()
    is_seldom = again[before].sum() <= SELDOM * labels[before].sum()
    if not (is_flood or (is_seldom and again[newest].sum() >= AGAIN * labels[newest].sum())):
        return None
    count, most = (int(labels[part].max()) * feed.part for part in (newest, before))
    share = float(again[newest].sum() / labels[newest].sum())
    told = f"{count} came within {_step_s(feed) / 3600:.3g} h, {most} at most before"
    return "labels storm", f"Held until the labels are understood: {told}; {share:.0%} are of predictions with several."


def _step_s(feed: LabelFeed) -> float:
    return float(feed.times[1] - feed.times[0])


def _clock(feed: LabelFeed, place: int) -> str:
    return f"{datetime.fromtimestamp(float(feed.times[place]), UTC):%Y-%m-%d %H:%M} UTC"

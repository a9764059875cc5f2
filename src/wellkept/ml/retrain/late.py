"""Labels that are late: their feed has paused for longer than ever, but not yet long enough to be told as broken.

A retrain waits for them: nothing is lost by that, and it would lack just the newest ones.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.labelfeed import LabelFeed

SLICES, WINDOWS = 192, 4
"""Labels are looked at over so many windows of performance, in so many slices."""
FEW = 6
"""Of a feed that came in fewer slices nobody knows how it usually comes."""


def grid_of(window_s: float, now: datetime) -> Grid:
    """The slices that have ended by now."""
    step_s = WINDOWS * window_s / SLICES
    end = now.timestamp() // step_s * step_s
    return Grid(round((end - SLICES * step_s) * 1000), round(end * 1000), round(step_s * 1000))


def late(feed: LabelFeed) -> str:
    """Why to wait; empty where labels come as they used to, and where nothing is predicted that could get one."""
    active = np.flatnonzero(feed.labels)
    if len(active) < FEW:
        return ""
    last = int(active[-1])
    quiet, longest = len(feed.labels) - 1 - last, int(np.diff(active).max())
    if quiet <= longest or not feed.made[last:].any():
        return ""
    step_s = float(feed.times[1] - feed.times[0])
    since = f"{datetime.fromtimestamp(float(feed.times[last]), UTC):%Y-%m-%d %H:%M} UTC"
    usual = f"a pause of {longest * step_s / 3600:.3g} h was the longest before"
    return f"Held until labels come again: none has come since {since}, and {usual}."

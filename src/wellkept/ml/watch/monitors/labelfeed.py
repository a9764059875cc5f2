"""Label feed: predictions go on, and their labels do not come any more, or only a part of them."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from wellkept.kernel.finding import Severity
from wellkept.ml.watch.base import Said, Seen, Served
from wellkept.ml.watch.rhythm import quiet_since
from wellkept.ml.watch.saying import Trouble, clock, finding, print_of
from wellkept.ml.watch.shapes import z_of

LOST = 0.5
"""The share of labels that come in time has fallen by this part of it."""
SURE = 6.0
"""Standard deviations: once in 10 ** 9 looks where nothing has changed."""
RARE = 0.02
"""A feed that labels less than this share of the predictions is judged by its silence alone."""
FEWEST = 200
SIGNAL = "label_feed"


class LabelFeedMonitor:
    """Arrivals of labels against their own rhythm, and cohorts against older ones of the same age.

    Silence counts when it is several times as long as any pause before, so that a weekly batch is given its week.
    Cohorts are compared by what had come within the contract's delay, so that labels that are merely late to come are
    not missed. Without predictions no labels are due, and nothing is said.
    """

    name = "labelfeed"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        seen = served.seen
        if seen is None or not seen.feed.made.any():
            return Said()
        print_ = print_of(self, served, "", SIGNAL)
        trouble = _silent(served, seen) or _partial(served, seen)
        if trouble is not None:
            return Said((finding(self, served, trouble),))
        if print_ in served.open and not seen.feed.labels[-3:].any():
            return Said((served.open[print_],))
        return Said(clear=frozenset({print_}))


def _silent(served: Served, seen: Seen) -> Trouble | None:
    feed = seen.feed
    since = quiet_since(feed.labels)
    delay = _delay_slices(served, seen)
    if since < 0 or not feed.made[since + 1 :].any():
        return None
    # Of a delay that is longer than what is looked at nobody can say which predictions are due: then all are.
    due = feed.made[max(0, since - delay) : len(feed.made) - delay] if delay < len(feed.made) else feed.made
    if not due.any():
        return None
    usual = float(feed.labels[: since + 1].sum()) * feed.part / (since + 1)
    return Trouble(
        signal=SIGNAL,
        cause="label_feed",
        sentence=f"No label of {served.model} has come since {clock(float(feed.times[since]))}, though predictions go "
        f"on and their labels are due; about {usual * (since + 1):.0f} came in the time before. Performance cannot be "
        "known until they come again.",
        title=f"Labels of {served.model} have stopped",
        starts=float(feed.times[since]),
        score=1.0,
        meaning="1: no labels at all",
        severity=Severity.ERROR,
        values={"quiet_s": float(feed.times[-1] - feed.times[since])},
    )


def _partial(served: Served, seen: Seen) -> Trouble | None:
    feed, delay = seen.feed, _delay_slices(served, seen)
    made, labelled = feed.made[: len(feed.made) - delay], feed.in_time[: len(feed.made) - delay]
    if delay >= len(feed.made) or len(made) < 8:
        return None
    recent = len(made) // 4
    rows, before = float(made[-recent:].sum()), float(made[:-recent].sum())
    if min(rows, before) < FEWEST:
        return None
    share, usual = float(labelled[-recent:].sum()) / rows, float(labelled[:-recent].sum()) / before
    if usual < RARE or share > (1 - LOST) * usual or z_of(share, rows, usual, before) < SURE:
        return None
    starts = float(feed.times[len(made) - recent - 1])
    return Trouble(
        signal=SIGNAL,
        cause="label_feed",
        sentence=f"{share:.1%} of the predictions that {served.model} made after {clock(starts)} got their label in "
        f"time; {usual:.1%} did before, at the same age. What is known of its performance may be of a part alone.",
        title=f"Labels of {served.model} are missing",
        starts=starts,
        score=1 - share / usual,
        meaning="the part of the usual labels that is missing",
        values={"share": share, "usual": usual},
        limit=(1 - LOST) * usual,
    )


def _delay_slices(served: Served, seen: Seen) -> int:
    """Whole slices that predictions must be old for their label to be due."""
    step = float(seen.feed.times[1] - seen.feed.times[0]) if len(seen.feed.times) > 1 else 1.0
    return int(np.ceil(served.contract.label.delay_s / step))

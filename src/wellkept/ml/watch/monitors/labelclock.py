"""Label clock: labels that were known before the prediction was made, or that will be known in the future."""

from __future__ import annotations

from datetime import datetime

from wellkept.ml.watch.base import Said, Served
from wellkept.ml.watch.saying import Trouble, clock, judged

SHARE, FEWEST = 0.05, 20
"""From this share and number of labels on. Where clocks are right there are none (a minute is allowed for)."""
NEWEST = 12
SIGNAL = "label_clock"


class LabelClock:
    """What labels say of when they became known, beside when they came and when the prediction was made.

    A label that claims to be from the future is left out of what was known until then, and one that is older than its
    prediction cannot be its truth.
    """

    name = "labelclock"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        seen = served.seen
        if seen is None:
            return Said()
        feed = seen.feed
        labels, early, ahead = (int(counts[-NEWEST:].sum()) for counts in (feed.labels, feed.early, feed.ahead))
        if not labels:
            return Said()
        share = (early + ahead) / labels
        if (early + ahead) * feed.part < FEWEST or share < SHARE:
            return judged(self, served, [("", SIGNAL, None)])
        wrong = (feed.early + feed.ahead)[-NEWEST:]
        first = len(feed.times) - len(wrong) + int((wrong > 0).argmax())
        starts = float(feed.times[first] - (feed.times[1] - feed.times[0]))
        words = [f"{early / labels:.0%} before their prediction was made"] if early else []
        words += [f"{ahead / labels:.0%} in the future"] if ahead else []
        trouble = Trouble(
            signal=SIGNAL,
            cause="label_clock",
            sentence=f"Labels of {served.model} that came since {clock(starts)} say that they became known "
            f"{' and '.join(words)}: a clock is wrong, or a time zone. Those of the future count when it has come.",
            title=f"Labels of {served.model} have a wrong time",
            starts=starts,
            score=share,
            meaning="the share of labels with an impossible time",
            values={"early": early / labels, "ahead": ahead / labels},
            limit=SHARE,
        )
        return judged(self, served, [("", SIGNAL, trouble)])

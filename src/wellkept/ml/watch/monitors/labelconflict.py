"""Contradictory labels: predictions that were labelled otherwise before."""

from __future__ import annotations

from datetime import datetime

from wellkept.ml.watch.base import Said, Served
from wellkept.ml.watch.saying import Trouble, clock, judged
from wellkept.ml.watch.shapes import z_of

SHARE, FEWEST = 0.05, 20
SURE = 6.0
"""Standard deviations above what was usual before: once in 10 ** 9 looks where nothing has changed."""
RELABELLED = 0.5
"""From here on it is a storm, which is told by another monitor."""
NEWEST = 12
SIGNAL = "label_conflict"


class LabelConflict:
    """The share of labels of predictions with labels that differ; the newest label counts, and they are counted here.

    Corrections are usual where labels become known step by step: what counts is a rise above the usual share.
    """

    name = "labelconflict"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        seen = served.seen
        if seen is None:
            return Said()
        feed = seen.feed
        labels, wrong, again = (int(counts[-NEWEST:].sum()) for counts in (feed.labels, feed.contradictory, feed.again))
        older, wrong_before = int(feed.labels[:-NEWEST].sum()), int(feed.contradictory[:-NEWEST].sum())
        if not labels:
            return Said()
        share, usual = wrong / labels, wrong_before / max(older, 1)
        is_sure = z_of(share, labels, usual, max(older, labels)) >= SURE
        if wrong * feed.part < FEWEST or share - usual < SHARE or not is_sure or again >= RELABELLED * labels:
            return judged(self, served, [("", SIGNAL, None)])
        starts = float(feed.times[-NEWEST])
        trouble = Trouble(
            signal=SIGNAL,
            cause="label_conflict",
            sentence=f"{share:.0%} of the labels of {served.model} that came since {clock(starts)} are of predictions "
            f"that were labelled otherwise, too; {usual:.0%} is usual. The newest counts.",
            title=f"Labels of {served.model} contradict one another",
            starts=starts,
            score=share,
            meaning="the share of labels that contradict another one",
            values={"share": share, "usual": usual, "labels": float(labels)},
            limit=usual + SHARE,
        )
        return judged(self, served, [("", SIGNAL, trouble)])

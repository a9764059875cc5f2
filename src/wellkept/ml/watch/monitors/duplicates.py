"""Duplicates: the same is asked about the same entity again and again."""

from __future__ import annotations

from datetime import datetime

from wellkept.ml.watch.base import Said, Served
from wellkept.ml.watch.saying import Trouble, judged
from wellkept.ml.watch.shapes import z_of

FEWEST = 100
RISE = 0.2
SURE = 6.0
"""Standard deviations: once in 10 ** 9 looks where nothing has changed."""
SIGNAL = "duplicates"


class Duplicates:
    """The share of predictions with the entity and the inputs of another one, beside that of a window before."""

    name = "duplicates"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        seen = served.seen
        if seen is None or seen.now.rows < FEWEST or seen.before.rows < FEWEST or not seen.now.columns:
            return Said()
        share, usual = seen.now.repeated / seen.now.rows, seen.before.repeated / seen.before.rows
        if share - usual < RISE or z_of(share, seen.now.rows, usual, seen.before.rows) < SURE:
            return judged(self, served, [("", SIGNAL, None)])
        trouble = Trouble(
            signal=SIGNAL,
            cause="duplicates",
            sentence=f"{share:.0%} of the newest {seen.now.rows} predictions of {served.model} repeat another one "
            f"about the same entity with the same inputs; {usual:.0%} is usual.",
            title=f"{served.model} is asked the same again and again",
            starts=seen.now.first,
            score=share,
            meaning="the share of predictions that repeat another one",
            values={"share": share, "usual": usual},
            limit=usual + RISE,
        )
        return judged(self, served, [("", SIGNAL, trouble)])

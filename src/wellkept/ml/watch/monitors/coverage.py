"""Coverage: whether as many truths lie inside the intervals of the answers as was promised."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from wellkept.kernel.finding import FindingKind, Severity
from wellkept.ml.interval import Bounds, binomial
from wellkept.ml.releases import INTERVAL_ROWS
from wellkept.ml.watch.base import Floats, Said, Served
from wellkept.ml.watch.chance import errors
from wellkept.ml.watch.saying import Trouble, clock, judged, print_of

SIGNAL = "coverage"
CALM = 0.5
"""A finding ends when the difference is below this share of the limit."""
PARTS = 10
"""Stretches of the newest labels. Where these differ by more than chance makes, rows near in time belong together."""


class Coverage:
    """The share of truths inside the intervals, over the newest matured labels, against ``output.interval``.

    A difference counts when it is as large as the contract says, and beyond chance: that of so many labels (binomial,
    or what stretches of time differ by, where that is more) and of the rows that the interval was learned from. Fewer
    inside than promised is an error; more is a warning, for then the intervals are wider than they need be.
    """

    name = "coverage"
    version = "1"

    def watch(self, served: Served, _: datetime) -> Said:
        share, bounds, wanted = served.contract.output.interval, served.bounds, served.contract.monitors
        if share is None or bounds is None:
            return Said()
        print_ = print_of(self, served, "", SIGNAL)
        before = served.open.get(print_)
        known = np.flatnonzero(np.isfinite(bounds.lower + bounds.upper))
        if len(known) < wanted.performance.min_labels:
            is_over = before is not None and before.attributes.get("version") != served.champion.called
            return Said(clear=frozenset({print_} if is_over else ()))
        bounds, labels, at = bounds.where(known), served.labels[known], served.at[known]
        missed = 1 - bounds.within(labels)
        newest = slice(len(known) - wanted.performance.min_labels, None)
        off = abs(1 - share - float(missed[newest].mean()))
        chance = errors(float(at[-1] - at[newest][0])) * _error(missed[newest], share, served)
        is_told = off >= wanted.coverage.drop and off > chance
        if is_told or (before is not None and off >= CALM * wanted.coverage.drop):
            said = _trouble(served, bounds.where(newest), labels[newest], missed, at)
            return judged(self, served, [("", SIGNAL, said)])
        return Said(clear=frozenset({print_}))


def _trouble(served: Served, bounds: Bounds, labels: Floats, missed: Floats, at: Floats) -> Trouble:
    """``bounds`` and ``labels`` are of the newest answers, ``missed`` and ``at`` of all that have a label."""
    count, limit = len(labels), served.contract.monitors.coverage.drop
    value = float(bounds.within(labels).mean())
    low, high = binomial(round(value * count), count)
    is_narrow = value < bounds.share
    starts = _onset(at, missed, 1 - bounds.share, 1 - value)
    width, loss = float(bounds.width(labels).mean()), float(bounds.pinball(labels).mean())
    words = "too narrow" if is_narrow else "wider than they need be"
    return Trouble(
        signal=SIGNAL,
        cause="",
        sentence=(
            f"{_percent(value)} of the newest {count} truths lay in the {_percent(bounds.share)} intervals of "
            f"{served.model}, version {served.champion.called} (90 % interval {_percent(low)} to {_percent(high)}): "
            f"they are {words} since {clock(starts)}. They are {width:.4g} wide on average; their pinball loss is "
            f"{loss:.4g}."
        ),
        title=f"Intervals of {served.model} are {words}",
        starts=starts,
        score=abs(value - bounds.share) / (abs(value - bounds.share) + limit),
        meaning="the difference over the difference plus its limit: 0.5 is at the limit",
        severity=Severity.ERROR if is_narrow else Severity.WARNING,
        kind=FindingKind.PERFORMANCE,
        values={
            "coverage": value,
            "coverage_low": low,
            "coverage_high": high,
            "wanted": bounds.share,
            "labels": float(count),
            "width": width,
            "pinball": loss,
        },
        limit=limit,
        until=float(at[-1]),
        notes={"version": served.champion.called},
    )


def _onset(at: Floats, missed: Floats, promised: float, now: float) -> float:
    """Since when rows miss as often as they do now, and not as was promised: where what speaks for it, summed up from
    the end, is most (the maximum likelihood of one change point, Hinkley 1970).
    """
    speaks = np.sign(now - promised) * (missed - (promised + now) / 2)
    return float(at[len(at) - 1 - int(np.argmax(np.cumsum(speaks[::-1])))])


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _error(missed: Floats, share: float, served: Served) -> float:
    """The standard error of the share of misses, of a model that is as promised."""
    parts = np.array([part.mean() for part in np.array_split(missed, PARTS)])
    spread = float(parts.std(ddof=1)) / PARTS**0.5
    rows = float(served.champion.lineage.get(INTERVAL_ROWS, "inf") or "inf")
    alone = (share * (1 - share)) ** 0.5
    return float(np.hypot(max(alone / len(missed) ** 0.5, spread), alone / rows**0.5))

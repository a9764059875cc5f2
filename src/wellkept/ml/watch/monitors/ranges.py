"""Range: values out of what the contract allows, or far out of what there was in training; scores that are none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from wellkept.kernel.finding import Severity
from wellkept.ml.watch.base import Said, Seen, Served
from wellkept.ml.watch.saying import Looked, Trouble, began, judged, origin
from wellkept.ml.watch.shapes import other_unit, share_outside

FEWEST = 100
OUTSIDE, GRAVE, CALM = 0.01, 0.1, 0.005
"""Shares of values out of the contract's range: those that count, that are an error, and at which a finding ends. The
contract says that there are none, so that no chance has to be allowed for."""
FAR = 10.0
"""So many times the width of the reference's middle (first to last tenth) is far."""
MANY = 0.2
"""Of a reference, 20 % are at or beyond its outer edges; of one with the heaviest tails, 1 % is far."""
SIGNAL, BEYOND, SCORES = "range", "far_range", "score_range"


class Ranges:
    """Values out of range, among the newest predictions.

    Where nothing has changed, less than 1 % of values lie far out even of a Cauchy distribution, and of 100 values
    20 are so once in 10 ** 17 times. The score of a binary classification is a probability, from 0 to 1.
    """

    name = "range"
    version = "2"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        return judged(self, served, _looks(served, served.seen)) if served.seen is not None else Said()


def _looks(served: Served, seen: Seen) -> Iterator[Looked]:
    if served.contract.task == "binary_classification" and seen.now.rows >= FEWEST:
        yield "", SCORES, _no_chance(served, seen)
    for name, column in seen.now.columns.items():
        if not column.is_word and name in served.contract.logged and column.present >= FEWEST:
            yield name, SIGNAL, _forbidden(served, seen, name)
            yield name, BEYOND, _far(served, seen, name)


def _forbidden(served: Served, seen: Seen, name: str) -> Trouble | None:
    column, entry = seen.now.columns[name], served.contract.logged[name]
    share = (column.below + column.above) / column.present
    if share < OUTSIDE:
        return None
    low = "" if entry.at_least is None else f"{entry.at_least:g}"
    high = "" if entry.at_most is None else f"{entry.at_most:g}"
    return Trouble(
        signal=SIGNAL,
        cause="range",
        sentence=f"{origin(served, name)} is out of the contract's range ({low} to {high}) in {share:.1%} of the "
        f"newest {column.present} predictions; it goes from {column.quantiles[0]:.4g} to {column.quantiles[-1]:.4g}.",
        title=f"{name} of {served.model} is out of range",
        starts=seen.now.first,
        score=share,
        meaning="the share of values out of range",
        column=name,
        severity=Severity.ERROR if share >= GRAVE else Severity.WARNING,
        values={"share": share, "least": float(column.quantiles[0]), "greatest": float(column.quantiles[-1])},
        limit=OUTSIDE,
    )


def _no_chance(served: Served, seen: Seen) -> Trouble | None:
    look = seen.now
    share = look.beyond / look.rows
    if share < OUTSIDE:
        return None
    return Trouble(
        signal=SCORES,
        cause="range",
        sentence=f"Scores of {served.model} are no probabilities from 0 to 1 in {share:.1%} of the newest {look.rows} "
        f"predictions; they go from {look.lowest:.4g} to {look.highest:.4g}.",
        title=f"scores of {served.model} are out of range",
        starts=look.first,
        score=share,
        meaning="the share of scores out of range",
        severity=Severity.ERROR if share >= GRAVE else Severity.WARNING,
        values={"share": share, "least": look.lowest, "greatest": look.highest},
        limit=OUTSIDE,
    )


def _far(served: Served, seen: Seen, name: str) -> Trouble | None:
    column, reference = seen.now.columns[name], served.reference.get(name)
    if reference is None or len(reference.edges) < 3:
        return None
    low, high = reference.edges[0], reference.edges[-1]
    width = FAR * (high - low)
    share = share_outside(column, low - width, high + width)
    if share < MANY or other_unit(column, reference):  # of which another monitor tells
        return None
    return Trouble(
        signal=BEYOND,
        cause="range",
        sentence=f"{origin(served, name)} is far out of what there was in training in {share:.0%} of the newest "
        f"{column.present} predictions: most of it was between {low:.4g} and {high:.4g}, half of it is now above "
        f"{column.quantiles[10]:.4g}.",
        title=f"{name} of {served.model} is far out of range",
        starts=began(served, name, seen.now.first),
        score=share,
        meaning="the share of values that are far out of the reference",
        column=name,
        severity=Severity.ERROR,
        values={"share": share, "median": float(column.quantiles[10])},
        limit=MANY,
    )

"""Default-value spikes: a value that says "nothing known" comes much more often than in training."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from wellkept.ml.reference import Distribution
from wellkept.ml.watch.base import Said, Seen, Served
from wellkept.ml.watch.saying import Looked, Trouble, began, entity_of, judged, origin
from wellkept.store.telemetry.looks import LEVELS, Column

SENTINELS = frozenset({-1.0, -9.0, -99.0, -999.0, -9999.0, -99999.0, 99.0, 999.0, 9999.0, 99999.0, 1e9, 1e10, -1e9})
RISE, OF_ZERO = 0.1, 0.25
"""By how much the share must have risen at least; zero is often a value like others."""
STUCK = 0.5
"""From here on it is stuck, which is told by the monitor of missing values."""
FEWEST = 200
LEAST_EDGES = 4
"""An input of two or three values has no default of its own: a flag is 0 all week and 1 on Sunday, and the hour is 0
at midnight (``Distribution.comes_and_goes``)."""
SIGNAL = "default_spike"


class Sentinels:
    """The least share that a default can have by the quantiles, against the most that it can have had in training.

    What is compared are bounds: of 200 values where nothing has changed, the share of one differs by a tenth of all
    from the share of its bin once in 1,500 looks at worst (a bin of half of the values), and hardly ever otherwise.
    """

    name = "sentinels"
    version = "2"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        return judged(self, served, _looks(served, served.seen)) if served.seen is not None else Said()


def _looks(served: Served, seen: Seen) -> Iterator[Looked]:
    for name, reference in served.reference.items():
        column = seen.now.columns.get(name)
        if reference.comes_and_goes or len(reference.edges) < LEAST_EDGES:
            yield name, SIGNAL, None
            continue
        if column is None or column.is_word or column.present < FEWEST:
            continue
        value, rise, share = _spike(column, reference)
        least = OF_ZERO if value == 0 else RISE
        if rise < least or rise >= STUCK or _is_told(served, name) or _is_over(served, name, share - rise, least):
            yield name, SIGNAL, None
            continue
        trouble = Trouble(
            signal=SIGNAL,
            cause="default_spike",
            sentence=f"{origin(served, name)} is {value:g} in {share:.0%} or more of the newest predictions, which "
            f"{share - rise:.0%} at most were in training: it looks like a default for what is not known.",
            title=f"{name} of {served.model} is often {value:g}",
            starts=began(served, name, seen.now.first),
            score=rise,
            meaning="by how much the share of the default has risen at least",
            column=name,
            values={"value": value, "share": share, "rise": rise},
            limit=RISE,
        )
        yield name, SIGNAL, trouble


def _is_told(served: Served, name: str) -> bool:
    """Whether it is told as stuck already."""
    entity = entity_of(served, name)
    return any(known.detector == "nulls" and known.entity == entity for known in served.open.values())


def _is_over(served: Served, name: str, most: float, least: float) -> bool:
    """Whether the newest rows that suffice have no such value any more: the look goes further back than they do."""
    top = served.tops.get(name)
    return top is not None and top[1] - most < least / 2


def _spike(column: Column, reference: Distribution) -> tuple[float, float, float]:
    """The default that has risen most: its value, by how much at least, and its least share now."""
    best = (0.0, -1.0, 0.0)
    values, runs = np.unique(column.quantiles, return_counts=True)
    for value, run in zip(values.tolist(), runs.tolist(), strict=True):
        if value != 0 and value not in SENTINELS:
            continue
        share = (run - 1) * float(LEVELS[1])
        most = reference.counts[int(np.searchsorted(reference.edges, value, side="left"))] / max(reference.rows, 1)
        best = max(best, (value, share - most, share), key=lambda one: one[1])
    return best

"""Units: an input comes in other units than in training: cents for euros, grams for kilograms, hours for minutes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from wellkept.kernel.finding import Severity
from wellkept.ml.watch.base import Said, Seen, Served
from wellkept.ml.watch.saying import Looked, Trouble, began, judged, origin
from wellkept.ml.watch.shapes import APART, distance, other_unit

FEWEST = 100
SIGNAL = "unit"


class Units:
    """Values that are elsewhere as they are, and where they were when they are divided by a factor between units."""

    name = "units"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        return judged(self, served, _looks(served, served.seen)) if served.seen is not None else Said()


def _looks(served: Served, seen: Seen) -> Iterator[Looked]:
    for name, reference in served.reference.items():
        column = seen.now.columns.get(name)
        if column is None or column.present < FEWEST or reference.rows < FEWEST or len(reference.edges) < 3:
            continue
        factor = other_unit(column, reference)
        if not factor:
            yield name, SIGNAL, None
            continue
        apart = distance(column, reference)
        words = f"{factor:g} times as large" if factor > 1 else f"{1 / factor:g} times as small"
        trouble = Trouble(
            signal=SIGNAL,
            cause="unit",
            sentence=f"{origin(served, name)} is {words} as in training, and otherwise spread alike: its unit "
            "has changed.",
            title=f"The unit of {name} of {served.model} has changed",
            starts=began(served, name, seen.now.first),
            score=apart,
            meaning="the largest difference of the shares below an edge of the reference",
            column=name,
            severity=Severity.ERROR,
            values={"factor": factor, "distance": apart},
            limit=APART,
        )
        yield name, SIGNAL, trouble

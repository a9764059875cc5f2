"""Staleness: a source of inputs gives the same values again and again, or says itself that they are old."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from wellkept.kernel.finding import Severity
from wellkept.ml.watch.base import Said, Seen, Served
from wellkept.ml.watch.saying import Looked, Trouble, judged, origin
from wellkept.ml.watch.shapes import z_of

FEWEST = 100
MOVED = 0.2
"""An input that changed less often than this from one prediction about an entity to the next may stand still."""
STILL = 0.1
"""It stands still when its values change in less than this part of the usual share."""
SURE = 6.0
"""Standard deviations: once in 10 ** 9 looks where nothing has changed."""
OLDER, OLDER_S = 3.0, 60.0
"""Features are old at so many times their usual age, and so many seconds more."""
SIGNAL, AGE = "stale", "feature_age"


class Staleness:
    """How often values change for the same entity, and how old predictions say that their features are, both beside
    the same of a window before.

    What comes with the request is stale only where all of it stands still: a caller that sends other amounts is alive,
    and a flag of the weekend that does not change from Tuesday to Friday is right.
    """

    name = "staleness"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        seen = served.seen
        if seen is None or seen.now.rows < FEWEST or seen.before.rows < FEWEST:
            return Said()
        return judged(self, served, [*_values(served, seen), *_ages(served, seen)])


def _values(served: Served, seen: Seen) -> Iterator[Looked]:
    """Whether values change as often as is usual."""
    troubles = {name: _still(served, seen, name) for name in served.contract.logged}
    moving = [name for name in troubles if _is_of_request(served, name) and _moves(seen, name)]
    for name, trouble in troubles.items():
        if trouble is not None and not (_is_of_request(served, name) and moving):
            yield name, SIGNAL, trouble
        elif trouble is None and name in seen.now.columns and seen.now.columns[name].moved:
            yield name, SIGNAL, None


def _ages(served: Served, seen: Seen) -> Iterator[Looked]:
    """Whether features are as old as is usual, as predictions themselves tell."""
    for name, age in seen.now.ages.items():
        usual = seen.before.ages.get(name)
        if usual is not None and (not name or name in served.contract.logged):
            is_fresh = age < OLDER * usual or age < usual + OLDER_S
            yield name, AGE, None if is_fresh else _old(served, seen, name, (age, usual))


def _is_of_request(served: Served, name: str) -> bool:
    return served.contract.logged[name].source == "request"


def _moves(seen: Seen, name: str) -> bool:
    column = seen.now.columns.get(name)
    return column is not None and column.pairs > 0 and column.moved >= MOVED * column.pairs


def _still(served: Served, seen: Seen, name: str) -> Trouble | None:
    column, before = seen.now.columns.get(name), seen.before.columns.get(name)
    if column is None or before is None or column.pairs < FEWEST or before.pairs < FEWEST:
        return None
    rate, usual = column.moved / column.pairs, before.moved / before.pairs
    if usual < MOVED or rate > STILL * usual or z_of(rate, column.pairs, usual, before.pairs) < SURE:
        return None
    return Trouble(
        signal=SIGNAL,
        cause="stale_source",
        sentence=f"{origin(served, name)} changed in {rate:.1%} of {column.pairs} predictions about something that was "
        f"asked about before; {usual:.0%} is usual: its source stands still.",
        title=f"{name} of {served.model} is stale",
        starts=seen.now.first,
        score=1 - rate / usual,
        meaning="by how much less often its values change than usual",
        column=name,
        severity=Severity.ERROR,
        values={"changed": rate, "usual": usual, "pairs": float(column.pairs)},
    )


def _old(served: Served, seen: Seen, name: str, ages: tuple[float, float]) -> Trouble:
    age, usual = ages
    about = origin(served, name) if name else f"What {served.model} is asked with"
    return Trouble(
        signal=AGE,
        cause="stale_source",
        sentence=f"{about} is {age:.0f} s old on the average, as predictions themselves tell; {usual:.0f} s is usual.",
        title=f"{name or 'The features'} of {served.model} {'is' if name else 'are'} old",
        starts=seen.now.first,
        score=1 - usual / age,
        meaning="what the usual age lacks to the present one, as a part of it",
        column=name,
        values={"age_s": age, "usual_s": usual},
        limit=OLDER * usual,
    )

"""Schema: an input is not logged any more, comes under another name, or one appears that nobody knows."""

from __future__ import annotations

from datetime import datetime

from wellkept.kernel.finding import Severity
from wellkept.ml.watch.base import Said, Seen, Served
from wellkept.ml.watch.saying import Trouble, clock, finding, origin, print_of
from wellkept.ml.watch.shapes import are_alike, is_alike

FEWEST = 50
"""Rows without it, from which on an input is gone. Were it there in half of the rows by chance, so many rows without
one would be seen once in 10 ** 15 times."""
USUAL = 0.5
"""An input that fewer rows than this had before may be away for a while."""
SIGNAL, NEW = "schema", "new_input"


class Schema:
    """What the newest predictions are logged with, beside the contract and what was logged a window before.

    Renamed upstream: one input is gone, and at the same time another came whose values look like the reference of the
    one that is gone. An input that nobody knows is told while it is new, and never an error.
    """

    name = "schema"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        seen = served.seen
        if seen is None or seen.now.rows < FEWEST or not (seen.now.columns or seen.before.columns):
            return Said()
        gone = {
            name: since for name in _first_columns(served) if (since := _gone_since(served, seen, name)) is not None
        }
        fresh = _fresh(served, seen)
        findings, taken = [], set()
        for name, since in sorted(gone.items()):
            successor = _successor(served, seen, name, [one for one in fresh if one not in taken])
            taken.add(successor)
            findings.append(finding(self, served, _vanished(served, name, since, successor)))
        told = [name for name in fresh if name not in taken] if seen.before.rows >= FEWEST else []
        findings += [finding(self, served, _appeared(served, seen, name)) for name in told]
        there = _first_columns(served) & seen.now.columns.keys() - gone.keys()
        clear = {print_of(self, served, name, SIGNAL) for name in there}
        mine = {print_ for print_, known in served.open.items() if known.detector == self.name}
        new_ones = {print_ for print_ in mine if served.open[print_].evidence[0].signal == NEW}
        return Said(tuple(findings), frozenset(clear | (new_ones - {one.fingerprint for one in findings})))


def _first_columns(served: Served) -> set[str]:
    """One column of each input: those of a text or an embedding come and go together."""
    return {(*entry.number_columns, *entry.category_columns)[0] for entry in served.contract.inputs}


def _gone_since(served: Served, seen: Seen, name: str) -> float | None:
    """When an input was there last, where it is gone by now; None where it is there, or nobody can say."""
    reference, before, column = served.reference.get(name), seen.before.columns.get(name), seen.now.columns.get(name)
    was_there = before is not None and before.there >= USUAL * seen.before.rows
    is_expected = was_there or (reference is not None and reference.nulls < USUAL)
    if column is None:
        return seen.now.first if is_expected or not served.contract.logged[name].nullable else None
    span = seen.now.last - seen.now.first
    without = seen.now.rows * (seen.now.last - column.last) / span if span > 0 else 0.0
    usually = column.there >= USUAL * (seen.now.rows - without)
    return column.last if without >= FEWEST and usually else None


def _fresh(served: Served, seen: Seen) -> list[str]:
    """Names that the contract does not know and that were not logged a window before."""
    inputs = {entry.name for entry in served.contract.inputs}
    names = (name for name in seen.now.columns if name not in served.contract.logged)
    return sorted(name for name in names if name.partition(".")[0] not in inputs and name not in seen.before.columns)


def _successor(served: Served, seen: Seen, name: str, fresh: list[str]) -> str:
    """The new name under which the values of an input come; empty where there is none."""
    reference, before = served.reference.get(name), seen.before.columns.get(name)
    for one in fresh:
        column = seen.now.columns[one]
        if is_alike(column, reference) if reference is not None else before is not None and are_alike(column, before):
            return one
    return ""


def _vanished(served: Served, column: str, since: float, successor: str) -> Trouble:
    name = served.contract.logged[column].name
    words = f"is not logged any more since {clock(since)}"
    if successor:
        words += f"; {successor} came instead, with values like it had: it was renamed upstream"
    return Trouble(
        signal=SIGNAL,
        cause="renamed" if successor else "vanished",
        sentence=f"{origin(served, column)} {words}.",
        title=f"{name} of {served.model} {'was renamed' if successor else 'is gone'}",
        starts=since,
        score=1.0,
        meaning="1: no prediction has it",
        column=column,
        severity=Severity.ERROR,
        notes={"renamed_to": successor} if successor else {},
    )


def _appeared(served: Served, seen: Seen, name: str) -> Trouble:
    column = seen.now.columns[name]
    share = column.there / seen.now.rows
    return Trouble(
        signal=NEW,
        cause="new_input",
        sentence=f"{name} comes with predictions of {served.model} since {clock(column.first)}, and its contract does "
        "not know it.",
        title=f"{name} is new to {served.model}",
        starts=column.first,
        score=share,
        meaning="the share of predictions that have it",
        column=name,
        severity=Severity.INFO,
    )

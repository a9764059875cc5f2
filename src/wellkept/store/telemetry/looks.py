"""A look at the newest predictions of a version: what each input looked like, reduced by the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import millis
from wellkept.store.telemetry.statements import load

LEVELS = np.linspace(0, 1, 21)
"""The levels of the quantiles."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One input in a look.

    ``there``: rows that have it; ``present``: those with a value; ``first`` and ``last`` of those rows in seconds since
    the epoch. ``quantiles``: float64[21] of a number at ``LEVELS``. ``words``: a category's commonest ones with their
    counts. ``below`` and ``above``: values out of the contract's range. ``pairs``: predictions that followed another
    about the same entity; ``moved``: those of them with another value.
    """

    is_word: bool
    there: int
    present: int
    first: float
    last: float
    quantiles: NDArray[np.float64]
    words: tuple[str, ...] = ()
    below: int = 0
    above: int = 0
    pairs: int = 0
    moved: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """``rows`` predictions between ``first`` and ``last`` (seconds since the epoch), about ``entities``.

    ``repeated``: rows that said the same of the same entity as another one. ``ages``: the mean age in seconds that
    predictions told of their features, by name (empty: of all). ``beyond``: scores that are no probability, ``lowest``
    and ``highest`` the ends of all.
    """

    rows: int = 0
    first: float = 0.0
    last: float = 0.0
    entities: int = 0
    repeated: int = 0
    columns: Mapping[str, Column] = field(default_factory=dict)
    ages: Mapping[str, float] = field(default_factory=dict)
    beyond: int = 0
    lowest: float = 0.0
    highest: float = 1.0


class Looks:
    """Reads the newest predictions, at most so many: what a look costs does not grow with the traffic."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def look(
        self,
        model: str,
        version: str,
        span: tuple[datetime, datetime],
        limit: int,
        ranges: Mapping[str, tuple[float, float]],
    ) -> Look:
        """The newest predictions of ``[start, end)``; ``ranges``: what the contract allows, by input."""
        names = sorted(ranges)
        parameters: dict[str, Any] = {
            "model": model,
            "version": version,
            "start": millis(span[0]),
            "end": millis(span[1]),
            "limit": limit,
        }
        (whole,) = self._engine.query(load("queries/watch_rows.sql"), parameters).to_pylist()
        if not whole["rows"]:
            return Look()
        limits = {
            "names": names,
            "lows": [ranges[name][0] for name in names],
            "highs": [ranges[name][1] for name in names],
        }
        rows = self._engine.query(load("queries/watch_columns.sql"), {**parameters, **limits}).to_pylist()
        counts, summed = dict(whole["counts"]), dict(whole["summed"])
        return Look(
            rows=whole["rows"],
            first=whole["first"],
            last=whole["last"],
            entities=whole["entities"],
            repeated=whole["repeated"],
            columns={row["name"]: _column(row) for row in rows},
            ages={key.removeprefix("feature_age_s").lstrip("."): summed[key] / counts[key] for key in counts},
            beyond=whole["beyond"],
            lowest=whole["lowest"],
            highest=whole["highest"],
        )


def _column(row: Mapping[str, Any]) -> Column:
    return Column(
        is_word=bool(row["word"]),
        there=row["there"],
        present=row["present"],
        first=row["first"],
        last=row["last"],
        quantiles=np.asarray(row["quantiles"], dtype=np.float64),
        words=tuple(row["words"]),
        below=row["below"],
        above=row["above"],
        pairs=row["pairs"],
        moved=row["moved"],
    )

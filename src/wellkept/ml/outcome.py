"""What a training run hands to its judges: the held-out rows, and what every model in question said about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.ml.evidence import Change, Served, Shared, Shift, Window
from wellkept.ml.interval import LOWER, UPPER, Bounds
from wellkept.ml.metrics import Array
from wellkept.ml.sample import Rows, Sample

CHAMPION_LOWER, CHAMPION_UPPER = f"champion_{LOWER}", f"champion_{UPPER}"
SLICE, MISSING = "slice:", "missing:"
"""What the columns of slices, and of scores with an input missing, begin with in the file of scores."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Scores of challenger and champion (None without one) on the same held-out rows, float64[n] each.

    In a ranking a score is a place; see :class:`wellkept.ml.sample.Sample`.
    """

    label: Array
    challenger: Array
    champion: Array | None
    latency_p99_ms: float
    null_shares: Mapping[str, float]
    baseline: Array | None = None
    """The simplest model: the season before, what most choose, the mean of the labels."""
    group: Rows | None = None
    at: Array | None = None
    """When each row was, in seconds since the epoch; None where the data do not say."""
    scale: Array | None = None
    scale_squared: Array | None = None
    offered: Array | None = None
    """Of each held-out choice of a ranking, how many items could be offered to its user."""
    bounds: Bounds | None = None
    """The challenger's intervals, each row's by an interval that did not see it; None where it answers without."""
    champion_bounds: Bounds | None = None
    """The champion's, as it serves them; None where it has none of the same share."""
    slices: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    missing: Mapping[str, Array] = field(default_factory=dict)
    """The challenger's scores when one nullable input is missing in every row."""
    alone: Mapping[str, float] | None = None
    """How much each column tells alone: the area under its ROC curve, or its share of the variance. None: unknown."""
    own: Mapping[str, float] = field(default_factory=dict)
    """The project's own metrics, without their prefix."""
    champion_until: float | None = None
    """The newest moment that the champion was trained on, in seconds since the epoch; None where nobody knows."""
    backtest: tuple[Window, ...] = ()
    """Earlier windows, the oldest first, each once for every metric."""
    changes: tuple[Change, ...] = ()
    shifts: tuple[Shift, ...] = ()
    shared: Shared | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    """Rows to ask the served model (``rows``), and what the estimator says of them (``expected``)."""
    served: Served | None = None
    """What was seen of the model server; None where nobody looked."""

    @property
    def sample(self) -> Sample:
        """The challenger's rows."""
        scales = (self.scale, self.scale_squared)
        return Sample(self.label, self.challenger, self.group, *scales, self.offered, self.bounds)

    @property
    def rival(self) -> Sample | None:
        """The same rows as the champion scores them; None without one."""
        return None if self.champion is None else self.sample.scored(self.champion, self.champion_bounds)

    @property
    def unseen(self) -> NDArray[np.bool_]:
        """Of each row, whether the champion cannot have been trained on it; none is known to be where nobody knows."""
        if self.at is None or self.champion_until is None:
            return np.ones(len(self.label), dtype=np.bool_)
        return np.asarray(self.at > self.champion_until)


def outcome_of(table: pa.Table, result: Mapping[str, Any]) -> Outcome:
    """The outcome in a worker's file of scores and its result."""

    def column(name: str) -> Array | None:
        return table[name].to_numpy() if name in table.column_names else None

    label, challenger = column("label"), column("challenger")
    assert label is not None
    assert challenger is not None
    starting = {
        prefix: {name.removeprefix(prefix): table[name] for name in table.column_names if name.startswith(prefix)}
        for prefix in (SLICE, MISSING)
    }

    def bounds(lower: str, upper: str) -> Bounds | None:
        ends = (column(lower), column(upper))
        return None if ends[0] is None or ends[1] is None else Bounds(result["interval"], ends[0], ends[1])

    return Outcome(
        label=label,
        challenger=challenger,
        champion=column("champion"),
        latency_p99_ms=result["latency_p99_ms"],
        null_shares=result["null_shares"],
        baseline=column("baseline"),
        group=table["group"].to_numpy() if "group" in table.column_names else None,
        at=column("at"),
        scale=column("scale"),
        scale_squared=column("scale_squared"),
        offered=column("offered"),
        bounds=bounds(LOWER, UPPER),
        champion_bounds=bounds(CHAMPION_LOWER, CHAMPION_UPPER),
        slices={name: np.array(values.to_pylist(), dtype=np.str_) for name, values in starting[SLICE].items()},
        missing={name: values.to_numpy() for name, values in starting[MISSING].items()},
        alone=result["alone"],
        own=result["own"],
        champion_until=result.get("champion_until"),
        backtest=tuple(Window.of(one) for one in result.get("backtest", ())),
        changes=tuple(Change.of(one) for one in result.get("changes", ())),
        shifts=tuple(Shift.of(one) for one in result.get("shifts", ())),
        shared=Shared.of(result["shared"]) if result.get("shared") else None,
        asked=result.get("asked") or {},
    )

"""What is simulated, and what is found out: an example's world, a fault, and the ends of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.ml.categories import Categories, Named
from wellkept.ml.contract import ModelContract

Floats = NDArray[np.float64]
Say = Callable[[str], object]

DAYS_A_MONTH = 30
BEGINS = 0.5
"""The share of the months after which a fault begins."""
DAY = timedelta(days=1)
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. ``end`` is a midnight; the months end there."""

    examples: tuple[Path, ...]
    folder: Path
    end: datetime
    months: int = 4
    fault: str = "none"
    seed: int = 1

    @property
    def days(self) -> int:
        """How many days are simulated, of which the last one ends at ``end``."""
        return self.months * DAYS_A_MONTH

    @property
    def start(self) -> datetime:
        """When the models go live."""
        return self.end - timedelta(days=self.days)

    @property
    def begins(self) -> int:
        """The day, counted from the start, on which the fault begins."""
        return round(self.days * BEGINS)

    @property
    def fault_at(self) -> datetime:
        """When the fault begins."""
        return self.start + timedelta(days=self.begins)


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """All that will happen to a model, by time: n rows.

    ``at`` and ``known_at`` (when the truth becomes known) are float64[n] in seconds since the epoch, ``rows``
    float64[n, inputs] (NaN: no value; a category is its place among ``categories``, all that ever come), ``label``
    float64[n], ``keys`` the entity of each row. The first ``live`` rows happened before the model went live.
    """

    contract: ModelContract
    project: Path
    at: Floats
    known_at: Floats
    rows: Floats
    label: Floats
    keys: NDArray[np.object_]
    live: int
    categories: Categories = field(default_factory=dict)

    def inputs(self, rows: Floats) -> pa.Table:
        """Rows as columns: of numbers, and of texts that are encoded by a dictionary."""
        return Named(self.contract.features, self.categories).table(rows)


@dataclass(frozen=True, slots=True)
class Seen:
    """A finding as the simulation saw it first: at the end of which day, about what, and why."""

    day: int
    kind: str
    detector: str
    entity: str
    cause: str
    sentence: str
    severity: str = "warning"


@dataclass(slots=True)
class Told:
    """What became of one model. Days are counted from 1."""

    model: str
    seen: list[Seen] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    """What was decided about retraining, oldest first, as the interface tells it."""
    retrainings: list[int] = field(default_factory=list)
    promotions: list[int] = field(default_factory=list)
    metric: str = ""
    performance: dict[str, float] = field(default_factory=dict)
    """By policy (``wellkept``, ``never``, ``weekly``): the mean over the weeks of the metric on all that was asked."""
    weekly: int = 0
    """How many retrainings weekly ones would have been."""
    failed: list[str] = field(default_factory=list)
    """The expectations that did not hold, in words."""

"""What was tried with a model beside scoring its held-out rows: earlier windows, changed inputs, shared rows, load.

The worker writes these as JSON values, the judges read them back; a figure that could not be had is None or NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

NONE, SEEN, UNKNOWN, COMPARED = "no champion", "seen in training", "its training end is unknown", "compared"
"""What there is to say of the champion on a window."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A record that is kept as JSON values."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The record of its JSON values."""
        return cls(**values)

    def values(self) -> dict[str, Any]:
        """Its JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Window(Evidence):
    """One metric on one earlier window, by a model that was trained on the rows before it alone."""

    metric: str
    start: float | None
    """When its first row was, in seconds since the epoch; None where the rows carry no time."""
    end: float | None
    rows: int
    trained_on: int
    value: float
    low: float
    high: float
    """The 90 % interval."""
    champion_is: str = NONE
    champion: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None


@dataclass(frozen=True, slots=True)
class Change(Evidence):
    """What changing one input did to the scores of held-out rows."""

    gate: int
    """The place of the gate in the contract, from 0."""
    rows: int
    """Rows whose input could be changed."""
    beyond: int
    """Rows whose score moved in the forbidden way, by more than is allowed."""
    largest: float
    """The largest forbidden move; 0 where there was none."""
    example: Mapping[str, Any] | None = None
    """The row of the largest one: ``row`` (inputs), ``to`` (the changed value), ``score`` and ``then``."""


@dataclass(frozen=True, slots=True)
class Shift(Evidence):
    """How well a model does when one input comes changed in every row."""

    input: str
    kind: str
    rows: int
    whole: float
    """The primary metric on the same rows as they are."""
    value: float


@dataclass(frozen=True, slots=True)
class Shared(Evidence):
    """What held-out rows share with training rows: ``same`` of all ``rows``, ``near`` and ``made`` of ``sampled``."""

    rows: int
    same: int = 0
    sampled: int = 0
    near: int = 0
    """Rows that are copies with a little noise."""
    made: int = 0
    """Rows that lie on a straight line with two others of their class, as made-up (SMOTE) rows do."""
    telling: bool = True
    """Whether a row's content tells it from others; rows of a few yes and no share theirs by chance."""
    late: int = 0
    """Training rows that are newer than the first held-out row."""
    entities: int = 0
    """Values of the contract's ``group_by`` on both sides."""
    encoded: Sequence[str] = ()
    """Columns that are the mean label by value over all rows, the held-out ones among them."""
    example: Mapping[str, Any] | None = None

    @property
    def share(self) -> float:
        """The share of the held-out rows that are not of their own."""
        return self.same / max(1, self.rows) + (self.near + self.made) / max(1, self.sampled)


@dataclass(frozen=True, slots=True)
class Parity(Evidence):
    """The served model's answers beside the estimator's, on the same rows."""

    rows: int
    largest: float
    """The largest difference; of a score above 1, as a share of it."""
    example: Mapping[str, Any] | None = None
    refused: str = ""
    """What the server said where it refused the rows or did not start."""


@dataclass(frozen=True, slots=True)
class Load(Evidence):
    """One gate's load on the model server: the best of several tries, and what the machine did meanwhile."""

    gate: int
    wanted_per_s: float
    answered_per_s: float
    sent: int
    failed: int
    p50_ms: float
    p99_ms: float
    tries: Sequence[float]
    """The p99 of every try, in ms."""
    memory_mb: float
    """The largest resident memory of the server's processes."""
    busy: float
    """The share of the machine's processors that others used meanwhile, from 0 to 1."""
    edges_ms: Sequence[float] = ()
    counts: Sequence[int] = ()
    """The histogram of latencies."""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Served:
    """What was seen of the model server."""

    parity: Parity | None = None
    loads: tuple[Load, ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The record of its JSON values."""
        parity = values.get("parity")
        return cls(Parity.of(parity) if parity else None, tuple(Load.of(one) for one in values.get("loads", ())))

    def values(self) -> dict[str, Any]:
        """Its JSON values."""
        return {"parity": self.parity.values() if self.parity else None, "loads": [one.values() for one in self.loads]}

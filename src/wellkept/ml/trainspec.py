"""The part ``train`` of a contract: the seed, what a training may take, where it runs, and what is searched."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from wellkept.ml.part import Part
from wellkept.ml.tasks import Metric

Value = bool | int | float | str
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Seconds = Annotated[float, Field(gt=0)]


class Space(Part):
    """What one parameter is searched in: a range (``low``, ``high``) of numbers, or ``choices``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_by_name=True)

    low: float | None = None
    high: float | None = None
    log: bool = False
    """Whether the range is looked at by orders of magnitude."""
    whole: Annotated[bool, Field(alias="int")] = False
    """Whether only whole numbers are tried (``int: true``)."""
    choices: Annotated[tuple[Value, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Space:
        if (self.choices is None) != (self.low is not None and self.high is not None):
            raise ValueError("must be either low and high, or choices")
        if self.choices is not None:
            if self.low is not None or self.high is not None or self.log or self.whole:
                raise ValueError("choices stand alone: low, high, log and int are of a range")
            return self
        assert self.low is not None
        assert self.high is not None
        if self.low > self.high:
            raise ValueError(f"low must be at most high, got {self.low:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"low must be above 0 where log is true, got {self.low:g}")
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("low and high must be whole numbers where int is true")
        return self

    @property
    def middle(self) -> Value:
        """Where a search begins: the middle of the range, or the first choice."""
        if self.choices is not None:
            return self.choices[0]
        low, high = self.low or 0.0, self.high or 0.0
        found = math.sqrt(low * high) if self.log else (low + high) / 2
        return round(found) if self.whole else found


class Search(Part):
    """A search for parameters on the rows that are trained on; the held-out rows have no part in it."""

    parameters: Annotated[dict[Name, Space], Field(min_length=1)]
    trials: Annotated[int, Field(ge=1, le=1000)] = 20
    time_s: Seconds | None = None
    """No trial begins after so many seconds."""
    metric: Metric | None = None
    """What is searched for; the contract's primary metric where there is none."""
    folds: Annotated[int, Field(ge=1, le=20)] = 1
    """On how many blocks of newer rows each trial is judged, trained on what is older than the block."""
    holdout: Annotated[float, Field(gt=0, lt=1)] = 0.25
    """The share of the rows that all blocks together take, the newest ones."""
    parallel: Annotated[int, Field(ge=1, le=64)] = 1
    """Trials at a time. With more than one their order, and so what is tried next, is left to chance."""


class Train(Part):
    """How a model is trained. What is not said is what the configuration allows (``ml.train_...``), never more."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seeds ``random``, NumPy and the search; ``train(frame, parameters)`` may use it for a library of its own."""
    time_s: Seconds | None = None
    """Seconds after which a training process is ended."""
    memory_mb: Annotated[int, Field(ge=64)] | None = None
    """Resident memory, in MiB, above which the process and what it started are ended."""
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    executor: Literal["local", "ray"] | None = None
    parameters: dict[Name, Value] = Field(default_factory=dict)
    """Handed to ``train(frame, parameters)``; what a search finds is laid over them."""
    search: Search | None = None

    @property
    def starting(self) -> dict[str, Value]:
        """The parameters before any search: what is fixed, and of what is searched and not fixed the middle."""
        spaces = self.search.parameters if self.search else {}
        return {name: space.middle for name, space in spaces.items()} | self.parameters

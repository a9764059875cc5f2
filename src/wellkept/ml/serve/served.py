"""One version of a model that is loaded and may answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from wellkept.ml.categories import Categories
from wellkept.ml.contract import ModelContract
from wellkept.ml.inputspec import Input
from wellkept.ml.interval import LOWER, UPPER, Interval
from wellkept.ml.runtime import Scorer, Scores
from wellkept.ml.serve.lane import Lane
from wellkept.ml.serve.rules import Rules

CHAMPION = "champion"


def _no_file(name: str) -> bytes:
    raise FileNotFoundError(name)


@dataclass(frozen=True, eq=False)
class Served:
    """A version. ``inputs`` are in the order of the model's columns.

    ``deployment`` is the platform's listing of it, whole; ``file`` gives the bytes of a file of its artifact, checked
    against their digest (FileNotFoundError: it has none of that name).
    """

    name: str
    digest: str
    version: int
    contract: ModelContract
    scorer: Scorer
    inputs: tuple[Input, ...]
    format: str
    deployment: Mapping[str, Any] = field(default_factory=dict)
    file: Callable[[str], bytes] = _no_file
    categories: Categories = field(default_factory=dict)
    """The texts of the inputs that are categories, as its matrix has them."""
    kept: Lane | None = None
    """Its way to the scorer, where it is the same version under a changed listing."""
    interval: Interval | None = None
    """What makes the interval beside each answer; None where it answers without."""

    @property
    def is_champion(self) -> bool:
        """Whether it answers where nothing says otherwise."""
        return bool(self.deployment.get("role", CHAMPION) == CHAMPION)

    @cached_property
    def lane(self) -> Lane:
        """The way of rows to the scorer."""
        return self.kept or Lane(self.scorer)

    @cached_property
    def rules(self) -> Rules:
        """What its inputs must be."""
        return Rules(self.name, self.inputs, self.categories)

    @cached_property
    def explainer(self) -> Any:
        """What explains its scores (:class:`wellkept.ml.serve.explain.Explainer`); made when it is asked for first.

        Raises:
            InputError: nothing can.
        """
        from wellkept.ml.serve.explain import explainer_of

        return explainer_of(self)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The names of what it answers, one number a row each."""
        return (self.contract.output.name, *((LOWER, UPPER) if self.interval is not None else ()))

    def told(self, scores: Scores) -> list[Scores]:
        """The numbers of each of the outputs: the answers, and the ends of their intervals."""
        if self.interval is None:
            return [scores]
        bounds = self.interval.bounds(scores)
        return [scores, bounds.lower, bounds.upper]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.inputs)

    @cached_property
    def label(self) -> str:
        """The number of the version as a text."""
        return str(self.version)

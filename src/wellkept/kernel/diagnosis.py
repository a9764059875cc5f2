"""A diagnosis: ranked causes with their evidence, or the honest word that none was found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Reason:
    """One piece of evidence for a cause: its kind, its strength in [0, 1], and a sentence."""

    kind: str
    strength: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Cause:
    """A candidate cause. ``confidence`` in [0, 1] is the noisy-OR of its reasons' strengths."""

    entity: str
    confidence: float
    reasons: tuple[Reason, ...]
    change: str = ""
    """Id of the change that is blamed, where one is."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Causes, best first; empty when nothing was strong enough, and ``sentence`` then says why."""

    incident: str
    at: datetime
    version: str
    causes: tuple[Cause, ...]
    sentence: str

    @property
    def best(self) -> Cause | None:
        return self.causes[0] if self.causes else None

"""What a person says of a finding, so that the next ones are fewer or more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Opinion(StrEnum):
    """What a finding was worth to somebody."""

    USEFUL = "useful"
    """It was trouble: findings like it may come earlier."""
    NOISE = "noise"
    """It was none: findings like it must be more unusual."""
    EXPECTED = "expected"
    """It happens at this time of day, and is meant to."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """One opinion of one finding. ``signal``, ``score`` and ``starts_at`` are the finding's."""

    finding: str
    fingerprint: str
    detector: str
    entity: str
    signal: str
    score: float
    starts_at: datetime
    opinion: Opinion
    at: datetime
    by: str

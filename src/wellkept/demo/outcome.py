"""What came out of an act, and of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NOT_PLAYED = "not played, because an act before it failed"


class ActError(Exception):
    """An act did not come out as told: what was expected, and what the platform said instead."""

    def __init__(self, expected: str, said: str) -> None:
        super().__init__(f"expected {expected}; the platform said: {said}")


@dataclass(frozen=True, slots=True)
class Told:
    """What an act found in the platform's records. ``detected_after_s`` is None where there was nothing to detect."""

    cause: str
    action: str
    result: str
    detected_after_s: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One act and how it came out."""

    name: str
    passed: bool
    seconds: float
    told: Told

    def as_json(self) -> dict[str, Any]:
        """The act in the form of ``wellkept demo --json``."""
        after = self.told.detected_after_s
        return {
            "name": self.name,
            "passed": self.passed,
            "detected_after_s": None if after is None else round(after, 1),
            "cause": self.told.cause,
            "action": self.told.action,
            "result": self.told.result,
            "seconds": round(self.seconds, 1),
            "evidence": dict(self.told.evidence),
        }


@dataclass(frozen=True, slots=True)
class Ending:
    """The whole demo. ``lost`` counts, by what it is, what was acknowledged and is not stored."""

    outcomes: Sequence[Outcome]
    seconds: float
    lost: Mapping[str, int] | None
    logs: str

    @property
    def lost_items(self) -> int | None:
        """How much was lost; None where it was not counted, because an act failed."""
        return None if self.lost is None else sum(self.lost.values())

    @property
    def exit_code(self) -> int:
        """0 only if every act came out as told and nothing was lost."""
        return 0 if all(outcome.passed for outcome in self.outcomes) and self.lost_items == 0 else 1

    def as_json(self) -> dict[str, Any]:
        return {
            "acts": [outcome.as_json() for outcome in self.outcomes],
            "seconds": round(self.seconds, 1),
            "lost_items": self.lost_items,
            "lost": None if self.lost is None else dict(self.lost),
            "logs": self.logs,
        }

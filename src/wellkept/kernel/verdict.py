"""A verdict: the outcome of a gate or of a triage, with every check's value and limit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was measured, what was allowed."""

    name: str
    passed: bool
    value: str
    limit: str
    sentence: str = ""


class Judgement(StrEnum):
    """What a verdict says. The first two are of gates, the rest of drift triage."""

    PASS = "pass"  # noqa: S105 - a judgement, no password
    FAIL = "fail"
    BROKEN_UPSTREAM = "broken upstream"
    REAL_SHIFT = "real shift"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement about ``subject`` (a model version's digest, or a model's entity id)."""

    id: str
    subject: str
    kind: str
    """``gate`` or ``triage``."""
    judgement: Judgement
    at: datetime
    checks: tuple[Check, ...]
    sentence: str
    incident: str = ""
    """The incident that explains it, where one does."""

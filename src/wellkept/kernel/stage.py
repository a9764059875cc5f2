"""What a stage declares of itself. A test builds the graph of the two loops from these, and the docs show it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Message(StrEnum):
    """What travels between stages."""

    OUTSIDE = "outside telemetry"
    TELEMETRY = "telemetry"
    ENTITY = "entity"
    CHANGE = "change"
    PREDICTION = "prediction"
    LABEL = "label"
    FINDING = "finding"
    INCIDENT = "incident"
    DIAGNOSIS = "diagnosis"
    PLAN = "plan"
    DECISION = "decision"
    RESULT = "result"
    AUDIT = "audit entry"
    SNAPSHOT = "snapshot"
    VERDICT = "verdict"
    VERSION = "model version"


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage's declaration: its dotted name below ``wellkept``, what it reads and what it writes."""

    name: str
    consumes: frozenset[Message]
    emits: frozenset[Message]
    purpose: str

"""A plan: exactly what would be done to the outside world, and the decision that allows it.

The hash of a plan is what an approval approves. Change one argument and it is another plan.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from wellkept.kernel.codec import decode, encode

POLICY = "policy"
"""Who decides where no person does."""


class Risk(StrEnum):
    """How much can go wrong. High-risk plans never run without a person."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class PlanState(StrEnum):
    """Where a plan is in its life."""

    PROPOSED = "proposed"
    WAITING = "waiting"
    APPROVED = "approved"
    RUNNING = "running"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOID = "void"

    @property
    def is_final(self) -> bool:
        return self in (
            PlanState.SUCCEEDED,
            PlanState.FAILED,
            PlanState.REJECTED,
            PlanState.EXPIRED,
            PlanState.VOID,
        )


@dataclass(frozen=True, slots=True)
class Action:
    """One step: the name of an action of the plug-in table, its exact target and arguments."""

    name: str
    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    undo: str = ""
    """How a person takes it back; empty where it cannot be taken back."""


@dataclass(frozen=True, slots=True)
class Verification:
    """How success is told from telemetry: the findings named must end within ``within_s``."""

    findings: tuple[str, ...] = ()
    within_s: float = 120.0
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered actions with exact targets.

    ``subject`` is what it is about: an incident's id, or a model's entity id. ``world`` pins the state that the plan
    was made for (for example the champion's digest); the gate reads it again before it acts, and a change voids the
    plan.
    """

    id: str
    subject: str
    title: str
    reason: str
    risk: Risk
    actions: tuple[Action, ...]
    verification: Verification
    proposed_at: datetime
    proposed_by: str
    runbook: str = ""
    effect: str = ""
    world: Mapping[str, str] = field(default_factory=dict)
    expires_s: float = 86_400.0

    @property
    def hash(self) -> str:
        """SHA-256 over everything that matters to the one who approves.

        It is taken over the plan as it reads back from the store: 120 and 120.0 seconds are the same plan.
        """
        body = json.dumps(encode(decode(Plan, encode(self))), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(body.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Decision:
    """Who allowed or refused which hash, when, why, and until when."""

    plan: str
    plan_hash: str
    approved: bool
    by: str
    at: datetime
    why: str
    until: datetime

    @property
    def is_by_policy(self) -> bool:
        """Whether no person was asked."""
        return self.approved and self.by == POLICY


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What an action did: ``changed`` says whether the world is different now."""

    ok: bool
    changed: bool
    sentence: str
    details: Mapping[str, Any] = field(default_factory=dict)

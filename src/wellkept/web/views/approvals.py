"""What waits for a person, and what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.plan import PlanState
from wellkept.spine.gate import Gate
from wellkept.web.views.plans import PlanView, plan_view
from wellkept.web.wording import as_sentence

DECIDED = tuple(state for state in PlanState if state is not PlanState.WAITING)
LIMIT = 50


@dataclass(frozen=True, slots=True)
class ApprovalsView:
    """The approvals page."""

    waiting: tuple[PlanView, ...]
    decided: tuple[PlanView, ...]
    has_runbooks: bool
    paused: str
    """That no runbook runs by itself, and why; empty where they may."""


def approvals_view(gate: Gate, now: datetime, *, has_runbooks: bool) -> ApprovalsView:
    """Waiting plans, the oldest first; below them the others, the newest first."""
    waiting = gate.plans(state=PlanState.WAITING, limit=LIMIT)
    decided = gate.plans(states=DECIDED, limit=LIMIT)
    pause = gate.brakes.paused(now)
    return ApprovalsView(
        tuple(plan_view(record, gate) for record in reversed(waiting)),
        tuple(plan_view(record, gate) for record in decided),
        has_runbooks,
        as_sentence(pause.sentence) if pause is not None else "",
    )

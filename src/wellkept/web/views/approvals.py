"""What waits for a person, and what was decided."""

from __future__ import annotations

from dataclasses import dataclass

from wellkept.kernel.plan import PlanState
from wellkept.spine.gate import Gate
from wellkept.web.views.plans import PlanView, plan_view

DECIDED = tuple(state for state in PlanState if state is not PlanState.WAITING)
LIMIT = 50


@dataclass(frozen=True, slots=True)
class ApprovalsView:
    """The approvals page."""

    waiting: tuple[PlanView, ...]
    decided: tuple[PlanView, ...]


def approvals_view(gate: Gate) -> ApprovalsView:
    """Waiting plans, the oldest first; below them the others, the newest first."""
    waiting = gate.plans(state=PlanState.WAITING, limit=LIMIT)
    decided = gate.plans(states=DECIDED, limit=LIMIT)
    return ApprovalsView(
        tuple(plan_view(record, gate) for record in reversed(waiting)),
        tuple(plan_view(record, gate) for record in decided),
    )

"""The people and the machinery around the platform: who approves, and who runs what was approved."""

from __future__ import annotations

from wellkept.app.platform import Platform
from wellkept.kernel.plan import PlanState

APPROVED = frozenset({"promote_model", "roll_out"})
"""What the person at the gate says yes to; anything else is left alone."""
PERSON = "simulated person"


class Inline:
    """Runs approved plans at once, on the thread that turns the gate. The gate's own steps are the real ones."""

    def __init__(self, platform: Platform) -> None:
        self._gate, self._open = platform.gate, list[str]()

    def start(self, plan: str, actions: int) -> None:
        """Do every action of a plan until one fails."""
        for index in range(actions):
            if not self._gate.step(plan, index)["ok"]:
                break
        self._open.append(plan)

    def settle(self) -> None:
        """Look again at what is not verified yet."""
        self._open = [plan for plan in self._open if not self._gate.settle(plan)]


def approve(platform: Platform) -> list[str]:
    """Say yes to the promotions that wait, as a person would who has read them; their titles."""
    approved = []
    for record in platform.gate.plans(state=PlanState.WAITING):
        names = {action.name for action in record.plan.actions}
        if names <= APPROVED:
            platform.gate.approve(record.plan.id, record.plan.hash, PERSON, "its gates passed")
            approved.append(record.plan.title)
    return approved

"""The policy of the gate: which plans may run without a person."""

from __future__ import annotations

from dataclasses import dataclass

from wellkept.kernel.plan import Plan, Risk


@dataclass(frozen=True, slots=True)
class Policy:
    """What may happen by itself.

    ``automatic_low``: low-risk plans run unattended. ``automatic_actions``: action names that may run unattended at
    medium risk. High risk never does, whatever is written here.
    """

    automatic_low: bool = True
    automatic_actions: frozenset[str] = frozenset({"retrain_model"})

    def allows(self, plan: Plan, risk: Risk) -> tuple[bool, str]:
        """Whether a plan may run without a person, and why (or why not)."""
        if risk is Risk.HIGH:
            return False, "high risk waits for a person"
        if risk is Risk.LOW:
            if self.automatic_low:
                return True, "low risk may run by itself"
            return False, "the policy lets nothing run by itself"
        if plan.actions and all(action.name in self.automatic_actions for action in plan.actions):
            return True, "the policy lets these actions run by themselves"
        return False, "medium risk waits for a person"

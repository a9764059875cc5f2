"""The plug-in contract of everything that changes the outside world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from wellkept.kernel.errors import InputError
from wellkept.kernel.plan import Action, ActionResult, Plan, Risk

_ORDER = [Risk.LOW, Risk.MEDIUM, Risk.HIGH]


class ActionHandler(Protocol):
    """Does one kind of action.

    ``risk`` is the least risk of a plan that holds such an action; a runbook may say more, never less.
    """

    name: str
    risk: Risk

    def preview(self, action: Action) -> str:
        """A dry run: one sentence that says what would happen.

        Raises:
            InputError: the action breaks a rule; names the thing, the rule and the value.
        """
        ...

    def run(self, action: Action, key: str) -> ActionResult:
        """Do it. The same key again must not do it twice.

        Raises:
            ActionError: it failed; says whether a retry of the same helps.
        """
        ...


class Actions:
    """The action handlers by name."""

    def __init__(self, handlers: Mapping[str, ActionHandler]) -> None:
        self._handlers = dict(handlers)

    def handler(self, name: str) -> ActionHandler:
        """The handler of an action.

        Raises:
            InputError: there is none of that name.
        """
        if name not in self._handlers:
            raise InputError("action", f"must be one of {', '.join(sorted(self._handlers))}", name)
        return self._handlers[name]

    def preview(self, plan: Plan) -> list[str]:
        """What each action of a plan would do."""
        return [self.handler(action.name).preview(action) for action in plan.actions]

    def risk(self, plan: Plan) -> Risk:
        """The plan's risk: the worst of its own and of what its actions can do at least."""
        risks = [plan.risk, *(self.handler(action.name).risk for action in plan.actions)]
        return max(risks, key=_ORDER.index)

"""The plug-in contract of everything that changes the outside world."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

from wellkept.kernel.errors import ActionError, InputError, WellkeptError
from wellkept.kernel.plan import Action, ActionResult, Plan, Risk


class Interrupted(BaseException):
    """The process ends while an action is under way, and nothing is known of its outcome.

    It passes every ``except Exception``, so that nobody records an outcome; the run goes on at the next start, under
    the same key.
    """


log = logging.getLogger(__name__)

ATTEMPTS = 3
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
            Interrupted: the process is being stopped, and the outcome is not known.
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

    def attempt(self, action: Action, key: str) -> ActionResult:
        """The edge at which an action runs: whatever it raises becomes its result, or the plan would hang."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self.handler(action.name).run(action, key)
            except ActionError as error:
                if not error.retry_helps or attempt == ATTEMPTS:
                    return ActionResult(ok=False, changed=False, sentence=str(error))
            except WellkeptError as error:
                return ActionResult(ok=False, changed=False, sentence=str(error))
            except Exception as error:
                log.exception("action %s (%s) failed in a way that nobody foresaw", action.name, key)
                sentence = f"{action.name} failed unexpectedly: {type(error).__name__}: {error}"
                return ActionResult(ok=False, changed=True, sentence=sentence, details={"unknown_outcome": True})
        raise AssertionError("unreachable: the last attempt returns")

    def risk(self, plan: Plan) -> Risk:
        """The plan's risk: the worst of its own and of what its actions can do at least."""
        risks = [plan.risk, *(self.handler(action.name).risk for action in plan.actions)]
        return max(risks, key=_ORDER.index)

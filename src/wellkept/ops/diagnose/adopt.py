"""Learned weights come into use through the gate, like everything that changes what the platform does to the world."""

from __future__ import annotations

from datetime import datetime

from wellkept.kernel.clock import stable_id
from wellkept.kernel.diagnosis import Weighting
from wellkept.kernel.errors import ConflictError, NotFoundError
from wellkept.kernel.plan import Action, ActionResult, Plan, Risk, Verification
from wellkept.spine.causes import CauseDesk

SUBJECT, WORLD = "diagnosis", "diagnosis:weights"
"""What such plans are about, and the fact of the world that they hold for: the version in use."""
SHIPPED = 0
"""The number of the weights that come with the platform."""


class UseWeights:
    """Arguments: ``number`` of a version of the weights that passed its verdict; 0 is the shipped one.

    Of low risk: it changes who is named first, is taken back at once, and remedies have policies of their own.
    """

    name = "use_diagnosis_weights"
    risk = Risk.LOW

    def __init__(self, desk: CauseDesk) -> None:
        self._desk = desk

    def preview(self, action: Action) -> str:
        number = _number(action)
        if number != SHIPPED:
            self._desk.passed(number)
        return f"causes are ranked by {called(number)} instead of {called(self._desk.in_use)}"

    def run(self, action: Action, key: str) -> ActionResult:
        number = _number(action)
        changed = self._desk.use(number, by=key)
        return ActionResult(True, changed, f"causes are ranked by {called(number)}", {"number": number})


def adoption_plan(desk: CauseDesk, number: int, now: datetime, by: str, why: str) -> Plan:
    """The plan that takes a version into use; it is void as soon as another one is in use.

    Raises:
        NotFoundError: there is no such version.
        ConflictError: it did not pass, or is in use already.
    """
    before = desk.in_use
    reason = why or f"{by} asks for it"
    if number != SHIPPED:
        reason = f"{_judged(desk.passed(number))} {why}".strip()
    if number == before:
        raise ConflictError(called(number), "is in use already")
    return Plan(
        id=stable_id("pln", WORLD, str(number), str(before), now.isoformat()),
        subject=SUBJECT,
        title=f"Rank causes by {called(number)}",
        reason=reason,
        risk=Risk.LOW,
        actions=(
            Action(
                UseWeights.name,
                WORLD,
                {"number": number},
                undo=f"wellkept diagnose use {before}" if before != SHIPPED else "wellkept diagnose shipped",
            ),
        ),
        verification=Verification(sentence=f"{called(number)} rank causes from now on"),
        proposed_at=now,
        proposed_by=by,
        effect=f"The causes of incidents are ranked by {called(number)} instead of {called(before)}.",
        world={WORLD: str(before)},
    )


def called(number: int) -> str:
    """A version in words."""
    return f"version {number} of the weights" if number != SHIPPED else "the shipped weights"


def _judged(version: Weighting) -> str:
    """What the verdict rests on, for those who decide."""
    told = "; ".join(f"{check.name}: {check.value} ({check.limit})" for check in version.verdict.checks)
    return f"It passed on {version.cases} confirmed causes: {told}."


def _number(action: Action) -> int:
    number = action.arguments.get("number")
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise NotFoundError(f"version {number} of the weights", "is not known")
    return number

"""The brakes of remedies: why a runbook that could run by itself does not do so now.

What comes back again and again is not mended by what was done about it, two remedies at work in one place undo each
other, and people must be able to stop all of them at once. Brakes are for the plans of runbooks: what makes things safe
again (a rollback) is held back by nothing, nor is what a person approves but for its turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from wellkept.kernel.durations import in_words
from wellkept.kernel.errors import ConflictError, InputError
from wellkept.kernel.plan import Plan, PlanState
from wellkept.spine.audit import Audit
from wellkept.store.state.plans import PlanRecord, PlanRows
from wellkept.store.state.state import State

NEVER_RAN = (PlanState.VOID, PlanState.EXPIRED)
SUBJECT, PAUSED, RESUMED = "runbooks", "runbooks.paused", "runbooks.resumed"
LONGEST_PAUSE_S = 366 * 86_400.0


@dataclass(frozen=True, slots=True)
class BrakeSettings:
    """How often the same remedy runs by itself."""

    most: int = 3
    """So often a runbook runs by itself for one target within ``within_s`` seconds; then a person is asked."""
    within_s: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Pause:
    """That no runbook runs by itself: who wanted it, since when, why, and until when (None: until somebody ends it)."""

    by: str
    at: datetime
    why: str
    until: datetime | None

    @property
    def sentence(self) -> str:
        until = f" until {self.until:%Y-%m-%d %H:%M} UTC" if self.until is not None else ""
        return f"runbooks are paused{until} by {self.by}: {self.why}"


class Brakes:
    """Asked by the gate. A pause is what the audit log says last about runbooks, so every server knows of it."""

    def __init__(self, state: State, audit: Audit, settings: BrakeSettings | None = None) -> None:
        self._plans, self._audit, self._settings = PlanRows(state), audit, settings or BrakeSettings()

    def hold(self, plan: Plan, now: datetime) -> str:
        """Why a person has to decide on a plan that the policy would let run; empty where nothing speaks against it."""
        if not plan.runbook:
            return ""
        pause = self.paused(now)
        if pause is not None:
            return pause.sentence
        since = now - timedelta(seconds=self._settings.within_s)
        alike = self._plans.of_runbook(plan.runbook, plan.actions[0].target, since)
        mine = (one for one in alike if one.decision is not None and one.decision.is_by_policy)
        count = sum(one.state not in NEVER_RAN for one in mine)
        if count < self._settings.most:
            return ""
        often = f"{count} times" if count > 1 else "once"
        within = in_words(self._settings.within_s)
        return (
            f"it ran by itself {often} on {plan.actions[0].target} within {within}: what comes back is not mended by it"
        )

    def paused(self, now: datetime) -> Pause | None:
        """The pause that holds now."""
        last = next(iter(self._audit.entries(1, SUBJECT)), None)
        if last is None or last.verb != PAUSED:
            return None
        until = datetime.fromisoformat(last.details["until"]) if last.details["until"] else None
        pause = Pause(last.actor, last.at, last.details["why"], until)
        return pause if until is None or now < until else None

    def pause(self, by: str, why: str, now: datetime, for_s: float | None = None) -> Pause:
        """Have no runbook run by itself from now on. What is under way goes on; a pause that holds is replaced.

        Raises:
            InputError: there is no reason, or it would last longer than a year.
        """
        if not why.strip():
            raise InputError("why", "is required: others will want to know")
        if for_s is not None and not 0 < for_s <= LONGEST_PAUSE_S:
            raise InputError(
                "for_s", f"must be above 0 and at most {LONGEST_PAUSE_S / 86_400:.0f} days, in seconds", for_s
            )
        until = now + timedelta(seconds=for_s) if for_s is not None else None
        self._audit.append(now, by, PAUSED, SUBJECT, {"why": why.strip(), "until": until.isoformat() if until else ""})
        return Pause(by, now, why.strip(), until)

    def resume(self, by: str, now: datetime) -> None:
        """Let runbooks run by themselves again. Plans that came meanwhile wait for a person all the same.

        Raises:
            ConflictError: they are not paused.
        """
        if self.paused(now) is None:
            raise ConflictError("runbooks", "are not paused")
        self._audit.append(now, by, RESUMED, SUBJECT)


def at_work(records: Iterable[PlanRecord]) -> dict[str, str]:
    """Where the remedies among running plans are at work: target to plan."""
    return {action.target: one.plan.id for one in records if one.plan.runbook for action in one.plan.actions}


def in_the_way(plan: Plan, busy: dict[str, str]) -> str:
    """What a remedy has to wait for, in a sentence; empty where it has its turn."""
    taken = (action.target for action in plan.actions if plan.runbook and action.target in busy)
    target = next(taken, None)
    return f"waits for plan {busy[target]}, which is at work on {target}" if target is not None else ""

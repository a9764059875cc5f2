"""The gate: the one door through which the outside world is changed.

plan -> previews -> policy -> approval bound to the plan's hash -> durable run -> verification -> audit.
Clearing logs on a disk and promoting a model are the same kind of thing here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import Clock
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import ActionError, ConflictError, InputError, NotFoundError
from wellkept.kernel.plan import ActionResult, Decision, Plan, PlanState
from wellkept.spine.action import Actions
from wellkept.spine.audit import Audit
from wellkept.spine.policy import Policy
from wellkept.spine.stream import Stream
from wellkept.store.state.plans import PlanRecord, PlanRows
from wellkept.store.state.state import State

__all__ = ["Gate", "PlanRecord"]

log = logging.getLogger(__name__)

POLICY = "policy"
ATTEMPTS = 3

World = Callable[[str], str]
"""Reads one fact about the present world by its key, such as ``alias:fraud@champion``."""


class Executor(Protocol):
    """Starts the durable run of a plan (see :mod:`wellkept.spine.runs`)."""

    def start(self, plan: str, actions: int) -> None: ...


class Gate:
    """Takes plans in, lets people and the policy decide, runs what was decided, and settles it on telemetry."""

    def __init__(
        self,
        state: State,
        stream: Stream,
        audit: Audit,
        actions: Actions,
        policy: Policy,
        world: World,
        clock: Clock,
    ) -> None:
        self._plans = PlanRows(state)
        self._stream, self._audit, self._actions = stream, audit, actions
        self._policy, self._world, self._clock = policy, world, clock
        self._executor: Executor | None = None
        self._settled: list[Callable[[PlanRecord], None]] = []

    def attach(self, executor: Executor) -> None:
        """Name the executor, and start again what was under way when the process ended (starting twice is once)."""
        self._executor = executor
        for record in self.plans(states=(PlanState.RUNNING, PlanState.VERIFYING)):
            executor.start(record.plan.id, len(record.plan.actions))

    def on_settled(self, callback: Callable[[PlanRecord], None]) -> None:
        """Call back whenever a plan reaches a final state."""
        self._settled.append(callback)

    def propose(self, plan: Plan) -> PlanState:
        """Take a plan in. The same id again is a no-op.

        Raises:
            InputError: an action breaks a rule; nothing is saved.
        """
        known = self._plans.get(plan.id)
        if known is not None:
            return known.state
        previews = self._actions.preview(plan)
        allowed, why = self._policy.allows(plan, self._actions.risk(plan))
        self._plans.add(plan, PlanState.WAITING, why)
        details = {"hash": plan.hash, "title": plan.title, "reason": plan.reason, "would": previews}
        self._note(plan.proposed_by, "plan.proposed", plan.id, details)
        if allowed:
            self._decide(plan, approved=True, by=POLICY, why=why)
        return self._record(plan.id).state

    def approve(self, plan_id: str, plan_hash: str, by: str, why: str) -> Decision:
        """Allow exactly the plan with this hash.

        Raises:
            NotFoundError: there is no such plan.
            ConflictError: it has another hash, is decided already, has expired, or the world has changed.
        """
        record = self._record(plan_id)
        if record.plan.hash != plan_hash:
            raise ConflictError(f"plan {plan_id}", "the approval is for another content (hash)", plan_hash)
        self._expire(record)
        self._void_if_changed(record.plan)
        return self._decide(record.plan, approved=True, by=by, why=why)

    def reject(self, plan_id: str, by: str, why: str) -> Decision:
        """Refuse a plan that waits.

        Raises:
            NotFoundError: there is no such plan.
            ConflictError: it does not wait any more.
        """
        decision = self._decide(self._record(plan_id).plan, approved=False, by=by, why=why)
        self._announce(plan_id)
        return decision

    def plan(self, plan_id: str) -> PlanRecord | None:
        return self._plans.get(plan_id)

    def plans(
        self,
        *,
        subject: str | None = None,
        state: PlanState | None = None,
        states: tuple[PlanState, ...] | None = None,
        limit: int = 100,
    ) -> list[PlanRecord]:
        """Plans, newest first."""
        return self._plans.recent(subject, (state,) if state else states, limit)

    def previews(self, plan: Plan) -> list[str]:
        """What each action of a plan would do now (a dry run)."""
        return self._actions.preview(plan)

    def tick(self) -> None:
        """Expire what waited too long; start what was approved."""
        for record in self.plans(states=(PlanState.WAITING, PlanState.APPROVED)):
            try:
                self._expire(record)
                if record.state is PlanState.APPROVED:
                    self._void_if_changed(record.plan)
                    self._start(record.plan)
            except ConflictError as conflict:
                log.info("plan %s: %s", record.plan.id, conflict)

    def step(self, plan_id: str, index: int) -> dict[str, Any]:
        """Run one action of a plan (called by the executor) and return its result as plain values."""
        record = self._record(plan_id)
        action = record.plan.actions[index]
        key = f"{plan_id}:{index}"
        result = self._attempt(record.plan, index, key)
        self._plans.save_results(plan_id, [*record.results[:index], result])
        verb = "action.done" if result.ok else "action.failed"
        self._note(POLICY if not record.decision else record.decision.by, verb, plan_id, encode(result))
        if result.changed:
            change = Change(
                action.target, ChangeKind.REMEDY, self._clock.now(), "wellkept", result.sentence, plan_id
            )
            self._stream.record(change)
        if result.ok and index == len(record.plan.actions) - 1:
            self._move(plan_id, (PlanState.RUNNING,), PlanState.VERIFYING, record.plan.verification.sentence)
        return {"ok": result.ok}

    def settle(self, plan_id: str) -> bool:
        """Look whether a run plan is settled: its actions failed, its findings ended, or its time is up."""
        record = self._record(plan_id)
        if record.state.is_final:
            return True
        failed = next((result for result in record.results if not result.ok), None)
        verification = record.plan.verification
        if failed is not None:
            return self._finish(plan_id, PlanState.FAILED, f"an action failed: {failed.sentence}")
        still_open = [
            finding.sentence
            for finding in self._stream.findings(ids=verification.findings)
            if finding.is_open
        ]
        if not still_open:
            return self._finish(plan_id, PlanState.SUCCEEDED, verification.sentence or "done")
        if self._clock.now() - record.updated_at > timedelta(seconds=verification.within_s):
            sentence = f"not verified within {verification.within_s:g} s: {still_open[0]}"
            return self._finish(plan_id, PlanState.FAILED, sentence)
        return False

    def _attempt(self, plan: Plan, index: int, key: str) -> ActionResult:
        handler = self._actions.handler(plan.actions[index].name)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return handler.run(plan.actions[index], key)
            except ActionError as error:
                if not error.retry_helps or attempt == ATTEMPTS:
                    return ActionResult(ok=False, changed=False, sentence=str(error))
            except InputError as error:
                return ActionResult(ok=False, changed=False, sentence=str(error))
        raise AssertionError("unreachable: the last attempt returns")

    def _start(self, plan: Plan) -> None:
        if self._executor is None:
            return
        if self._move(plan.id, (PlanState.APPROVED,), PlanState.RUNNING, "running"):
            self._note("wellkept", "plan.started", plan.id, {"hash": plan.hash})
            self._executor.start(plan.id, len(plan.actions))

    def _decide(self, plan: Plan, *, approved: bool, by: str, why: str) -> Decision:
        now = self._clock.now()
        until = now + timedelta(seconds=plan.expires_s)
        decision = Decision(plan.id, plan.hash, approved, by, now, why, until)
        to = PlanState.APPROVED if approved else PlanState.REJECTED
        sentence = f"{'approved' if approved else 'rejected'} by {by}: {why}"
        if not self._plans.move(plan.id, (PlanState.WAITING,), to, now, sentence, decision=decision):
            raise ConflictError(
                f"plan {plan.id}", "does not wait for a decision", self._record(plan.id).state.value
            )
        self._note(by, f"plan.{to}", plan.id, {"hash": plan.hash, "why": why})
        return decision

    def _expire(self, record: PlanRecord) -> None:
        age = self._clock.now() - record.plan.proposed_at
        if record.state is PlanState.WAITING and age > timedelta(seconds=record.plan.expires_s):
            self._finish(
                record.plan.id, PlanState.EXPIRED, f"nobody decided within {record.plan.expires_s:g} s"
            )
            raise ConflictError(f"plan {record.plan.id}", "has expired")

    def _void_if_changed(self, plan: Plan) -> None:
        for key, expected in plan.world.items():
            found = self._world(key)
            if found != expected:
                sentence = f"the world changed: {key} was {expected or 'unset'}, is {found or 'unset'}"
                self._finish(plan.id, PlanState.VOID, sentence)
                raise ConflictError(f"plan {plan.id}", sentence)

    def _finish(self, plan_id: str, to: PlanState, sentence: str) -> bool:
        allowed = tuple(state for state in PlanState if not state.is_final)
        if self._move(plan_id, allowed, to, sentence):
            self._note("wellkept", f"plan.{to}", plan_id, {"sentence": sentence})
            self._announce(plan_id)
        return True

    def _announce(self, plan_id: str) -> None:
        record = self._record(plan_id)
        for callback in self._settled:
            callback(record)

    def _move(self, plan_id: str, allowed: tuple[PlanState, ...], to: PlanState, sentence: str) -> bool:
        return self._plans.move(plan_id, allowed, to, self._clock.now(), sentence)

    def _note(self, actor: str, verb: str, subject: str, details: Mapping[str, Any]) -> None:
        self._audit.append(self._clock.now(), actor, verb, subject, details)

    def _record(self, plan_id: str) -> PlanRecord:
        record = self._plans.get(plan_id)
        if record is None:
            raise NotFoundError(f"plan {plan_id}", "is not known")
        return record

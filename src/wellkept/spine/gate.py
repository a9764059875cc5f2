"""The gate: the one door through which the outside world is changed.

plan -> previews -> policy and brakes -> approval bound to the plan's hash -> durable run -> verification -> audit.
Clearing logs on a disk and promoting a model are the same kind of thing here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import Clock
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.plan import POLICY, ActionResult, Decision, Plan, PlanState
from wellkept.spine.action import Actions
from wellkept.spine.audit import Audit
from wellkept.spine.brakes import Brakes, at_work, in_the_way
from wellkept.spine.policy import Policy
from wellkept.spine.stream import Stream
from wellkept.store.state.plans import PlanRecord, PlanRows
from wellkept.store.state.state import State

__all__ = ["Gate", "PlanRecord"]

log = logging.getLogger(__name__)

ACTOR = "wellkept"
EVERY_ONE = 100_000
"""More plans than can wait or run; a look at what is due leaves none out."""

UNDECIDED, DECIDED = (PlanState.WAITING,), (PlanState.APPROVED,)
UNDER_WAY = (PlanState.RUNNING, PlanState.VERIFYING)

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
        brakes: Brakes | None = None,
    ) -> None:
        """``brakes``: what holds remedies back; None: those that ship."""
        self.brakes = brakes or Brakes(state, audit)
        self._plans = PlanRows(state)
        self._stream, self._audit, self._actions = stream, audit, actions
        self._policy, self._world, self._clock = policy, world, clock
        self._executor: Executor | None = None
        self._launched: set[str] = set()
        self._settled: list[Callable[[PlanRecord], None]] = []

    def attach(self, executor: Executor | None) -> None:
        """Name the executor, and start again what was under way when the process ended (starting twice is once).

        None: nothing is started here any more, another server does.
        """
        self._executor = executor
        self._launched.clear()
        if executor is None:
            return
        for record in self.plans(states=UNDER_WAY, limit=EVERY_ONE):
            self._note(ACTOR, "plan.resumed", record.plan.id, _permission(record))
            self._launch(record)

    def on_settled(self, callback: Callable[[PlanRecord], None]) -> None:
        """Call back whenever a plan reaches a final state."""
        self._settled.append(callback)

    def propose(self, plan: Plan) -> PlanState:
        """Take a plan in. The same id again is a no-op.

        Raises:
            InputError: an action breaks a rule, or the verification names a finding that is not known; nothing is
                saved.
        """
        known = self._plans.get(plan.id)
        if known is not None:
            return known.state
        self._check_verification(plan)
        previews = self._actions.preview(plan)
        allowed, why = self._policy.allows(plan, self._actions.risk(plan))
        if allowed and (held := self.brakes.hold(plan, self._clock.now())):
            allowed, why = False, held
        details = {"hash": plan.hash, "title": plan.title, "reason": plan.reason, "would": previews}
        self._note(plan.proposed_by, "plan.proposed", plan.id, details)
        if not allowed:
            self._plans.add(plan, PlanState.WAITING, why)
        else:
            decision = _decision(plan, self._clock.now(), approved=True, by=POLICY, why=why)
            if self._plans.add(plan, PlanState.APPROVED, _told(decision), decision):
                self._note_decision(decision)
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
        if record.state is not PlanState.WAITING:
            raise ConflictError(f"plan {plan_id}", "does not wait for a decision", record.state.value)
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
        """Expire what waited too long, for a decision or for its start; start what was approved, in its turn."""
        records = self.plans(states=UNDECIDED + DECIDED + UNDER_WAY, limit=EVERY_ONE)
        busy = at_work(record for record in records if record.state in UNDER_WAY)
        for record in sorted(records, key=lambda record: (record.plan.proposed_at, record.plan.id)):
            try:
                self._expire(record)
                if record.state is PlanState.APPROVED:
                    self._void_if_changed(record.plan)
                    self._start(record, busy)
                elif record.state is not PlanState.WAITING:
                    self._launch(record)
            except ConflictError as conflict:
                log.info("plan %s: %s", record.plan.id, conflict)

    def step(self, plan_id: str, index: int) -> dict[str, Any]:
        """Run one action of a plan (called by the executor) and return its result as plain values.

        Called again after a crash, it goes on where it was: an action whose result is kept is not run again.
        """
        record = self._record(plan_id)
        if index < len(record.results):
            result = record.results[index]
        elif record.state is not PlanState.RUNNING or record.decision is None:
            return {"ok": False}
        else:
            result = self._act(record, record.decision, index)
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
            return self._finish(plan_id, UNDER_WAY, PlanState.FAILED, f"an action failed: {failed.sentence}")
        if len(record.results) < len(record.plan.actions):
            return self._finish(plan_id, UNDER_WAY, PlanState.FAILED, "not every action was run")
        findings = self._stream.findings(ids=verification.findings)
        still_open = [finding.sentence for finding in findings if finding.is_open]
        if not still_open:
            return self._finish(plan_id, UNDER_WAY, PlanState.SUCCEEDED, verification.sentence or "done")
        if self._clock.now() - record.updated_at > timedelta(seconds=verification.within_s):
            sentence = f"not verified within {verification.within_s:g} s: {still_open[0]}"
            return self._finish(plan_id, UNDER_WAY, PlanState.FAILED, sentence)
        return False

    def _check_verification(self, plan: Plan) -> None:
        """What is not known has no end that could be seen."""
        known = {finding.id for finding in self._stream.findings(ids=plan.verification.findings)}
        for finding in plan.verification.findings:
            if finding not in known:
                raise InputError(f"plan {plan.id}: verification.findings", "must name known findings", finding)

    def _act(self, record: PlanRecord, decision: Decision, index: int) -> ActionResult:
        """Do an action and tell the audit log and the stream; the result is kept last, as the mark that all is done."""
        plan = record.plan
        result = self._actions.attempt(plan.actions[index], f"{plan.id}:{index}")
        self._note(decision.by, "action.done" if result.ok else "action.failed", plan.id, encode(result))
        if result.changed:
            target, now = plan.actions[index].target, self._clock.now()
            self._stream.record(Change(target, ChangeKind.REMEDY, now, ACTOR, result.sentence, plan.id))
        self._plans.save_results(plan.id, [*record.results[:index], result])
        return result

    def _start(self, record: PlanRecord, busy: dict[str, str]) -> None:
        """Start a plan, unless another remedy is at work where it would be: then it says so, and waits."""
        plan = record.plan
        if self._executor is None:
            return
        if waits := in_the_way(plan, busy):
            if waits != record.sentence:
                self._move(plan.id, DECIDED, PlanState.APPROVED, waits)
            return
        if self._move(plan.id, DECIDED, PlanState.RUNNING, "running"):
            busy |= at_work([record])
            self._note(ACTOR, "plan.started", plan.id, _permission(record))
            self._launch(record)

    def _launch(self, record: PlanRecord) -> None:
        """Hand a running plan to the executor, once in the life of this process; tried again when it could not."""
        plan = record.plan
        if self._executor is not None and plan.id not in self._launched:
            self._executor.start(plan.id, len(plan.actions))
            self._launched.add(plan.id)

    def _decide(self, plan: Plan, *, approved: bool, by: str, why: str) -> Decision:
        decision = _decision(plan, self._clock.now(), approved=approved, by=by, why=why)
        to = PlanState.APPROVED if approved else PlanState.REJECTED
        if not self._plans.move(plan.id, UNDECIDED, to, decision.at, _told(decision), decision=decision):
            raise ConflictError(f"plan {plan.id}", "does not wait for a decision", self._record(plan.id).state.value)
        self._note_decision(decision)
        return decision

    def _note_decision(self, decision: Decision) -> None:
        verb = "plan.approved" if decision.approved else "plan.rejected"
        self._note(decision.by, verb, decision.plan, {"hash": decision.plan_hash, "why": decision.why})

    def _expire(self, record: PlanRecord) -> None:
        """Expire a plan that nobody decided on in time, or whose approval ended before it could be started."""
        now, plan, decision = self._clock.now(), record.plan, record.decision
        sentence = ""
        if record.state is PlanState.WAITING and now - plan.proposed_at > timedelta(seconds=plan.expires_s):
            sentence = f"nobody decided within {plan.expires_s:g} s"
        elif record.state is PlanState.APPROVED and decision is not None and now > decision.until:
            sentence = f"the approval held until {decision.until:%Y-%m-%d %H:%M:%S} UTC, and it was not started by then"
        if sentence:
            self._finish(plan.id, (record.state,), PlanState.EXPIRED, sentence)
            raise ConflictError(f"plan {plan.id}", f"has expired: {sentence}")

    def _void_if_changed(self, plan: Plan) -> None:
        for key, expected in plan.world.items():
            found = self._world(key)
            if found != expected:
                sentence = f"the world changed: {key} was {expected or 'unset'}, is {found or 'unset'}"
                self._finish(plan.id, UNDECIDED + DECIDED, PlanState.VOID, sentence)
                raise ConflictError(f"plan {plan.id}", sentence)

    def _finish(self, plan_id: str, allowed: tuple[PlanState, ...], to: PlanState, sentence: str) -> bool:
        if self._move(plan_id, allowed, to, sentence):
            self._note(ACTOR, f"plan.{to}", plan_id, {"sentence": sentence})
            self._launched.discard(plan_id)
            self._announce(plan_id)
        return True

    def _announce(self, plan_id: str) -> None:
        """The edge at which others hear of an end: what goes wrong with them does not undo it."""
        record = self._record(plan_id)
        for callback in self._settled:
            try:
                callback(record)
            except Exception:
                log.exception("plan %s: somebody could not take in that it is %s", plan_id, record.state)

    def _move(self, plan_id: str, allowed: tuple[PlanState, ...], to: PlanState, sentence: str) -> bool:
        return self._plans.move(plan_id, allowed, to, self._clock.now(), sentence)

    def _note(self, actor: str, verb: str, subject: str, details: Mapping[str, Any]) -> None:
        self._audit.append(self._clock.now(), actor, verb, subject, details)

    def _record(self, plan_id: str) -> PlanRecord:
        record = self._plans.get(plan_id)
        if record is None:
            raise NotFoundError(f"plan {plan_id}", "is not known")
        return record


def _decision(plan: Plan, now: datetime, *, approved: bool, by: str, why: str) -> Decision:
    return Decision(plan.id, plan.hash, approved, by, now, why, now + timedelta(seconds=plan.expires_s))


def _told(decision: Decision) -> str:
    return f"{'approved' if decision.approved else 'rejected'} by {decision.by}: {decision.why}"


def _permission(record: PlanRecord) -> dict[str, Any]:
    """What a run rests on, for the audit log: the hash, and the decision that allowed it."""
    return {"hash": record.plan.hash, "decision": encode(record.decision)}

"""A plan, with everything that is needed to decide on it; used on every page that shows one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wellkept.kernel.errors import InputError
from wellkept.kernel.plan import Action, ActionResult, Plan, PlanState
from wellkept.spine.gate import Gate, PlanRecord
from wellkept.web.views import tone
from wellkept.web.wording import bare, duration, kind_of, plain

SAID_BY_DECISION = (PlanState.APPROVED, PlanState.REJECTED)
"""States in which a plan's sentence says what its decision has said already, as long as nothing was said after it."""


@dataclass(frozen=True, slots=True)
class ActionView:
    """One action: what exactly, what it would do, and what it did."""

    name: str
    target: str
    arguments: tuple[tuple[str, str], ...]
    undo: str
    would: str = ""
    problem: str = ""
    result: str = ""
    result_tone: str = ""


@dataclass(frozen=True, slots=True)
class DecisionView:
    """Who decided."""

    word: str
    by: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan as it is shown. ``is_waiting`` asks for a decision; ``sentence`` is how it stands, where that is news."""

    id: str
    title: str
    reason: str
    effect: str
    risk: str
    risk_tone: str
    state: str
    state_tone: str
    sentence: str
    hash: str
    subject: str
    subject_href: str
    proposed_at: datetime
    proposed_by: str
    updated_at: datetime
    expires_at: datetime
    runbook: str
    verification: str
    world: tuple[tuple[str, str], ...]
    actions: tuple[ActionView, ...]
    decision: DecisionView | None
    is_waiting: bool


def plan_view(record: PlanRecord, gate: Gate) -> PlanView:
    """A plan; what its actions would do is asked anew while it waits."""
    plan = record.plan
    is_waiting = record.state is PlanState.WAITING
    return PlanView(
        id=plan.id,
        title=plan.title,
        reason=plan.reason,
        effect=plan.effect,
        risk=plan.risk.value,
        risk_tone=tone.RISK[plan.risk],
        state=record.state.value,
        state_tone=tone.PLAN[record.state],
        sentence=record.sentence if _is_news(record) else "",
        hash=plan.hash,
        subject=plan.subject,
        subject_href=href_of(plan.subject),
        proposed_at=plan.proposed_at,
        proposed_by=plan.proposed_by,
        updated_at=record.updated_at,
        expires_at=plan.proposed_at + timedelta(seconds=plan.expires_s),
        runbook=plan.runbook,
        verification=_verification(plan),
        world=tuple((key, value or "not set") for key, value in sorted(plan.world.items())),
        actions=tuple(_action(record, index, gate if is_waiting else None) for index in range(len(plan.actions))),
        decision=_decision(record),
        is_waiting=is_waiting,
    )


def href_of(subject: str) -> str:
    """The page about a plan's subject: an incident's, a model's, or the diagnosis'; empty where there is none."""
    kind, _, name = subject.partition(":")
    if kind == "model" and name:
        return f"/models/{name}"
    if subject == "diagnosis":
        return "/diagnosis"
    return f"/incidents/{subject}" if subject.startswith("inc-") else ""


def _is_news(record: PlanRecord) -> bool:
    decision = record.decision
    return record.state not in SAID_BY_DECISION or (decision is not None and record.updated_at > decision.at)


def _verification(plan: Plan) -> str:
    wanted = plan.verification
    if not wanted.findings:
        return wanted.sentence or "the actions report success"
    findings = "its finding ends" if len(wanted.findings) == 1 else f"its {len(wanted.findings)} findings end"
    return f"{findings} within {duration(wanted.within_s)} of the last action; {wanted.sentence}".rstrip("; ")


def _action(record: PlanRecord, index: int, gate: Gate | None) -> ActionView:
    action = record.plan.actions[index]
    would, problem = _preview(record.plan, action, gate) if gate is not None else ("", "")
    result = record.results[index] if index < len(record.results) else None
    return ActionView(
        name=action.name.replace("_", " "),
        target=f"{kind_of(action.target)} {bare(action.target)}",
        arguments=_arguments(action.arguments),
        undo=action.undo,
        would=would,
        problem=problem,
        result=result.sentence if result else "",
        result_tone=_result_tone(result),
    )


def _result_tone(result: ActionResult | None) -> str:
    return "" if result is None else "ok" if result.ok else "error"


def _preview(plan: Plan, action: Action, gate: Gate) -> tuple[str, str]:
    try:
        return gate.previews(replace(plan, actions=(action,)))[0], ""
    except InputError as error:
        return "", str(error)


def _arguments(arguments: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((key.replace("_", " "), plain(value)) for key, value in arguments.items() if value not in ("", None))


def _decision(record: PlanRecord) -> DecisionView | None:
    decision = record.decision
    if decision is None:
        return None
    word = "approved" if decision.approved else "rejected"
    return DecisionView(word, decision.by, decision.at, decision.why)

"""Plans, their decisions and their results in the state store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from wellkept.kernel.codec import decode, encode
from wellkept.kernel.plan import ActionResult, Decision, Plan, PlanState
from wellkept.store.state.rows import upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import plans


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A plan with all that has happened to it."""

    plan: Plan
    state: PlanState
    sentence: str
    updated_at: datetime
    decision: Decision | None = None
    results: tuple[ActionResult, ...] = ()


class PlanRows:
    """Reads and writes plans. A change of state is a compare-and-set, so that two callers cannot both win."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, plan: Plan, state: PlanState, sentence: str, decision: Decision | None = None) -> bool:
        """Save a new plan, with the decision where there is one at once; False when its id is known already."""
        row = {
            "id": plan.id,
            "hash": plan.hash,
            "subject": plan.subject,
            "state": state,
            "proposed_at": plan.proposed_at,
            "updated_at": plan.proposed_at,
            "sentence": sentence,
            "body": encode(plan),
            "decision": encode(decision) if decision is not None else None,
            "results": [],
        }
        with self._state.transaction() as connection:
            if connection.execute(select(plans.c.id).where(plans.c.id == plan.id)).first():
                return False
            upsert(connection, plans, [row])
        return True

    def move(
        self,
        plan: str,
        allowed: Sequence[PlanState],
        to: PlanState,
        at: datetime,
        sentence: str,
        *,
        decision: Decision | None = None,
    ) -> bool:
        """Move a plan to a state if it is in one of the ``allowed`` ones; False when it is not."""
        values: dict[str, Any] = {"state": to, "updated_at": at, "sentence": sentence}
        if decision is not None:
            values["decision"] = encode(decision)
        statement = update(plans).where(plans.c.id == plan, plans.c.state.in_(list(allowed))).values(**values)
        with self._state.transaction() as connection:
            return bool(connection.execute(statement).rowcount)

    def save_results(self, plan: str, results: Sequence[ActionResult]) -> None:
        statement = update(plans).where(plans.c.id == plan).values(results=[encode(result) for result in results])
        with self._state.transaction() as connection:
            connection.execute(statement)

    def get(self, plan: str) -> PlanRecord | None:
        with self._state.reading() as connection:
            row = connection.execute(select(plans).where(plans.c.id == plan)).mappings().first()
        return _record(row) if row else None

    def recent(self, subject: str | None, states: Sequence[PlanState] | None, limit: int) -> list[PlanRecord]:
        """Plans, newest first."""
        query = select(plans).order_by(plans.c.proposed_at.desc(), plans.c.id).limit(limit)
        if subject is not None:
            query = query.where(plans.c.subject == subject)
        if states is not None:
            query = query.where(plans.c.state.in_(list(states)))
        with self._state.reading() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]

    def of_runbook(self, runbook: str, target: str, since: datetime) -> list[PlanRecord]:
        """The plans of a runbook whose first action is on a target, of those that were proposed since then."""
        body = plans.c.body
        is_alike = body["runbook"].as_string() == runbook, body[("actions", 0, "target")].as_string() == target
        query = select(plans).where(plans.c.proposed_at >= since, *is_alike).order_by(plans.c.proposed_at)
        with self._state.reading() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]


def _record(row: Mapping[Any, Any]) -> PlanRecord:
    return PlanRecord(
        plan=decode(Plan, row["body"]),
        state=PlanState(row["state"]),
        sentence=row["sentence"],
        updated_at=row["updated_at"],
        decision=decode(Decision, row["decision"]) if row["decision"] else None,
        results=tuple(decode(ActionResult, result) for result in row["results"]),
    )

"""Aliases of our own registry, moved through the gate alone, and who allowed each of their moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.codec import encode
from wellkept.kernel.entity import model_id
from wellkept.kernel.errors import ActionError, ConflictError, InputError
from wellkept.kernel.plan import Action, ActionResult, Plan, Risk, Verification
from wellkept.spine.gate import PlanRecord
from wellkept.spine.registry import CHAMPION, PREVIOUS, ModelVersion, Registry, VersionState, check_alias

OWN = frozenset({CHAMPION, PREVIOUS})
"""What promotions and rollbacks move."""


class MoveAlias:
    """Arguments: ``model``, ``alias``, ``digest`` (empty: take it away), ``expected`` (what it points to now)."""

    name = "move_alias"
    risk = Risk.MEDIUM

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry, self._clock = registry, clock

    def preview(self, action: Action) -> str:
        model, alias, digest, _ = _given(action)
        if not digest:
            return f"{alias} of {model} is taken away"
        version = _movable(self._registry.version(model, digest), alias)
        return f"{alias} of {model} points to version {version.number}"

    def run(self, action: Action, key: str) -> ActionResult:
        model, alias, digest, expected = _given(action)
        sentence = self.preview(action)
        if self._registry.aliases(model).get(alias, "") == digest:
            return ActionResult(True, False, f"{sentence} already")
        try:
            self._registry.set_alias(model, alias, digest, expected=expected or None, at=self._clock.now(), by=key)
        except ConflictError as error:
            raise ActionError(str(error), retry_helps=False) from error
        return ActionResult(True, True, sentence, {"digest": digest, "before": expected})


def alias_plan(
    registry: Registry, alias: str, version: ModelVersion | None, model: str, now: datetime, by: str
) -> Plan:
    """The plan that moves an alias to a version, or takes it away; void as soon as it points elsewhere.

    Raises:
        InputError: the alias is no name of one or belongs to promotions, or the version did not pass its gates.
        ConflictError: it points there already.
    """
    check_alias(alias)
    if alias in OWN:
        raise InputError("alias", "is moved by `wellkept models promote` and `rollback` alone", alias)
    expected, digest = registry.aliases(model).get(alias, ""), version.digest if version else ""
    if expected == digest:
        rule = (
            f"points to version {version.number} already"
            if version
            else "points nowhere, so there is nothing to take away"
        )
        raise ConflictError(f"alias {model}@{alias}", rule)
    where = f"to version {_movable(version, alias).number}" if version else "away"
    arguments = {"model": model, "alias": alias, "digest": digest, "expected": expected}
    return Plan(
        id=stable_id("pln", "alias", model, alias, digest, expected, now.isoformat()),
        subject=model_id(model),
        title=f"Move {alias} of {model} {where}",
        reason="asked for",
        risk=Risk.MEDIUM,
        actions=(Action(MoveAlias.name, model_id(model), arguments, "move it back by the same way"),),
        verification=Verification(sentence=f"{alias} of {model} has moved {where}"),
        proposed_at=now,
        proposed_by=by,
        effect=f"Whoever asks for {model}@{alias} gets another version. What is live does not change.",
        world={f"alias:{model}@{alias}": expected},
    )


def told_moves(registry: Registry, plan_of: Callable[[str], PlanRecord | None], model: str) -> list[dict[str, Any]]:
    """Every move of a model's aliases, oldest first, with the plan that it was part of and who allowed that."""
    numbers = {version.digest: version.number for version in registry.versions(model)}
    found = []
    for move in registry.alias_history(model):
        plan = move.by.partition(":")[0]
        record = plan_of(plan)
        decision = record.decision if record is not None else None
        found.append(
            {
                **encode(move),
                "version": numbers.get(move.digest),
                "plan": plan if record is not None else "",
                "hash": decision.plan_hash if decision else "",
                "approved_by": decision.by if decision else "",
                "why": decision.why if decision else "",
            }
        )
    return found


def _movable(version: ModelVersion, alias: str) -> ModelVersion:
    if version.state is VersionState.REFUSED:
        raise InputError(f"{alias}: version {version.number} of {version.model}", "did not pass its gates")
    return version


def _given(action: Action) -> tuple[str, str, str, str]:
    model, alias, digest, expected = (
        str(action.arguments.get(name, "")) for name in ("model", "alias", "digest", "expected")
    )
    if alias in OWN:
        raise InputError("move_alias.alias", "must be none of those that promotions move", alias)
    return model, alias, digest, expected

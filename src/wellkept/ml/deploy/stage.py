"""The deploy stage: promotion and rollback as plans, and as actions of the gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.entity import EntityKind, model_id
from wellkept.kernel.errors import ActionError, ConflictError, InputError, NotFoundError
from wellkept.kernel.plan import Action, ActionResult, Plan, Risk, Verification
from wellkept.kernel.stage import Message, Stage
from wellkept.ml.deploy.desk import policy_of
from wellkept.spine.registry import CHAMPION, PREVIOUS, ModelVersion, Registry, VersionState
from wellkept.spine.rollouts import Rollout
from wellkept.spine.stream import Stream

STAGE = Stage(
    name="ml.deploy",
    consumes=frozenset(
        {Message.VERSION, Message.VERDICT, Message.PREDICTION, Message.LABEL, Message.TELEMETRY, Message.INCIDENT}
    ),
    emits=frozenset({Message.PLAN, Message.CHANGE}),
    purpose="Proposes rollouts, promotions and rollbacks, judges versions on their way, and moves the champion.",
)

ACTOR = "wellkept"
UNJUDGED = "was never judged; import it with --rows, or promote it with --unjudged, which the plan then says"


class PromoteModel:
    """Arguments: ``model``, ``digest``, ``expected`` (the champion's digest that the plan was made against)."""

    name = "promote_model"
    risk = Risk.HIGH

    def __init__(self, registry: Registry, stream: Stream, clock: Clock) -> None:
        self._registry, self._stream, self._clock = registry, stream, clock

    def preview(self, action: Action) -> str:
        version, current = self._resolve(action)
        before = f"version {current.number}" if current else "no model"
        return f"version {version.number} of {version.model} takes the place of {before} (served as {version.format})"

    def run(self, action: Action, key: str) -> ActionResult:
        version, current = self._resolve(action)
        now, expected = self._clock.now(), str(action.arguments.get("expected") or "")
        before = self._taken_from(version, key)
        if before is None:
            if current is not None and current.digest == version.digest:
                return ActionResult(True, False, f"version {version.number} of {version.model} is live already")
            self._move(version, CHAMPION, version.digest, expected, now, key)
            before = expected
        if before:
            previous = self._registry.aliases(version.model).get(PREVIOUS, "")
            self._move(version, PREVIOUS, before, previous, now, key)
        sentence = f"version {version.number} of {version.model} is live"
        reference = {"digest": version.digest, "before": before}
        entity = model_id(version.model)
        self._stream.record(Change(entity, ChangeKind.PROMOTION, now, ACTOR, sentence, key, reference))
        return ActionResult(True, True, sentence, reference)

    def _taken_from(self, version: ModelVersion, key: str) -> str | None:
        """The champion before, where this very run has moved the alias already and was cut off; else None."""
        moves = [move for move in self._registry.alias_history(version.model) if move.alias == CHAMPION]
        if not moves or (moves[-1].by, moves[-1].digest) != (key, version.digest):
            return None
        return moves[-2].digest if len(moves) > 1 else ""

    def _move(self, version: ModelVersion, alias: str, digest: str, expected: str, now: datetime, key: str) -> None:
        try:
            self._registry.set_alias(version.model, alias, digest, expected=expected or None, at=now, by=key)
        except ConflictError as error:
            raise ActionError(str(error), retry_helps=False) from error

    def _resolve(self, action: Action) -> tuple[ModelVersion, ModelVersion | None]:
        model, digest = str(action.arguments.get("model", "")), str(action.arguments.get("digest", ""))
        version = self._registry.version(model, digest)
        check_here(version)
        if version.state is VersionState.REFUSED:
            raise InputError(f"version {version.number} of {model}", "did not pass its gates", version.state.value)
        if version.state is VersionState.UNJUDGED and action.arguments.get("unjudged") is not True:
            raise InputError(f"version {version.number} of {model}", UNJUDGED)
        return version, self._registry.alias(model, CHAMPION)


def promotion_plan(
    version: ModelVersion,
    champion: ModelVersion | None,
    now: datetime,
    by: str,
    why: str,
    *,
    unjudged: bool = False,
    changes: str = "",
) -> Plan:
    """The plan that makes a version the champion; it is void as soon as the champion is another one.

    ``unjudged`` has to be said of a version that nobody judged, and then the plan says so. ``changes`` are those of the
    signature since the champion.

    Raises:
        ConflictError: it is the champion.
        InputError: nobody has judged it.
    """
    check_here(version)
    never = version.state is VersionState.UNJUDGED
    if never and not unjudged:
        raise InputError(f"version {version.number} of {version.model}", UNJUDGED)
    if champion is not None and champion.digest == version.digest:
        raise ConflictError(f"version {version.number} of {version.model}", "is live already")
    expected = champion.digest if champion else ""
    before = f"version {champion.number}" if champion else "nothing"
    return Plan(
        id=stable_id("pln", "promote", version.model, version.digest, expected, now.isoformat()),
        subject=model_id(version.model),
        title=f"Promote version {version.number} of {version.model}{', which nobody has judged' if never else ''}",
        reason=why or (version.gate.sentence if version.gate else "asked for"),
        risk=Risk.HIGH,
        actions=(
            Action(
                name=PromoteModel.name,
                target=model_id(version.model),
                arguments={"model": version.model, "digest": version.digest, "expected": expected}
                | ({"unjudged": True} if never else {}),
                undo=f"wellkept models rollback {version.model}",
            ),
        ),
        verification=Verification(sentence=f"version {version.number} is live"),
        proposed_at=now,
        proposed_by=by,
        effect=f"Every prediction of {version.model} comes from version {version.number} instead of {before}."
        + (f" Its signature changed: {changes}." if changes else ""),
        world={f"alias:{version.model}@{CHAMPION}": expected},
    )


def check_here(version: ModelVersion) -> None:
    """A version must be one that can be served here.

    Raises:
        InputError: it is served elsewhere.
    """
    if version.is_elsewhere:
        rule = "is served elsewhere and only watched here; roll it out where it is served, and its predictions tell"
        raise InputError(f"version {version.called} of {version.model}", rule)


def rollback_plan(registry: Registry, model: str, now: datetime, by: str, why: str) -> Plan:
    """The plan that brings the previous champion back.

    Raises:
        NotFoundError: there was none before.
    """
    champion, previous = registry.alias(model, CHAMPION), registry.alias(model, PREVIOUS)
    if champion is None or previous is None:
        raise NotFoundError(f"model {model}", "has no previous champion to go back to")
    reason = why or f"roll back from version {champion.number}"
    return promotion_plan(previous, champion, now, by, reason, unjudged=True)


def deployments(
    registry: Registry, contract_of: Callable[[ModelVersion], str], rollouts: Sequence[Rollout] = ()
) -> list[dict[str, Any]]:
    """What should be served: the champion of every model that has one, each under the contract that it was trained by.

    Those that are served elsewhere are not among them.

    A model with a rollout has two entries, the champion first, which say who they are (``role``), what share of the
    traffic they get, and the ``salt`` by which the keys are divided.
    """
    champions = (registry.alias(model, CHAMPION) for model in registry.models())
    live = {rollout.model: rollout for rollout in rollouts}
    found: list[dict[str, Any]] = []
    for champion in champions:
        if champion is not None and not champion.is_elsewhere:
            rollout = live.get(champion.model)
            found += _listed(registry, contract_of, champion, rollout)
    return found


def _listed(
    registry: Registry, contract_of: Callable[[ModelVersion], str], champion: ModelVersion, rollout: Rollout | None
) -> list[dict[str, Any]]:
    own = deployment(champion, contract_of(champion))
    if rollout is None or champion.digest not in (rollout.champion, rollout.challenger):
        return [own]
    is_switched = champion.digest == rollout.challenger
    other = registry.version(champion.model, rollout.champion if is_switched else rollout.challenger)
    role, share = ("standby", 0.0) if is_switched else _role(rollout)
    shared = {"rollout": rollout.id, "salt": rollout.id}
    return [
        {**own, **shared, "role": CHAMPION, "share": 1.0 - share},
        {**deployment(other, contract_of(other)), **shared, "role": role, "share": share},
    ]


def _role(rollout: Rollout) -> tuple[str, float]:
    """What the challenger is on its way: in shadow, with a share, or loaded and warm."""
    if rollout.strategy == "shadow":
        return "shadow", 0.0
    if rollout.strategy == "blue_green":
        return "standby", 0.0
    return "challenger", policy_of(rollout).steps[rollout.step]


def deployment(version: ModelVersion, contract: str) -> dict[str, Any]:
    """One deployment, as the model server reads it."""
    return {
        "model": version.model,
        "digest": version.digest,
        "version": version.number,
        "artifact": version.artifact,
        "contract": contract,
        "entity": f"{EntityKind.DEPLOYMENT}:{version.model}",
    }

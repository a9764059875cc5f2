"""The actions of a rollout: take a version through its steps, and watch it after the switch."""

from __future__ import annotations

from pydantic import ValidationError

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import Clock
from wellkept.kernel.entity import model_id
from wellkept.kernel.errors import ActionError, ConflictError, InputError
from wellkept.kernel.plan import Action, ActionResult, Risk
from wellkept.ml.deploy.desk import RolloutDesk, rollout_id
from wellkept.ml.rollout import Rollout as Policy
from wellkept.spine.registry import CHAMPION, PREVIOUS, ModelVersion, Registry, VersionState
from wellkept.spine.rollouts import Rollout, Rollouts, RolloutState
from wellkept.spine.stream import Stream

ACTOR = "wellkept"


class RollOut:
    """Arguments: ``model``, ``digest``, ``champion``, ``expected`` (digests), ``policy`` (the rollout part, whole).

    It lasts as long as the rollout: it ends well when the challenger was judged good, and fails when it was stopped.
    """

    name = "roll_out"
    risk = Risk.MEDIUM

    def __init__(self, desk: RolloutDesk, registry: Registry, clock: Clock) -> None:
        self._desk, self._registry, self._clock = desk, registry, clock

    def preview(self, action: Action) -> str:
        version, policy = self._resolve(action)
        name = f"version {version.number} of {version.model}"
        judged = "it is stopped by itself when it does harm"
        if policy.strategy == "shadow":
            return f"{name} is tried on every request and answers none; {judged}"
        if policy.strategy == "blue_green":
            return f"{name} is loaded beside the champion and warmed; it answers nothing before the switch"
        shares = ", then ".join(f"{share:.0%}" for share in policy.steps)
        return f"{name} answers {shares} of the requests, each step at least {policy.step_s:g} s; {judged}"

    def run(self, action: Action, key: str) -> ActionResult:
        version, policy = self._resolve(action)
        now = self._clock.now()
        given = Rollout(
            id=rollout_id(key.partition(":")[0]),
            model=version.model,
            key=key,
            strategy=str(policy.strategy),
            champion=str(action.arguments.get("champion", "")),
            challenger=version.digest,
            policy=policy.whole.model_dump(mode="json"),
            started_at=now,
            step_at=now,
        )
        try:
            rollout = self._desk.begin(given, str(action.arguments.get("expected", "")))
        except ConflictError as error:
            raise ActionError(str(error), retry_helps=False) from error
        rollout = self._desk.wait(rollout.id, (RolloutState.RUNNING,))
        details = {"rollout": rollout.id, "digest": version.digest}
        if rollout.state is RolloutState.STOPPED:
            sentence = f"the rollout was stopped by {rollout.by}: {rollout.sentence}"
            return ActionResult(False, True, sentence, details)
        return ActionResult(True, True, f"version {version.number} has passed: {rollout.sentence}", details)

    def _resolve(self, action: Action) -> tuple[ModelVersion, Policy]:
        model, digest = str(action.arguments.get("model", "")), str(action.arguments.get("digest", ""))
        version = self._registry.version(model, digest)
        if version.state in (VersionState.REFUSED, VersionState.UNJUDGED):
            raise InputError(f"version {version.number} of {model}", "did not pass its gates", version.state.value)
        try:
            policy = Policy.model_validate(action.arguments.get("policy"))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise InputError(f"roll_out.policy.{place}", first["msg"], first["input"]) from error
        if policy.strategy is None:
            raise InputError("roll_out.policy.strategy", "must be named")
        return version, policy


class WatchRelease:
    """Arguments: ``model``, ``digest``. Keeps the version before at hand for as long as the policy says.

    When the new champion is stopped in that time, by itself or by a person, the version before comes back at once.
    """

    name = "watch_release"
    risk = Risk.MEDIUM

    def __init__(self, desk: RolloutDesk, rollouts: Rollouts, registry: Registry, stream: Stream, clock: Clock) -> None:
        self._desk, self._rollouts, self._registry = desk, rollouts, registry
        self._stream, self._clock = stream, clock

    def preview(self, action: Action) -> str:
        model = str(action.arguments.get("model", ""))
        version = self._registry.version(model, str(action.arguments.get("digest", "")))
        seconds = float(action.arguments.get("watch_s", 0.0))
        return f"for {seconds:g} s the version before comes back by itself when version {version.number} does harm"

    def run(self, action: Action, key: str) -> ActionResult:  # noqa: ARG002 - the rollout of the same plan says all
        rollout = self._rollouts.rollout(rollout_id(key.partition(":")[0]))
        if rollout.state is RolloutState.PASSED:
            rollout = self._desk.watch(rollout)
        rollout = self._desk.wait(rollout.id, (RolloutState.PASSED, RolloutState.WATCHING))
        details = {"rollout": rollout.id}
        if rollout.state is not RolloutState.STOPPED:
            return ActionResult(True, False, f"no harm was seen: {rollout.sentence}", details)
        return self._back(rollout, key, details)

    def _back(self, rollout: Rollout, key: str, details: dict[str, str]) -> ActionResult:
        """Put the version before in front again, unless somebody has chosen another one meanwhile."""
        now, model = self._clock.now(), rollout.model
        before = self._registry.version(model, rollout.champion)
        aliases = self._registry.aliases(model)
        if aliases.get(CHAMPION) == rollout.challenger:
            try:
                self._registry.set_alias(model, CHAMPION, rollout.champion, expected=rollout.challenger, at=now, by=key)
            except ConflictError as error:
                raise ActionError(str(error), retry_helps=False) from error
        if self._registry.aliases(model).get(CHAMPION) != rollout.champion:
            raise ActionError(f"{model}: another version is the champion by now", retry_helps=False)
        if aliases.get(PREVIOUS) == rollout.champion:
            earlier = self._earlier(model)
            self._registry.set_alias(model, PREVIOUS, earlier, expected=rollout.champion, at=now, by=key)
        sentence = f"version {before.number} of {model} is back: {rollout.sentence}"
        reference = {"digest": before.digest, "before": rollout.challenger}
        self._stream.record(Change(model_id(model), ChangeKind.PROMOTION, now, ACTOR, sentence, key, reference))
        return ActionResult(False, True, sentence, details)

    def _earlier(self, model: str) -> str:
        """What was the previous champion until this release; a rollback must not propose what was just stopped."""
        moves = [move.digest for move in self._registry.alias_history(model) if move.alias == PREVIOUS]
        return moves[-2] if len(moves) > 1 else ""

"""What a person can ask of rollouts, one function a verb; routes and commands only pass it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from wellkept.kernel.clock import Clock
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.plan import Plan
from wellkept.ml.deploy.desk import RolloutDesk, alias_of, policy_of
from wellkept.ml.deploy.paired import Reader
from wellkept.ml.deploy.plans import Wanted, rollout_plan
from wellkept.ml.rollout import Rollout as Policy
from wellkept.spine.gate import Gate
from wellkept.spine.registry import CHAMPION, ModelVersion, Registry, VersionState
from wellkept.spine.rollouts import Look, Rollout, Rollouts, RolloutState

SHOWN = 500


class OtherInputsError(ConflictError):
    """The version takes other inputs than the champion, so that they cannot answer the same requests."""


@dataclass(slots=True)
class RolloutCases:
    """The verbs: propose, list, show, stop."""

    rollouts: Rollouts
    registry: Registry
    desk: RolloutDesk
    reader: Reader
    clock: Clock
    gate: Gate | None = None

    def propose(
        self, model: str, reference: str, changes: Mapping[str, Any], by: str = "operator", why: str = ""
    ) -> dict[str, Any]:
        """Propose a rollout of a version (digest, number or alias); ``changes`` of its policy.

        Without a reference it is the newest that passed its gates: what nobody has judged must be named.

        Raises:
            NotFoundError: there is no such version.
            InputError: the policy breaks a rule.
            ConflictError: another rollout is under way, or there is nothing to compare with.
        """
        version = self.registry.version(model, reference) if reference else self._newest(model)
        plan = self.plan(version, self.policy(version, changes), by, why)
        return {"plan": encode(plan), "id": plan.id, "hash": plan.hash}

    def plan(self, version: ModelVersion, policy: Policy, by: str, why: str) -> Plan:
        """A rollout as a plan at the gate."""
        assert self.gate is not None
        under_way = next(iter(self.rollouts.live(version.model)), None)
        if under_way is not None:
            rule = f"has a rollout under way; `wellkept models stop {version.model}` stops it"
            raise ConflictError(f"model {version.model}", rule, under_way.id)
        now, champion = self.clock.now(), self.registry.alias(version.model, CHAMPION)
        if champion is not None and policy.strategy not in (None, "blue_green"):
            self._must_take_the_same(champion, version)
        if champion is not None and policy.health.slow_ms is None:
            health = policy.health.model_copy(update={"slow_ms": self.reader.slow_ms(champion, now)})
            policy = policy.model_copy(update={"health": health})
        pointed = self.registry.aliases(version.model).get(alias_of(policy.strategy or ""), "")
        plan = rollout_plan(Wanted(version, champion, policy, pointed, by, why), now)
        self.gate.propose(plan)
        return plan

    def policy(self, version: ModelVersion, changes: Mapping[str, Any]) -> Policy:
        """The policy of the version's contract, with what is asked for laid over it.

        Raises:
            InputError: it breaks a rule.
        """
        known = self.reader.contract(version).rollout.model_dump(mode="json", exclude_unset=True)
        if changes.get("strategy", known.get("strategy")) != known.get("strategy"):
            known.pop("shares", None)
        try:
            return Policy.model_validate(_laid_over(known, changes))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(("rollout", *(str(part) for part in first["loc"])))
            value = first["input"] if first["loc"] else None  # A rule of several parts names their values itself.
            raise InputError(place, first["msg"].removeprefix("Value error, "), value) from error

    def all(self, model: str = "", limit: int = 20) -> list[dict[str, Any]]:
        """Rollouts, newest first: of a model, or of all where it is empty."""
        return [self._told(rollout) for rollout in self.rollouts.recent(model or None, limit)]

    def show(self, model: str, rollout: str = "") -> dict[str, Any]:
        """A rollout of a model (empty: the newest), with what was judged of it.

        Raises:
            NotFoundError: there is none.
        """
        found = self._found(model, rollout)
        looks = self.rollouts.looks(found.id, SHOWN)
        return {**self._told(found), "policy": encode(found.policy), "looks": [encode(look) for look in looks]}

    def stop(self, model: str, by: str, why: str) -> dict[str, Any]:
        """Stop the model's rollout at once.

        Raises:
            NotFoundError: none is under way.
            ConflictError: it has ended meanwhile, or is being promoted.
        """
        return self._told(self.desk.call_off(model, why or "asked for", by))

    def _must_take_the_same(self, champion: ModelVersion, version: ModelVersion) -> None:
        """Both answer the same requests, so both must take the same inputs."""
        before, after = (
            {(entry.name, entry.type) for entry in self.reader.contract(one).inputs} for one in (champion, version)
        )
        if before != after:
            names = ", ".join(sorted({name for name, _ in before ^ after}))
            rule = f"takes other inputs than the champion ({names}), so no request suits both; use blue_green"
            raise OtherInputsError(f"version {version.number} of {version.model}", rule)

    def _found(self, model: str, rollout: str) -> Rollout:
        if rollout:
            return self.rollouts.rollout(rollout)
        newest = next(iter(self.rollouts.recent(model, 1)), None)
        if newest is None:
            is_known = model in self.registry.models()
            rule = "has had no rollout; `wellkept models rollout` proposes one" if is_known else "is not known"
            raise NotFoundError(f"model {model}", rule)
        return newest

    def _told(self, rollout: Rollout) -> dict[str, Any]:
        last: Look | None = next(iter(self.rollouts.looks(rollout.id, 1)), None)
        policy = policy_of(rollout)
        return {
            **{name: value for name, value in encode(rollout).items() if name not in ("policy", "key")},
            "plan": rollout.plan,
            "versions": {
                "champion": self.registry.version(rollout.model, rollout.champion).number,
                "challenger": self.registry.version(rollout.model, rollout.challenger).number,
            },
            "share": _share(rollout, policy),
            "steps": list(policy.steps),
            "look": encode(last) if last is not None else None,
        }

    def _newest(self, model: str) -> ModelVersion:
        versions = self.registry.versions(model)
        if not versions:
            raise NotFoundError(f"model {model}", "has no version; `wellkept models train FOLDER` makes one")
        passed = (version for version in versions if version.state is VersionState.PASSED)
        found = next(passed, None)
        if found is None:
            rule = "has no version that passed its gates; one that nobody has judged must be named with --version"
            raise NotFoundError(f"model {model}", rule)
        return found


def _share(rollout: Rollout, policy: Policy) -> float:
    """How much of the traffic the challenger answers, or has come to answer."""
    if rollout.state in (RolloutState.WATCHING, RolloutState.DONE):
        return 1.0
    return policy.steps[rollout.step] if rollout.state.is_live else 0.0


def _laid_over(known: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(known)
    for name, value in changes.items():
        old = merged.get(name)
        merged[name] = _laid_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged

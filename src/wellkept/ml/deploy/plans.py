"""The plan of a rollout: everything that happens on the way to the promotion is in it, and approved with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.clock import stable_id
from wellkept.kernel.entity import model_id
from wellkept.kernel.errors import ConflictError, InputError
from wellkept.kernel.plan import Action, Plan, Risk, Verification
from wellkept.ml.deploy.actions import RollOut, WatchRelease
from wellkept.ml.deploy.desk import alias_of
from wellkept.ml.deploy.stage import PromoteModel
from wellkept.ml.rollout import Rollout as Policy
from wellkept.spine.registry import CHAMPION, ModelVersion


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a rollout is asked for with. ``pointed`` is the digest that the challenger's alias points to now."""

    version: ModelVersion
    champion: ModelVersion | None
    policy: Policy
    pointed: str
    by: str
    why: str


def rollout_plan(wanted: Wanted, now: datetime) -> Plan:
    """The plan that takes a version through its rollout; void as soon as the champion is another one.

    Raises:
        InputError: the policy names no strategy.
        ConflictError: the version is the champion, or there is none to be compared with.
    """
    version, champion, policy = wanted.version, wanted.champion, wanted.policy
    name = f"version {version.number} of {version.model}"
    if policy.strategy is None:
        rule = "must be one of shadow, canary, ab, blue_green; say it with --strategy, or in the contract"
        raise InputError("rollout.strategy", rule)
    if champion is None:
        rule = f"there is no champion to compare it with; `wellkept models promote {version.model}` makes it the first"
        raise ConflictError(name, rule)
    if champion.digest == version.digest:
        raise ConflictError(name, "is live already")
    strategy = policy.strategy.replace("_", "-").replace("ab", "A/B")
    entity = model_id(version.model)
    alias = f"alias:{version.model}@"
    return Plan(
        id=stable_id("pln", "rollout", version.model, version.digest, champion.digest, now.isoformat()),
        subject=entity,
        title=f"{strategy[0].upper()}{strategy[1:]} rollout of {name}",
        reason=wanted.why or (version.gate.sentence if version.gate else "asked for"),
        risk=Risk.MEDIUM if policy.strategy == "shadow" and policy.approval == "again" else Risk.HIGH,
        actions=_actions(wanted, champion, entity),
        verification=Verification(sentence=_end(policy, version)),
        proposed_at=now,
        proposed_by=wanted.by,
        effect=_effect(policy, version, champion),
        world={f"{alias}{CHAMPION}": champion.digest, f"{alias}{alias_of(policy.strategy)}": wanted.pointed},
    )


def _actions(wanted: Wanted, champion: ModelVersion, entity: str) -> tuple[Action, ...]:
    version, policy = wanted.version, wanted.policy
    own = {"model": version.model, "digest": version.digest}
    stop = f"wellkept models stop {version.model}"
    arguments = {
        **own,
        "champion": champion.digest,
        "expected": wanted.pointed,
        "policy": policy.whole.model_dump(mode="json"),
    }
    found = [Action(RollOut.name, entity, arguments, stop)]
    if policy.approval == "once":
        promoted = {**own, "expected": champion.digest}
        found.append(Action(PromoteModel.name, entity, promoted, f"wellkept models rollback {version.model}"))
        if policy.watched_s:
            found.append(Action(WatchRelease.name, entity, {**own, "watch_s": policy.watched_s}, stop))
    return tuple(found)


def _end(policy: Policy, version: ModelVersion) -> str:
    if policy.approval == "again":
        return f"version {version.number} has passed; its promotion is proposed"
    return f"version {version.number} is live"


def _effect(policy: Policy, version: ModelVersion, champion: ModelVersion) -> str:
    number, before = f"Version {version.number}", f"version {champion.number}"
    if policy.strategy == "shadow":
        effect = f"{number} scores every request beside {before}, which answers alone."
    elif policy.strategy == "blue_green":
        effect = f"{number} is loaded and warmed beside {before}."
    else:
        shares = ", then ".join(f"{share:.0%}" for share in policy.steps)
        effect = f"{number} answers {shares} of the requests by their entity key, {before} the others."
    if policy.approval == "again":
        return f"{effect} When it does no harm, its promotion is proposed."
    return f"{effect} When it does no harm, it becomes the champion."

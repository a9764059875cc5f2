"""The moves of a rollout: begun, widened, passed, stopped, watched, done. Each is kept, audited and told once."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.entity import model_id
from wellkept.kernel.errors import ConflictError, NotFoundError
from wellkept.ml.rollout import Rollout as Policy
from wellkept.spine.action import Interrupted
from wellkept.spine.audit import Audit
from wellkept.spine.registry import CHAMPION, Registry
from wellkept.spine.rollouts import LIVE, Rollout, Rollouts, RolloutState
from wellkept.spine.stream import Stream

ACTOR = "wellkept"
CHALLENGER, SHADOW = "challenger", "shadow"
LOOK_EVERY_S = 0.25


def rollout_id(plan: str) -> str:
    """The id of the rollout of a plan."""
    return stable_id("rol", plan)


def policy_of(rollout: Rollout) -> Policy:
    """The policy that was approved."""
    return Policy.model_validate(rollout.policy)


def alias_of(strategy: str) -> str:
    """The alias of the version that is on its way."""
    return SHADOW if strategy == "shadow" else CHALLENGER


class RolloutDesk:
    """Moves rollouts, and waits for those of others."""

    def __init__(self, rollouts: Rollouts, registry: Registry, stream: Stream, audit: Audit, clock: Clock) -> None:
        self._rollouts, self._registry = rollouts, registry
        self._stream, self._audit, self._clock = stream, audit, clock
        self._stopping = threading.Event()

    def close(self) -> None:
        """Let go of whoever waits; rollouts go on at the next start."""
        self._stopping.set()

    def begin(self, rollout: Rollout, expected: str) -> Rollout:
        """Begin, or go on with what was begun under the same id: the alias moves from ``expected``, by this rollout.

        Raises:
            ConflictError: another rollout of the model is live, or somebody else moved the alias or the champion.
        """
        known = self._rollouts.find(rollout.id)
        if known is None:
            champion = self._registry.aliases(rollout.model).get(CHAMPION, "")
            if champion != rollout.champion:
                raise ConflictError(
                    f"alias {rollout.model}@{CHAMPION}", f"was expected to be {rollout.champion}", champion
                )
            known = self._rollouts.begin(rollout)
            self._say(known, "rollout.started", f"{self._name(known)} begins", {"policy": known.policy})
        if known.state is RolloutState.RUNNING:
            self._point(known, known.challenger, expected)
            known = self._rollouts.rollout(rollout.id)
            if not known.state.is_live:  # It was stopped while the alias was on its way.
                self._point(known, "", known.challenger)
        return known

    def widen(self, rollout: Rollout, why: str) -> None:
        """Go on to the next step that the policy names."""
        now = self._clock.now()
        share = policy_of(rollout).steps[rollout.step + 1]
        moved = replace(rollout, step=rollout.step + 1, step_at=now, sentence=why, void=())
        if self._rollouts.move(moved, (RolloutState.RUNNING,)):
            self._say(moved, "rollout.widened", f"{self._name(moved)} gets {share:.0%} of the traffic", {"why": why})

    def passed(self, rollout: Rollout, why: str) -> None:
        """Judged good: what comes next in its plan may happen."""
        moved = replace(rollout, state=RolloutState.PASSED, sentence=why)
        if self._rollouts.move(moved, (RolloutState.RUNNING,)):
            self._say(moved, "rollout.passed", f"{self._name(moved)} has passed", {"why": why})

    def watch(self, rollout: Rollout) -> Rollout:
        """The challenger has become the champion; the version before stays at hand."""
        now = self._clock.now()
        moved = replace(rollout, state=RolloutState.WATCHING, switched_at=now, step_at=now, void=())
        if self._rollouts.move(moved, (RolloutState.PASSED,)):
            self._say(moved, "rollout.watched", f"{self._name(moved)} answers everybody, and is watched", {})
        return self._rollouts.rollout(rollout.id)

    def done(self, rollout: Rollout, why: str) -> None:
        """The end of a rollout whose version is the champion."""
        self._end(rollout, RolloutState.DONE, why, ACTOR)

    def call_off(self, model: str, why: str, by: str) -> Rollout:
        """Stop the model's rollout, as a person asks.

        Raises:
            NotFoundError: it has none.
            ConflictError: it has ended meanwhile, or has passed, so that its promotion is under way.
        """
        found = self.live_of(model)
        may_stop = set(LIVE) if policy_of(found).approval == "again" else {RolloutState.RUNNING, RolloutState.WATCHING}
        return self.stop(found, why, by, tuple(may_stop))

    def stop(self, rollout: Rollout, why: str, by: str, allowed: Sequence[RolloutState] = LIVE) -> Rollout:
        """Stop at once: from now on the champion answers alone. Nobody has to approve that; everybody is told why.

        Raises:
            ConflictError: it is in none of the allowed states any more.
        """
        if not self._end(rollout, RolloutState.STOPPED, why, by, allowed):
            found = self._rollouts.rollout(rollout.id)
            rule = "has ended already"
            if found.state is RolloutState.PASSED:
                back = f"once it is the champion, `wellkept models rollback {found.model}` takes it back"
                rule = f"has passed and is being promoted now; {back}"
            raise ConflictError(f"rollout {rollout.id}", rule, found.state.value)
        return self._rollouts.rollout(rollout.id)

    def live_of(self, model: str) -> Rollout:
        """The model's live rollout.

        Raises:
            NotFoundError: it has none.
        """
        found = next(iter(self._rollouts.live(model)), None)
        if found is None:
            raise NotFoundError(f"model {model}", "has no rollout under way")
        return found

    def wait(self, rollout: str, states: Sequence[RolloutState]) -> Rollout:
        """The rollout as soon as it is in none of the states any more.

        Raises:
            Interrupted: the process is being stopped.
        """
        while True:
            found = self._rollouts.rollout(rollout)
            if found.state not in states:
                return found
            if self._stopping.wait(LOOK_EVERY_S):
                raise Interrupted

    def keep(self, rollout: Rollout) -> None:
        """Keep what changed beside the state."""
        self._rollouts.move(rollout, (rollout.state,))

    def _end(
        self, rollout: Rollout, state: RolloutState, why: str, by: str, allowed: Sequence[RolloutState] = LIVE
    ) -> bool:
        moved = replace(rollout, state=state, sentence=why, by=by, ended_at=self._clock.now())
        if not self._rollouts.move(moved, allowed):
            return False
        if self._registry.aliases(moved.model).get(alias_of(moved.strategy)) == moved.challenger:
            self._point(moved, "", moved.challenger)
        verb = "stopped" if state is RolloutState.STOPPED else "done"
        self._say(moved, f"rollout.{verb}", f"{self._name(moved)} is {verb}: {why}", {"why": why}, by)
        return True

    def _point(self, rollout: Rollout, digest: str, expected: str) -> None:
        alias, now = alias_of(rollout.strategy), self._clock.now()
        self._registry.set_alias(rollout.model, alias, digest, expected=expected or None, at=now, by=rollout.key)

    def _name(self, rollout: Rollout) -> str:
        number = self._registry.version(rollout.model, rollout.challenger).number
        return f"the {rollout.strategy.replace('_', '-')} rollout of version {number} of {rollout.model}"

    def _say(self, rollout: Rollout, verb: str, sentence: str, details: Mapping[str, Any], by: str = ACTOR) -> None:
        now, entity = self._clock.now(), model_id(rollout.model)
        told = {"rollout": rollout.id, "plan": rollout.plan, "sentence": sentence, **details}
        self._audit.append(now, by, verb, entity, told)
        self._stream.record(Change(entity, ChangeKind.DEPLOY, now, by, sentence, rollout.key, {"rollout": rollout.id}))


def ended(switched: datetime | None, now: datetime, seconds: float) -> bool:
    """Whether so many seconds have passed since."""
    return switched is not None and (now - switched).total_seconds() >= seconds

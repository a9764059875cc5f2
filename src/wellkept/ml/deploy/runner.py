"""The runner: looks at every live rollout, has it judged, and moves it as its approved plan says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from wellkept.kernel.errors import ClosedError, ConflictError, WellkeptError
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident
from wellkept.kernel.plan import Plan, PlanState
from wellkept.ml.deploy.desk import ACTOR, RolloutDesk, ended, policy_of
from wellkept.ml.deploy.guard import Sickness, server_trouble, sickness
from wellkept.ml.deploy.judge import PROMOTE, STOP, WIDEN, Case, judge
from wellkept.ml.deploy.measures import Pair
from wellkept.ml.deploy.paired import Reader, is_hit, loss_of
from wellkept.ml.rollout import Rollout as Policy
from wellkept.spine.gate import Gate
from wellkept.spine.graph import Graph
from wellkept.spine.registry import CHAMPION, ModelVersion, Registry
from wellkept.spine.rollouts import Look, Rollout, Rollouts, RolloutState

log = logging.getLogger(__name__)

ENDED_BADLY = frozenset({PlanState.FAILED, PlanState.REJECTED, PlanState.EXPIRED, PlanState.VOID})

Promote = Callable[[ModelVersion, str, str], Plan]
"""Proposes that a version becomes the champion: version, by, why."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What model servers say of one model: the numbers of the versions that they have, and why they lack others."""

    numbers: frozenset[int] = frozenset()
    troubles: Mapping[int, str] | None = None


class Servers(Protocol):
    """The model servers."""

    def loaded(self, model: str) -> Loaded | None:
        """What they have of a model; None where no server says so."""
        ...


class Trouble(Protocol):
    """What is wrong in the world: live incidents with their findings."""

    def incidents(
        self, *, live: bool | None = None, start: datetime | None = None, limit: int = 100
    ) -> list[Incident]: ...

    def findings(self, *, ids: Sequence[str] | None = None) -> list[Finding]: ...


class World(Protocol):
    """Who depends on whom."""

    def graph(self, at: datetime | None = None) -> Graph: ...


class RolloutRunner:
    """Judges. All of its state is in the store, so that a start after a crash goes on where it was."""

    def __init__(
        self,
        rollouts: Rollouts,
        desk: RolloutDesk,
        registry: Registry,
        reader: Reader,
        stream: Trouble,
        topology: World,
        servers: Servers,
    ) -> None:
        self._rollouts, self._desk, self._registry, self._reader = rollouts, desk, registry, reader
        self._stream, self._topology, self._servers = stream, topology, servers
        self.gate: Gate | None = None
        self.promote: Promote | None = None
        self._failed: dict[str, str] = {}
        self._troubled: dict[str, datetime] = {}
        """Since when a rollout's version cannot be loaded. A start of the server gives it its minute anew."""

    def tick(self, now: datetime) -> list[Look]:
        """Look at every live rollout; what was judged."""
        looks = []
        for rollout in self._rollouts.live():
            try:
                look = self._turn(rollout, now)
                self._failed.pop(rollout.id, None)
            except ClosedError:
                raise
            except WellkeptError as error:
                if self._failed.get(rollout.id) != str(error):
                    log.exception("rollout %s of %s cannot be judged", rollout.id, rollout.model)
                self._failed[rollout.id] = str(error)
                continue
            if look is not None:
                looks.append(look)
        return looks

    def _turn(self, rollout: Rollout, now: datetime) -> Look | None:
        policy = policy_of(rollout)
        if self._is_over(rollout, policy, now):
            return None
        if rollout.state is RolloutState.PASSED:
            if policy.approval == "again":
                self._offer(rollout)
            return None
        look = self._look(rollout, policy, now)
        self._rollouts.note(rollout, look)
        self._move(self._rollouts.rollout(rollout.id), look)
        return look

    def _is_over(self, rollout: Rollout, policy: Policy, now: datetime) -> bool:
        """Whether the world has settled it: another champion, an end of its plan, the end of the watch."""
        champion = self._registry.aliases(rollout.model).get(CHAMPION, "")
        if rollout.state is RolloutState.WATCHING:
            if champion != rollout.challenger:
                self._stop(rollout, "another version was made the champion")
                return True
            if ended(rollout.switched_at, now, policy.watched_s):
                self._desk.done(rollout, f"it has answered everybody for {policy.watched_s:g} s and did no harm")
                return True
            return False
        if champion == rollout.challenger:
            is_watched = policy.approval == "once" and policy.watched_s > 0
            if not (is_watched and rollout.state is RolloutState.PASSED) or self._has_failed(rollout):
                self._desk.done(rollout, "it is the champion")
            return True
        if champion != rollout.champion:
            self._stop(rollout, "another version was made the champion")
            return True
        if failed := self._has_failed(rollout):
            self._stop(rollout, f"its plan has ended: {failed}")
            return True
        return False

    def _has_failed(self, rollout: Rollout) -> str:
        """What is said of the rollout's plan where that has ended, so that nothing moves the rollout any more."""
        record = self.gate.plan(rollout.plan) if self.gate is not None else None
        if record is None or record.state not in ENDED_BADLY:
            return ""
        return record.sentence or record.state.value

    def _offer(self, rollout: Rollout) -> None:
        """Propose the promotion of what has passed, once; when that is refused, the rollout is over."""
        assert self.gate is not None
        assert self.promote is not None
        plans = self.gate.plans(subject=f"model:{rollout.model}", limit=100)
        mine = [r for r in plans if any(_promotes(a.name, a.arguments, rollout) for a in r.plan.actions)]
        if not mine:
            self.promote(self._registry.version(rollout.model, rollout.challenger), ACTOR, rollout.sentence)
        elif mine[0].state in ENDED_BADLY:
            self._stop(rollout, f"its promotion has ended: {mine[0].sentence}")

    def _look(self, rollout: Rollout, policy: Policy, now: datetime) -> Look:
        champion, challenger = (
            self._registry.version(rollout.model, d) for d in (rollout.champion, rollout.challenger)
        )
        sick = self._sick(rollout, champion, challenger, now)
        rollout = self._voided(rollout, sick, now)
        pair = self._reader.pair(rollout, champion, challenger, now)
        loaded = self._servers.loaded(rollout.model)
        trouble = (loaded.troubles or {}).get(challenger.number, "") if loaded is not None else ""
        case = Case(
            policy=policy,
            step=rollout.step,
            step_s=(now - rollout.step_at).total_seconds(),
            total_s=(now - rollout.started_at).total_seconds(),
            pair=pair,
            loaded=None if loaded is None else challenger.number in loaded.numbers,
            trouble=trouble,
            trouble_s=self._troubled_for(rollout.id, trouble, now),
            sick=sick.sentence if sick is not None else "",
            has_loss=bool(loss_of(self._reader.contract(champion))),
            is_watched=rollout.state is RolloutState.WATCHING,
        )
        return judge(case, now)

    def _troubled_for(self, rollout: str, trouble: str, now: datetime) -> float:
        """For how long the trouble lasts. What failed once, hours into a rollout, is no reason to stop it."""
        if not trouble:
            self._troubled.pop(rollout, None)
            return 0.0
        return (now - self._troubled.setdefault(rollout, now)).total_seconds()

    def _sick(
        self, rollout: Rollout, champion: ModelVersion, challenger: ModelVersion, now: datetime
    ) -> Sickness | None:
        incidents = self._stream.incidents(live=True)
        if not incidents:
            return None
        held = [(i, self._stream.findings(ids=[member.finding for member in i.members])) for i in incidents]
        hit = self._is_hit(rollout, champion, challenger, server_trouble(held), now)
        return sickness(rollout.model, held, self._topology.graph(now), is_champion_hit=hit)

    def _is_hit(
        self, rollout: Rollout, champion: ModelVersion, challenger: ModelVersion, since: datetime | None, now: datetime
    ) -> bool:
        """Whether the champion's own answers suffer since there is trouble with the model server."""
        if since is None:
            return False
        spans = ((), ((max(since, rollout.step_at), None),))
        whole, before = (
            self._reader.champions(replace(rollout, void=void), champion, challenger, now) for void in spans
        )
        return is_hit(whole, before, policy_of(rollout))

    def _voided(self, rollout: Rollout, sick: Sickness | None, now: datetime) -> Rollout:
        """The spans in which both arms stood on something sick are left out for good."""
        spans = list(rollout.void)
        is_open = bool(spans) and spans[-1][1] is None
        if sick is not None and not is_open:
            spans.append((max(sick.since, rollout.step_at), None))
        elif sick is None and is_open:
            spans[-1] = (spans[-1][0], now + timedelta(milliseconds=1))
        else:
            return rollout
        moved = replace(rollout, void=tuple(spans))
        self._desk.keep(moved)
        return moved

    def _move(self, rollout: Rollout, look: Look) -> None:
        if look.verdict == STOP:
            self._stop(rollout, look.sentence)
        elif look.verdict == PROMOTE:
            self._desk.passed(rollout, look.sentence)
        elif look.verdict == WIDEN:
            self._desk.widen(rollout, look.sentence)

    def _stop(self, rollout: Rollout, why: str) -> None:
        try:
            self._desk.stop(rollout, why, ACTOR)
        except ConflictError:
            log.info("rollout %s had ended when it was to be stopped", rollout.id)


def _promotes(name: str, arguments: Mapping[str, object], rollout: Rollout) -> bool:
    wanted = {"digest": rollout.challenger, "expected": rollout.champion}
    return name == "promote_model" and wanted.items() <= dict(arguments).items()


__all__ = ["Loaded", "Pair", "RolloutRunner", "Servers"]

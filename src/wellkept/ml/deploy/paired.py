"""Champion and challenger side by side, as the telemetry store has them for the present step of a rollout."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from wellkept.ml.contract import ModelContract
from wellkept.ml.deploy.desk import policy_of
from wellkept.ml.deploy.measures import Pair
from wellkept.ml.deploy.sequential import Floats
from wellkept.ml.reference import SCORE
from wellkept.ml.releases import Releases
from wellkept.ml.rollout import Rollout as Policy
from wellkept.ml.runtime import SERVICE
from wellkept.spine.registry import ModelVersion
from wellkept.spine.rollouts import Rollout, RolloutState
from wellkept.store.telemetry.arms import FAILED, REQUEST, SLOW, Agreement, Arm, Asked

LOSSES = {
    "binary_classification": "log",
    "multiclass_classification": "wrong",
    "regression": "absolute",
    "forecasting": "absolute",
}
FLOORS = {"log": 0.005, "wrong": 0.005}
"""Mean losses that lie no further apart are as good as the same: a twentieth of next to nothing is none."""
SLOW_FLOOR_MS, SLOW_FACTOR, SLOW_ENOUGH = 5.0, 2.0, 100
"""What is slow where the contract does not say: twice the champion's slowest hundredth, at least so many ms."""


class Store(Protocol):
    """What is read of the telemetry store."""

    def requests(self, asked: Asked) -> list[Floats]: ...

    def answers(self, asked: Asked) -> list[Floats]: ...

    def agreement(self, asked: Asked) -> Agreement: ...

    def slowest(self, model: str, service: str, number: int, start: datetime, end: datetime) -> tuple[float, int]: ...


def loss_of(contract: ModelContract) -> str:
    """How wrong one answer was; empty where a truth says nothing about one answer, as of rankings."""
    return LOSSES.get(contract.task, "")


class Reader:
    """Reads pairs."""

    def __init__(self, store: Store, releases: Releases) -> None:
        self._store, self._releases = store, releases

    def contract(self, version: ModelVersion) -> ModelContract:
        """The contract that a version was trained by."""
        return self._releases.contract(version)

    def pair(self, rollout: Rollout, champion: ModelVersion, challenger: ModelVersion, now: datetime) -> Pair:
        """Both arms since the present step began; while a release is watched, the version before in as long before."""
        asked, is_watched = self._asked(rollout, champion, challenger, now), rollout.state is RolloutState.WATCHING
        requests, answers = self._store.requests(asked), self._store.answers(asked)
        return Pair(
            (requests[0], requests[1]),
            (answers[0], answers[1]),
            asked.slow_ms,
            FLOORS.get(asked.loss, 0.0),
            self._store.agreement(asked) if rollout.strategy == "shadow" and not is_watched else None,
            decides=asked.loss in ("log", "wrong"),
        )

    def champions(self, rollout: Rollout, champion: ModelVersion, challenger: ModelVersion, now: datetime) -> Floats:
        """What the champion alone was asked: float64[buckets, 3], see :class:`Pair`."""
        return self._store.requests(self._asked(rollout, champion, challenger, now))[0]

    def _asked(self, rollout: Rollout, champion: ModelVersion, challenger: ModelVersion, now: datetime) -> Asked:
        policy, contract = policy_of(rollout), self._releases.contract(champion)
        reference = self._releases.reference(champion).get(SCORE)
        is_watched = rollout.state is RolloutState.WATCHING
        before = rollout.step_at - timedelta(seconds=policy.watched_s if is_watched else 0)
        champions = Arm(champion.digest, champion.number, before, rollout.step_at if is_watched else now)
        return Asked(
            model=rollout.model,
            service=SERVICE,
            arms=(champions, Arm(challenger.digest, challenger.number, rollout.step_at, now)),
            slow_ms=policy.health.slow_ms or SLOW_FLOOR_MS,
            loss=loss_of(contract),
            edges=reference.edges if reference is not None else (),
            split=not is_watched,
            void=tuple((start, end or now) for start, end in rollout.void),
        )

    def slow_ms(self, champion: ModelVersion, now: datetime) -> float:
        """From when on an answer is slow, by what the champion took in the hour before."""
        start = now - timedelta(hours=1)
        slowest, count = self._store.slowest(champion.model, SERVICE, champion.number, start, now)
        return SLOW_FLOOR_MS if count < SLOW_ENOUGH else round(max(SLOW_FLOOR_MS, SLOW_FACTOR * slowest), 3)


def is_hit(whole: Floats, before: Floats, policy: Policy) -> bool:
    """Whether the champion's own answers fail, or are slow, by more than a challenger may add to what was usual.

    ``whole`` is what it was asked in all, ``before`` the part of it before the trouble began. What it does at all times
    is no trouble: where a contract calls an answer slow early, a tenth of the champion's may always be so.
    """
    during, usual = whole.sum(axis=0) - before.sum(axis=0), before.sum(axis=0)
    if during[REQUEST] <= 0:
        return False
    more = during / during[REQUEST] - usual / max(usual[REQUEST], 1.0)
    return bool(more[FAILED] > policy.health.errors or more[SLOW] > policy.health.slow)

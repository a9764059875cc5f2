"""Rollouts in the state store: where each stands, and what was judged of it look by look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select, update

from wellkept.kernel.codec import decode, encode
from wellkept.kernel.errors import ConflictError
from wellkept.store.state.rows import upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import rollout_looks, rollouts


class RolloutState(StrEnum):
    """Where a rollout stands."""

    RUNNING = "running"
    PASSED = "passed"
    """Judged good; the next step of its plan makes the challenger the champion."""
    WATCHING = "watching"
    """The challenger is the champion, and the version before is at hand."""
    DONE = "done"
    STOPPED = "stopped"

    @property
    def is_live(self) -> bool:
        """Whether the traffic still depends on it."""
        return self in LIVE


LIVE = (RolloutState.RUNNING, RolloutState.PASSED, RolloutState.WATCHING)


@dataclass(frozen=True, slots=True)
class Rollout:
    """One rollout. ``champion`` and ``challenger`` are digests; ``key`` is the run of the plan that it belongs to.

    ``policy`` is the rollout part of the contract as it was approved; ``void`` are the spans that are not judged.
    """

    id: str
    model: str
    key: str
    strategy: str
    champion: str
    challenger: str
    policy: Mapping[str, Any]
    started_at: datetime
    step_at: datetime
    step: int = 0
    state: RolloutState = RolloutState.RUNNING
    sentence: str = ""
    """Why it stands where it stands."""
    by: str = ""
    switched_at: datetime | None = None
    ended_at: datetime | None = None
    void: tuple[tuple[datetime, datetime | None], ...] = ()

    @property
    def plan(self) -> str:
        """The plan that it belongs to."""
        return self.key.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Measured:
    """One thing that was compared. ``harm`` and ``fine`` are natural logarithms of e-values."""

    name: str
    state: str
    """``worse``, ``fine``, or ``open`` as long as there is too little evidence; ``told`` is not judged at all."""
    champion: float
    challenger: float
    limit: float
    harm: float
    fine: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Look:
    """What was judged at one moment: promote, widen, hold or stop, and what is still missing."""

    at: datetime
    step: int
    verdict: str
    sentence: str
    measures: tuple[Measured, ...] = ()
    missing: tuple[str, ...] = ()
    requests: tuple[int, int] = field(default=(0, 0))
    """Of the champion and of the challenger, in this step."""


class RolloutRows:
    """Reads and writes rollouts."""

    def __init__(self, state: State) -> None:
        self._state = state

    def begin(self, rollout: Rollout) -> Rollout:
        """Save a new rollout; the same id again returns what is stored.

        Raises:
            ConflictError: another one of the model is live.
        """
        with self._state.transaction() as connection:
            body = connection.execute(select(rollouts.c.body).where(rollouts.c.id == rollout.id)).scalar()
            if body is not None:
                return decode(Rollout, body)
            query = select(rollouts.c.id).where(rollouts.c.model == rollout.model, rollouts.c.state.in_(LIVE))
            other = connection.execute(query).scalar()
            if other is not None:
                raise ConflictError(f"model {rollout.model}", "has a rollout under way already", other)
            upsert(connection, rollouts, [_row(rollout)])
        return rollout

    def move(self, rollout: Rollout, allowed: Sequence[RolloutState]) -> bool:
        """Save a rollout's new state if it is in one of the allowed ones still; whether it was."""
        key = (rollouts.c.id == rollout.id) & rollouts.c.state.in_(allowed)
        with self._state.transaction() as connection:
            changed: Any = connection.execute(update(rollouts).where(key).values(**_row(rollout)))
            return bool(changed.rowcount)

    def get(self, rollout: str) -> Rollout | None:
        with self._state.reading() as connection:
            body = connection.execute(select(rollouts.c.body).where(rollouts.c.id == rollout)).scalar()
        return decode(Rollout, body) if body is not None else None

    def recent(self, model: str | None, *, live: bool, limit: int) -> list[Rollout]:
        """Rollouts, newest first."""
        query = select(rollouts.c.body).order_by(rollouts.c.started_at.desc(), rollouts.c.id).limit(limit)
        if model is not None:
            query = query.where(rollouts.c.model == model)
        if live:
            query = query.where(rollouts.c.state.in_(LIVE))
        with self._state.reading() as connection:
            return [decode(Rollout, body) for body in connection.execute(query).scalars()]

    def add_look(self, rollout: str, look: Look, *, instead: datetime | None = None) -> None:
        """Keep a look, in place of the one at another moment where one is named."""
        with self._state.transaction() as connection:
            if instead is not None:
                _forget(connection, rollout, instead)
            upsert(connection, rollout_looks, [{"rollout": rollout, "at": look.at, "body": encode(look)}])

    def looks(self, rollout: str, limit: int) -> list[Look]:
        """What was judged last, oldest first."""
        query = select(rollout_looks.c.body).where(rollout_looks.c.rollout == rollout)
        query = query.order_by(rollout_looks.c.at.desc()).limit(limit)
        with self._state.reading() as connection:
            return [decode(Look, body) for body in connection.execute(query).scalars()][::-1]


def _forget(connection: Connection, rollout: str, at: datetime) -> None:
    connection.execute(rollout_looks.delete().where(rollout_looks.c.rollout == rollout, rollout_looks.c.at == at))


def _row(rollout: Rollout) -> dict[str, Any]:
    return {
        "id": rollout.id,
        "model": rollout.model,
        "state": rollout.state.value,
        "started_at": rollout.started_at,
        "body": encode(rollout),
    }

"""Decisions about retraining, and the spans that are left out of training, in the state store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from wellkept.kernel.codec import decode, encode
from wellkept.store.state.rows import upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables_retrain import retrain_decisions, training_exclusions


@dataclass(frozen=True, slots=True)
class KeptDecision:
    """What was decided about a model from ``at`` to ``until``; numbers and words are those of the newest time.

    ``reason`` is the word that tells one reason from another. ``verdict``, ``incident`` and ``plan`` are ids, empty
    where there is none.
    """

    id: str
    model: str
    at: datetime
    until: datetime
    policy: str
    action: str
    reason: str
    sentence: str
    evidence: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    verdict: str = ""
    incident: str = ""
    plan: str = ""


@dataclass(frozen=True, slots=True)
class BadSpan:
    """Rows of [start, end] are not to be trained on, and why."""

    start: datetime
    end: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Exclusions:
    """One version of what a model is not trained on; ``digest`` is that of the spans, oldest first."""

    model: str
    digest: str
    at: datetime
    spans: tuple[BadSpan, ...]


class RetrainRows:
    """Reads and writes both."""

    def __init__(self, state: State) -> None:
        self._state = state

    def save(self, decision: KeptDecision) -> None:
        """A decision whose id is known gets its newer end, words and numbers."""
        row = {
            "id": decision.id,
            "model": decision.model,
            "at": decision.at,
            "until": decision.until,
            "action": decision.action,
            "body": encode(decision),
        }
        with self._state.transaction() as connection:
            upsert(connection, retrain_decisions, [row])

    def decisions(self, model: str, limit: int) -> list[KeptDecision]:
        """The newest so many, newest first."""
        table = retrain_decisions.c
        order = (table.until.desc(), table.at.desc(), table.id)
        query = select(table.body).where(table.model == model).order_by(*order).limit(limit)
        with self._state.reading() as connection:
            return [decode(KeptDecision, body) for body in connection.execute(query).scalars()]

    def exclude(self, exclusions: Exclusions) -> None:
        row = {
            "model": exclusions.model,
            "digest": exclusions.digest,
            "at": exclusions.at,
            "body": encode(exclusions),
        }
        with self._state.transaction() as connection:
            upsert(connection, training_exclusions, [row], keep=frozenset({"at"}))

    def exclusions(self, model: str) -> list[Exclusions]:
        """Every version, newest first."""
        table = training_exclusions.c
        query = select(table.body).where(table.model == model).order_by(table.at.desc(), table.digest)
        with self._state.reading() as connection:
            return [decode(Exclusions, body) for body in connection.execute(query).scalars()]

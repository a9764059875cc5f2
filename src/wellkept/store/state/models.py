"""The model registry in the state store: versions by digest, aliases with their history, contracts, jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, insert, select

from wellkept.kernel.codec import decode, encode
from wellkept.kernel.errors import ConflictError
from wellkept.kernel.verdict import Verdict
from wellkept.store.state.rows import upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import alias_history, aliases, contracts, jobs, versions

WATCHED = "watched"
"""The format of a version that is served elsewhere."""
REPORTED = "reported"
"""The place in its lineage of the name that its server reports."""


class VersionState(StrEnum):
    """Where a model version stands."""

    CANDIDATE = "candidate"
    UNJUDGED = "unjudged"
    """Taken in from elsewhere, without rows to judge it on."""
    PASSED = "passed"
    REFUSED = "refused"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One trained model. ``digest`` names it for good; ``number`` is for people; ``lineage`` says where it is from."""

    model: str
    digest: str
    created_at: datetime
    artifact: str
    format: str
    snapshot: str
    number: int = 0
    lineage: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    gate: Verdict | None = None
    state: VersionState = VersionState.CANDIDATE

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is served elsewhere and only watched: there is nothing here that could be loaded."""
        return self.format == WATCHED

    @property
    def logged_as(self) -> str:
        """The text that its predictions carry as their version: the digest, or what its server calls it.

        Of one that is served elsewhere and has not been heard of yet it is the digest, which nothing carries.
        """
        return self.lineage.get(REPORTED) or self.digest

    @property
    def called(self) -> str:
        """How people call it: by its number, or by the name that its server reports."""
        return self.lineage.get(REPORTED) or str(self.number)


@dataclass(frozen=True, slots=True)
class AliasMove:
    """One move of an alias. An empty ``digest`` means that the alias was taken away."""

    at: datetime
    alias: str
    digest: str
    by: str


class ModelRows:
    """Reads and writes versions, aliases and contracts."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, version: ModelVersion) -> ModelVersion:
        """Save a version under the next number of its model; a digest that is known returns what is stored."""
        with self._state.transaction() as connection:
            stored = connection.execute(select(versions.c.body).where(versions.c.digest == version.digest)).scalar()
            if stored is not None:
                return decode(ModelVersion, stored)
            query = select(func.coalesce(func.max(versions.c.number), 0)).where(versions.c.model == version.model)
            numbered = replace(version, number=connection.execute(query).scalar_one() + 1)
            connection.execute(insert(versions).values(**_version_row(numbered)))
        return numbered

    def save(self, version: ModelVersion) -> None:
        """Update a version that is stored (its state, its gate's verdict)."""
        with self._state.transaction() as connection:
            upsert(connection, versions, [_version_row(version)])

    def versions(self, model: str) -> list[ModelVersion]:
        query = select(versions.c.body).where(versions.c.model == model).order_by(versions.c.number.desc())
        with self._state.reading() as connection:
            return [decode(ModelVersion, body) for body in connection.execute(query).scalars()]

    def aliases(self, model: str) -> dict[str, str]:
        """Alias to digest."""
        query = select(aliases.c.alias, aliases.c.digest).where(aliases.c.model == model).order_by(aliases.c.alias)
        with self._state.reading() as connection:
            return {row.alias: row.digest for row in connection.execute(query)}

    def set_alias(self, model: str, alias: str, digest: str, *, expected: str | None, at: datetime, by: str) -> None:
        """Move an alias from the expected digest (None: from nowhere) to another; an empty digest takes it away.

        Raises:
            ConflictError: the alias points elsewhere by now.
        """
        key = (aliases.c.model == model) & (aliases.c.alias == alias)
        with self._state.transaction() as connection:
            current = connection.execute(select(aliases.c.digest).where(key)).scalar()
            if current == (digest or None):
                return
            if current != expected:
                raise ConflictError(f"alias {model}@{alias}", f"was expected to be {expected or 'unset'}", current)
            if digest:
                upsert(connection, aliases, [{"model": model, "alias": alias, "digest": digest}])
            else:
                connection.execute(delete(aliases).where(key))
            moved = {"model": model, "alias": alias, "digest": digest, "at": at, "by": by}
            connection.execute(insert(alias_history).values(**moved))

    def alias_moves(self, model: str) -> list[AliasMove]:
        """Every move of the model's aliases, oldest first."""
        query = select(alias_history).where(alias_history.c.model == model).order_by(alias_history.c.number)
        with self._state.reading() as connection:
            return [AliasMove(row.at, row.alias, row.digest, row.by) for row in connection.execute(query)]

    def models(self) -> list[str]:
        with self._state.reading() as connection:
            return list(connection.execute(select(contracts.c.model).order_by(contracts.c.model)).scalars())

    def save_contract(self, model: str, document: str, digest: str, at: datetime) -> None:
        row = {"model": model, "digest": digest, "at": at, "document": document}
        with self._state.transaction() as connection:
            upsert(connection, contracts, [row])

    def contract(self, model: str) -> str | None:
        with self._state.reading() as connection:
            row = connection.execute(select(contracts.c.document).where(contracts.c.model == model)).first()
        return row.document if row else None


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of long work, such as a training run: what it is, and how it went."""

    id: str
    kind: str
    subject: str
    state: str
    started_at: datetime
    ended_at: datetime | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class JobRows:
    """Reads and writes jobs."""

    def __init__(self, state: State) -> None:
        self._state = state

    def save(self, job: Job) -> None:
        row = {
            "id": job.id,
            "kind": job.kind,
            "subject": job.subject,
            "state": job.state,
            "started_at": job.started_at,
            "ended_at": job.ended_at,
            "seconds": (job.ended_at - job.started_at).total_seconds() if job.ended_at else None,
            "body": encode(job),
        }
        with self._state.transaction() as connection:
            upsert(connection, jobs, [row])

    def get(self, job: str) -> Job | None:
        with self._state.reading() as connection:
            body = connection.execute(select(jobs.c.body).where(jobs.c.id == job)).scalar()
        return decode(Job, body) if body is not None else None

    def recent(self, subject: str | None, limit: int, kinds: Sequence[str] = ()) -> list[Job]:
        """Jobs, newest first; of some kinds alone where they are named."""
        query = select(jobs.c.body).order_by(jobs.c.started_at.desc(), jobs.c.id).limit(limit)
        if subject is not None:
            query = query.where(jobs.c.subject == subject)
        if kinds:
            query = query.where(jobs.c.kind.in_(kinds))
        with self._state.reading() as connection:
            return [decode(Job, body) for body in connection.execute(query).scalars()]


def _version_row(version: ModelVersion) -> dict[str, Any]:
    return {
        "digest": version.digest,
        "model": version.model,
        "number": version.number,
        "created_at": version.created_at,
        "body": encode(version),
    }

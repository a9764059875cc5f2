"""The model registry: versions by digest, aliases that move by compare-and-set, lineage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.store.state.models import (
    REPORTED,
    WATCHED,
    AliasMove,
    Job,
    JobRows,
    ModelRows,
    ModelVersion,
    VersionState,
)
from wellkept.store.state.state import State

__all__ = [
    "CHAMPION",
    "PREVIOUS",
    "REPORTED",
    "WATCHED",
    "AliasMove",
    "Job",
    "ModelVersion",
    "Registry",
    "VersionState",
    "check_alias",
]

CHAMPION = "champion"
PREVIOUS = "previous"


class Registry:
    """Models, their versions, and which one is live."""

    def __init__(self, state: State) -> None:
        self._rows = ModelRows(state)
        self._jobs = JobRows(state)

    def register(self, version: ModelVersion) -> ModelVersion:
        """Save a version; it gets the next number. A digest that is known returns what is stored."""
        return self._rows.add(version)

    def update(self, version: ModelVersion) -> None:
        """Save a stored version's new state or gate verdict."""
        self._rows.save(version)

    def versions(self, model: str) -> list[ModelVersion]:
        """The versions of a model, newest first."""
        return self._rows.versions(model)

    def version(self, model: str, reference: str) -> ModelVersion:
        """A version by digest, number or alias.

        Raises:
            NotFoundError: the model has no such version.
        """
        digest = self._rows.aliases(model).get(reference, reference)
        for version in self._rows.versions(model):
            if digest in (version.digest, str(version.number)):
                return version
        raise NotFoundError(f"model {model}", "has no such version, number or alias", reference)

    def alias(self, model: str, alias: str) -> ModelVersion | None:
        """The version that an alias points to."""
        digest = self._rows.aliases(model).get(alias)
        return self.version(model, digest) if digest else None

    def aliases(self, model: str) -> dict[str, str]:
        """Alias to digest."""
        return self._rows.aliases(model)

    def set_alias(self, model: str, alias: str, digest: str, *, expected: str | None, at: datetime, by: str) -> None:
        """Move an alias if it still points to ``expected`` (None: to nothing); the same move again changes nothing.

        Raises:
            InputError: the alias breaks a rule. Digits alone would be taken for a version's number.
            NotFoundError: the model has no version with that digest.
            ConflictError: the alias was moved by somebody else.
        """
        check_alias(alias)
        if digest:
            self.version(model, digest)
        self._rows.set_alias(model, alias, digest, expected=expected, at=at, by=by)

    def alias_history(self, model: str) -> list[AliasMove]:
        """Every move of the model's aliases, oldest first."""
        return self._rows.alias_moves(model)

    def models(self) -> list[str]:
        return self._rows.models()

    def save_contract(self, model: str, document: str, digest: str, at: datetime) -> None:
        self._rows.save_contract(model, document, digest, at)

    def contract(self, model: str) -> str | None:
        """The model's contract, as the YAML text that was registered last."""
        return self._rows.contract(model)

    def save_job(self, job: Job) -> None:
        self._jobs.save(job)

    def job(self, job: str) -> Job | None:
        return self._jobs.get(job)

    def jobs(self, subject: str | None = None, limit: int = 20, kinds: Sequence[str] = ()) -> Sequence[Job]:
        """Jobs, newest first; of some kinds alone where they are named."""
        return self._jobs.recent(subject, limit, kinds)


def check_alias(alias: str) -> None:
    """What may be the name of an alias.

    Raises:
        InputError: it breaks a rule. Digits alone would be taken for a version's number.
    """
    is_name = alias.replace("-", "").replace("_", "").isalnum() and not alias.isdigit()
    if not is_name or alias.lower() == "latest":
        raise InputError("alias", "must be letters, digits, - or _, not digits alone, and not 'latest'", alias)

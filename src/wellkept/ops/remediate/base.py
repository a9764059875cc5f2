"""What a runbook is: when it fits, what it does, how its success is told, how it is taken back."""

from __future__ import annotations

import fnmatch
import string
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from wellkept.kernel.clock import stable_id
from wellkept.kernel.diagnosis import Cause, chance
from wellkept.kernel.entity import EntityKind
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.kernel.incident import Incident
from wellkept.kernel.plan import Action, Plan, Risk, Verification
from wellkept.spine.documents import read_document
from wellkept.spine.plugins import TABLE


class Match(BaseModel):
    """When a runbook fits: the cause's kind of entity, and a finding on it of one of these kinds and signals."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entity: EntityKind
    findings: tuple[FindingKind, ...] = Field(min_length=1)
    signals: tuple[str, ...] = ("*",)
    confidence: float = Field(default=0.5, ge=0, le=1)


class Step(BaseModel):
    """One action. ``{placeholders}`` are filled from the cause: entity, kind, name, host, mountpoint, service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: str
    arguments: Mapping[str, Any] = {}
    undo: str = ""

    @field_validator("action")
    @classmethod
    def _is_an_action(cls, action: str) -> str:
        if action not in TABLE["action"]:
            raise ValueError(f"action must be one of {', '.join(TABLE['action'])}, got {action!r}")
        return action

    @field_validator("arguments")
    @classmethod
    def _path_stays_inside(cls, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """A path must lie inside the step's directory, whatever dots it is written with."""
        given = {name: arguments[name] for name in ("directory", "path") if name in arguments}
        for name, value in given.items():
            if not isinstance(value, str) or not value.startswith(("/", "{")):
                raise ValueError(f"{name} must be an absolute path, got {value!r}")
            if ".." in PurePosixPath(value).parts:
                raise ValueError(f"{name} must not hold '..', got {value!r}")
        if "path" in given and "directory" not in given:
            raise ValueError(f"path must lie inside a directory, and none is given, got {given['path']!r}")
        if "path" in given and not PurePosixPath(given["path"]).is_relative_to(given["directory"]):
            raise ValueError(f"path must lie inside directory {given['directory']!r}, got {given['path']!r}")
        return arguments

    @field_validator("arguments")
    @classmethod
    def _placeholders_are_known(cls, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        for text in _texts(arguments):
            try:
                names = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
            except ValueError as error:
                raise ValueError(f"braces must stand around a placeholder ({error}), got {text!r}") from error
            unknown = sorted(set(names) - PLACEHOLDERS)
            if unknown:
                raise ValueError(f"placeholder must be one of {', '.join(sorted(PLACEHOLDERS))}, got {unknown[0]!r}")
        return arguments


class Success(BaseModel):
    """How success is told: the matching findings must have ended within this time after the last action."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    within_s: float = Field(default=300, gt=0)


class Runbook(BaseModel):
    """A remedy that somebody thought about in daylight."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    description: str
    match: Match
    risk: Risk
    actions: tuple[Step, ...] = Field(min_length=1)
    verification: Success = Success()
    effect: str = ""
    expires_s: float = Field(default=86_400, gt=0)

    def fits(self, cause: Cause, findings: Sequence[Finding]) -> list[Finding]:
        """The open findings on the cause that this runbook is for; empty when it does not fit."""
        if cause.confidence < self.match.confidence or not cause.entity.startswith(f"{self.match.entity}:"):
            return []
        return [finding for finding in findings if finding.entity == cause.entity and self._is_for(finding)]

    def plan(
        self, incident: Incident, cause: Cause, findings: Sequence[Finding], now: datetime, attempt: int = 0
    ) -> Plan:
        """The plan for one incident: every placeholder filled, every target exact.

        Raises:
            InputError: a placeholder has no value for this cause.
        """
        names = placeholders(cause.entity)
        reason = f"Likely cause ({chance(cause.belief)}): {findings[0].sentence}"
        actions = tuple(
            Action(
                name=step.action,
                target=cause.entity,
                arguments={key: self._fill(value, names) for key, value in step.arguments.items()},
                undo=step.undo,
            )
            for step in self.actions
        )
        return Plan(
            id=stable_id("pln", incident.id, self.name, cause.entity, str(attempt), *sorted(f.id for f in findings)),
            subject=incident.id,
            title=f"{self.description} ({names['name']})",
            reason=reason,
            risk=self.risk,
            actions=actions,
            verification=Verification(
                findings=tuple(finding.id for finding in findings),
                within_s=self.verification.within_s,
                sentence=f"recovered: {', '.join(sorted({f.kind.value for f in findings}))} on {names['name']} ended",
            ),
            proposed_at=now,
            proposed_by="wellkept",
            runbook=self.name,
            effect=self.effect,
            world={f"incident:{incident.id}": "live"},
            expires_s=self.expires_s,
        )

    def _fill(self, value: Any, names: Mapping[str, str]) -> Any:
        if isinstance(value, Mapping):
            return {key: self._fill(item, names) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._fill(item, names) for item in value]
        if not isinstance(value, str):
            return value
        for _, name, _, _ in string.Formatter().parse(value):
            if name is not None and not names[name]:
                raise InputError(f"runbook {self.name}: {{{name}}}", "has no value for this cause", names["entity"])
        return value.format(**names)

    def _is_for(self, finding: Finding) -> bool:
        signals = [evidence.signal for evidence in finding.evidence] or [""]
        return (
            finding.is_open
            and finding.kind in self.match.findings
            and any(fnmatch.fnmatchcase(signal, pattern) for signal in signals for pattern in self.match.signals)
        )


PLACEHOLDERS = frozenset({"entity", "kind", "name", "host", "mountpoint", "service"})


def placeholders(entity: str) -> dict[str, str]:
    """What a runbook's placeholders stand for, read from an entity's id."""
    kind, _, rest = entity.partition(":")
    host, _, inner = rest.partition(":")
    is_on_host = kind in (EntityKind.DISK, EntityKind.PROCESS)
    name = inner if is_on_host else rest.rsplit("/", 1)[-1]
    return {
        "entity": entity,
        "kind": kind,
        "name": name,
        "host": host if is_on_host or kind == EntityKind.HOST else "",
        "mountpoint": inner if kind == EntityKind.DISK else "",
        "service": rest if kind == EntityKind.SERVICE else "",
    }


def load_runbooks(folders: Sequence[Path]) -> list[Runbook]:
    """Every runbook (``*.yaml``) of some folders, by name; a later folder's runbook replaces one of the same name.

    Raises:
        DocumentError: a runbook breaks a rule; names file, line, field, rule and value.
    """
    found: dict[str, Runbook] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            runbook = read_document(Runbook, path)
            found[runbook.name] = runbook
    return [found[name] for name in sorted(found)]


def _texts(value: Any) -> Iterator[str]:
    """Every text in an argument, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)

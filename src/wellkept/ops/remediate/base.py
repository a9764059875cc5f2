"""What a runbook is: when it fits, what it does, how its success is told, how it is taken back."""

from __future__ import annotations

import fnmatch
import string
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from wellkept.kernel.clock import stable_id
from wellkept.kernel.diagnosis import Cause
from wellkept.kernel.entity import EntityKind
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.kernel.incident import Incident
from wellkept.kernel.plan import Action, Plan, Risk, Verification
from wellkept.spine.documents import read_document


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

    @field_validator("arguments")
    @classmethod
    def _path_stays_inside(cls, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """A path must lie inside the step's directory, whatever dots it is written with."""
        directory, path = arguments.get("directory"), arguments.get("path")
        for value in (directory, path):
            if isinstance(value, str) and ".." in PurePosixPath(value).parts:
                raise ValueError(f"a path must not hold '..', got {value!r}")
        if path is not None and not PurePosixPath(str(path)).is_relative_to(str(directory)):
            raise ValueError(f"path must lie inside directory {str(directory)!r}, got {path!r}")
        return arguments

    @field_validator("arguments")
    @classmethod
    def _placeholders_are_known(cls, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        for value in arguments.values():
            names = {name for _, name, _, _ in string.Formatter().parse(str(value)) if name}
            unknown = sorted(names - PLACEHOLDERS)
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

    def plan(self, incident: Incident, cause: Cause, findings: Sequence[Finding], now: datetime) -> Plan:
        """The plan for one incident: every placeholder filled, every target exact."""
        names = placeholders(cause.entity)
        reason = f"{cause.entity} is the likely cause ({cause.confidence:.0%}): {findings[0].sentence}"
        actions = tuple(
            Action(
                name=step.action,
                target=cause.entity,
                arguments={key: _fill(value, names) for key, value in step.arguments.items()},
                undo=step.undo,
            )
            for step in self.actions
        )
        return Plan(
            id=stable_id("pln", incident.id, self.name, cause.entity, *sorted(f.id for f in findings)),
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


def _fill(value: Any, names: Mapping[str, str]) -> Any:
    return value.format(**names) if isinstance(value, str) else value

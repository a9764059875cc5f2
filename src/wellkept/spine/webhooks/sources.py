"""Where events come from: what is written down already. Nobody who does something has to tell the webhooks.

A source reads what is new since a position and gives the position to go on from. Positions are kept together with what
was made of them, so that a process that dies half way loses nothing and tells nothing twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.kernel.story import StoryKind
from wellkept.spine.registry import CHAMPION, ModelVersion
from wellkept.spine.webhooks.events import Event, event
from wellkept.store.state.audit import AuditEntry
from wellkept.store.state.findings import FindingRows
from wellkept.store.state.incidents import IncidentRows
from wellkept.store.state.news import NewsRows, NumberedMove
from wellkept.store.state.state import State

MOST = 500
"""Things that a source reads at a time."""
OVERLAP = timedelta(minutes=2)
"""An incident may be kept a little after the moment that it was touched at; ids keep it from being told twice."""
RENAMED = {
    "plan.approved": "plan.decided",
    "plan.rejected": "plan.decided",
    "training.lost": "training.failed",
}
"""What the audit log calls otherwise than events do."""
_OPEN = f"{IncidentState.OPEN}: "
"""Begins the line of a story that tells that an incident is open again."""
TOLD_BY_STATE = frozenset(f"incident.{state}" for state in IncidentState)
"""Deeds of people that show in the state of an incident, which is told whoever changed it."""


class Source(Protocol):
    """Reads what is new. ``families`` are the first words of the events that it gives; empty for any."""

    name: str
    families: frozenset[str]

    def end(self, now: datetime) -> str:
        """The position behind everything that is there."""
        ...

    def read(self, position: str) -> tuple[list[Event], str]:
        """What is new since a position, oldest first, and the position to go on from."""
        ...


class AuditSource:
    """Decisions and deeds, each an entry of the audit log."""

    name, families = "audit", frozenset[str]()

    def __init__(self, state: State) -> None:
        self._news = NewsRows(state)

    def end(self, now: datetime) -> str:  # noqa: ARG002 - the contract of a source
        return str(self._news.last_entry())

    def read(self, position: str) -> tuple[list[Event], str]:
        entries = self._news.entries(int(position), MOST)
        told = [_of_entry(entry) for entry in entries if entry.verb not in TOLD_BY_STATE]
        return told, str(entries[-1].number) if entries else position


class VersionSource:
    """``version.registered``: models trained, imported or reported."""

    name, families = "versions", frozenset({"version"})

    def __init__(self, state: State) -> None:
        self._news = NewsRows(state)

    def end(self, now: datetime) -> str:  # noqa: ARG002 - the contract of a source
        return json.dumps(self._news.last_versions(), sort_keys=True)

    def read(self, position: str) -> tuple[list[Event], str]:
        known: dict[str, int] = json.loads(position)
        found = self._news.versions(known)[:MOST]
        for version in found:
            known[version.model] = version.number
        return [_of_version(version) for version in found], json.dumps(known, sort_keys=True)


class AliasSource:
    """``model.promoted`` when the champion changes, ``alias.moved`` for every other alias."""

    name, families = "aliases", frozenset({"model", "alias"})

    def __init__(self, state: State) -> None:
        self._news = NewsRows(state)

    def end(self, now: datetime) -> str:  # noqa: ARG002 - the contract of a source
        return str(self._news.last_move())

    def read(self, position: str) -> tuple[list[Event], str]:
        moves = self._news.moves(int(position), MOST)
        return [_of_move(move) for move in moves], str(moves[-1].number) if moves else position


class FindingSource:
    """``finding.opened`` and ``finding.ended``."""

    name, families = "findings", frozenset({"finding"})

    def __init__(self, state: State) -> None:
        self._news, self._findings = NewsRows(state), FindingRows(state)

    def end(self, now: datetime) -> str:  # noqa: ARG002 - the contract of a source
        return str(self._news.last_revision())

    def read(self, position: str) -> tuple[list[Event], str]:
        found, revision = self._findings.after(int(position), MOST)
        return [told for finding in found for told in _of_finding(finding)], str(revision)


class IncidentSource:
    """``incident.opened``, ``incident.acknowledged`` and so on: the states that an incident is found in."""

    name, families = "incidents", frozenset({"incident"})

    def __init__(self, state: State) -> None:
        self._rows = IncidentRows(state)

    def end(self, now: datetime) -> str:  # noqa: ARG002 - the contract of a source
        return str(self._rows.last_revision())

    def read(self, position: str) -> tuple[list[Event], str]:
        after = int(position) if position.isdecimal() else self._since(datetime.fromisoformat(position))
        found, revision = self._rows.since(after, MOST)
        return [_of_incident(incident) for incident in found], str(revision)

    def _since(self, moment: datetime) -> int:
        """The revision behind what was saved until then: positions were moments once."""
        return self._rows.revision_at(moment - OVERLAP)


def sources(state: State) -> Sequence[Source]:
    """All of them."""
    return (AuditSource(state), VersionSource(state), AliasSource(state), FindingSource(state), IncidentSource(state))


def _of_entry(entry: AuditEntry) -> Event:
    data: dict[str, Any] = {"actor": entry.actor, "entry": entry.number, "details": dict(entry.details)}
    if entry.verb in ("plan.approved", "plan.rejected"):
        data["approved"] = entry.verb == "plan.approved"
    kind = RENAMED.get(entry.verb, entry.verb)
    return event(kind, entry.subject, entry.at, data, str(entry.number), entry.hash)


def _of_version(version: ModelVersion) -> Event:
    data = {
        "model": version.model,
        "version": version.number,
        "digest": version.digest,
        "format": version.format,
        "state": version.state,
        "metrics": version.metrics,
        "judgement": version.gate.judgement if version.gate else "",
        "sentence": version.gate.sentence if version.gate else "",
        "run": version.lineage.get("run", ""),
    }
    return event("version.registered", f"model:{version.model}", version.created_at, data, version.digest)


def _of_move(move: NumberedMove) -> Event:
    is_promotion = move.alias == CHAMPION and bool(move.digest)
    data = {"model": move.model, "alias": move.alias, "digest": move.digest, "by": move.by}
    kind = "model.promoted" if is_promotion else "alias.moved"
    return event(kind, f"model:{move.model}", move.at, data, str(move.number), move.digest)


def _of_finding(finding: Finding) -> list[Event]:
    data = {
        "finding": finding.id,
        "entity": finding.entity,
        "kind": finding.kind,
        "severity": finding.severity.name.lower(),
        "detector": finding.detector,
        "score": finding.score,
        "starts_at": finding.starts_at,
        "sentence": finding.sentence,
    }
    told = [event("finding.opened", finding.entity, finding.starts_at, data, finding.id)]
    if finding.ends_at is not None:
        more = {**data, "ends_at": finding.ends_at}
        told.append(event("finding.ended", finding.entity, finding.ends_at, more, finding.id))
    return told


def _of_incident(incident: Incident) -> Event:
    data = {
        "incident": incident.id,
        "state": incident.state,
        "severity": incident.severity.name.lower(),
        "title": incident.title,
        "entities": incident.entities[:50],
        "findings": [member.finding for member in incident.members[:50]],
        "opened_at": incident.opened_at,
    }
    subject = f"incident:{incident.id}"
    turns = sum(entry.kind is StoryKind.STATE and entry.what.startswith(_OPEN) for entry in incident.timeline)
    opened = "incident.opened_again" if turns else "incident.opened"
    kind = opened if incident.state is IncidentState.OPEN else f"incident.{incident.state.value}"
    return event(kind, subject, incident.updated_at, data, incident.id, *([str(turns)] if turns else []))

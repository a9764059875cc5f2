"""The versions of a model, the moves of its aliases, and its training runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wellkept.spine.gate import Gate
from wellkept.spine.registry import Job, Registry
from wellkept.web.views.verdicts import VerdictView, verdict_view
from wellkept.web.wording import duration, number, short_digest


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version. ``aliases`` are what points to it now."""

    number: int
    digest: str
    short: str
    created_at: datetime
    format: str
    state: str
    state_tone: str
    aliases: tuple[str, ...]
    metrics: tuple[tuple[str, str], ...]
    gate: VerdictView | None
    lineage: tuple[tuple[str, str], ...]
    card: str
    """The address of the model card; empty where the version has none."""
    is_elsewhere: bool = False
    """Whether it is served elsewhere, and known by its predictions alone."""
    called: str = ""
    """What its server calls it, where it is served elsewhere."""


@dataclass(frozen=True, slots=True)
class MoveView:
    """One move of an alias."""

    at: datetime
    alias: str
    to: str
    by: str


@dataclass(frozen=True, slots=True)
class JobView:
    """One training run."""

    id: str
    kind: str
    state: str
    tone: str
    started_at: datetime
    took: str
    details: str

    @property
    def at(self) -> datetime:
        """When it began, by which it stands among other moments."""
        return self.started_at


_STATE_TONES = {"passed": "ok", "refused": "error", "candidate": "info", "unjudged": "warning", "retired": "quiet"}


def version_views(registry: Registry, name: str) -> tuple[VersionView, ...]:
    """The versions of a model, newest first."""
    by_digest: dict[str, list[str]] = {}
    for alias, digest in sorted(registry.aliases(name).items()):
        by_digest.setdefault(digest, []).append(alias)
    return tuple(
        VersionView(
            number=version.number,
            digest=version.digest,
            short=short_digest(version.digest),
            created_at=version.created_at,
            format=version.format,
            state=version.state.value,
            state_tone=_STATE_TONES.get(version.state.value, "quiet"),
            aliases=tuple(by_digest.get(version.digest, ())),
            metrics=tuple(
                (key.removeprefix("custom.").replace("_", " "), number(value)) for key, value in version.metrics.items()
            ),
            gate=verdict_view(version.gate) if version.gate else None,
            lineage=tuple((key.replace("_", " "), value) for key, value in version.lineage.items()),
            card=f"/api/v1/models/{name}/versions/{version.number}/card" if "card" in version.lineage else "",
            is_elsewhere=version.is_elsewhere,
            called=version.called if version.is_elsewhere else "",
        )
        for version in registry.versions(name)
    )


_JOB_TONES = {"done": "ok", "failed": "error", "lost": "error", "running": "info", "cancelled": "quiet"}


def move_views(registry: Registry, gate: Gate, name: str) -> tuple[MoveView, ...]:
    """The moves of a model's aliases, newest first, and who allowed each."""
    numbers = {version.digest: f"v{version.number}" for version in registry.versions(name)}
    return tuple(
        MoveView(move.at, move.alias, numbers.get(move.digest, "nothing"), _allowed(gate, move.by))
        for move in reversed(registry.alias_history(name))
    )


def _allowed(gate: Gate, by: str) -> str:
    """Who moved it; where it was a run of the gate, the plan and whose approval it rests on."""
    record = gate.plan(by.partition(":")[0])
    if record is None:
        return by
    who = f", approved by {record.decision.by}" if record.decision is not None else ""
    return f"plan {record.plan.id}{who}"


def job_view(job: Job) -> JobView:
    """One training run as it is shown."""
    took = duration((job.ended_at - job.started_at).total_seconds()) if job.ended_at else "still running"
    details = ", ".join(f"{key} {value}" for key, value in list(job.details.items())[:3])
    return JobView(job.id, job.kind, job.state, _JOB_TONES.get(job.state, "info"), job.started_at, took, details)

"""Which project folder a model is trained from: jobs remember it, so that a retrain finds the code again."""

from __future__ import annotations

from pathlib import Path

from wellkept.spine.registry import Job, Registry

MOST_JOBS = 10_000
"""Checks of a model are jobs, too, and there may be thousands of them since it was trained."""


def project_of(registry: Registry, model: str) -> Path | None:
    """The folder that the model was trained from last; None where there is none."""
    job = _trained_by(registry, model)
    return Path(str(job.details["project"])) if job is not None else None


def origin_of(registry: Registry, model: str) -> dict[str, str]:
    """Where a model is from whose folder was made for an import: what its lineage says; else nothing."""
    job = _trained_by(registry, model)
    return dict(job.details.get("origin") or {}) if job is not None else {}


def _trained_by(registry: Registry, model: str) -> Job | None:
    """The run whose folder a retrain takes.

    What was made for an import that was only judged gives the same model again whatever the data: it counts only where
    there is no other.
    """
    found = [job for job in registry.jobs(f"model:{model}", limit=MOST_JOBS) if "project" in job.details]
    return next((job for job in found if not job.details.get("origin")), found[0] if found else None)

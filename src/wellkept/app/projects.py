"""Which project folder a model is trained from: jobs remember it, so that a retrain finds the code again."""

from __future__ import annotations

from pathlib import Path

from wellkept.spine.registry import Registry

MOST_JOBS = 10_000
"""Checks of a model are jobs, too, and there may be thousands of them since it was trained."""


def project_of(registry: Registry, model: str) -> Path | None:
    """The folder that the model was trained from last; None where there is none.

    What was made for an import that was only judged gives the same model again whatever the data: it counts only where
    there is no other.
    """
    found = [job for job in registry.jobs(f"model:{model}", limit=MOST_JOBS) if "project" in job.details]
    chosen = next((job for job in found if not job.details.get("origin")), found[0] if found else None)
    return Path(str(chosen.details["project"])) if chosen is not None else None

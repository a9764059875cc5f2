"""One training run: its steps, what it printed, how far it is, and what was searched."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wellkept.kernel.errors import NotFoundError
from wellkept.spine.registry import Job, Registry
from wellkept.web.deps import RunLog
from wellkept.web.views.versions import JobView, job_view
from wellkept.web.wording import amount, duration

SHOWN_LINES = 400
SHORT_S = 10.0


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a run: how long it took, or which run it was taken from."""

    name: str
    took: str
    source: str


@dataclass(frozen=True, slots=True)
class TrialView:
    """One trial of a search."""

    number: int
    state: str
    value: str
    parameters: tuple[tuple[str, str], ...]
    took: str
    error: str
    is_best: bool


@dataclass(frozen=True, slots=True)
class RunView:
    """The page of one run."""

    model: str
    job: JobView
    by: str
    project: str
    phase: str
    is_running: bool
    error: str
    cause: str
    """The last line of an error of several, which says most."""
    version: str
    warnings: tuple[str, ...]
    """What is odd about its data."""
    progress: str
    done: float
    total: float
    steps: tuple[StepView, ...]
    metric: str
    maximize: bool
    values: tuple[float, ...]
    trials: tuple[TrialView, ...]
    log: str
    ended_at: datetime | None


def run_view(registry: Registry, log: RunLog, model: str, job_id: str) -> RunView:
    """The page of one run of a model.

    Raises:
        NotFoundError: the model has no such run.
    """
    job = registry.job(job_id)
    if job is None or job.subject != f"model:{model}":
        raise NotFoundError(f"model {model}", "has no such training run", job_id)
    details, said = job.details, log(job_id, 0)
    error = str(details.get("error", ""))
    progress = said.get("progress") or {}
    if progress.get("step") in {step["name"] for step in details.get("steps", ())}:
        progress = {}  # of a step that is over; the one that goes on has not said anything yet
    search: Mapping[str, Any] = details.get("search") or {}
    return RunView(
        model=model,
        job=job_view(job),
        by=str(details.get("by", "wellkept")),
        project=str(details.get("project", "")),
        phase=str(details.get("phase", "")),
        is_running=job.state == "running",
        error=error,
        cause=_last_line(error),
        version=f"v{details['version']}" if "version" in details else "",
        warnings=tuple(details.get("data", {}).get("warnings", ())),
        progress=_words(progress) if job.state == "running" else "",
        done=float(progress.get("done", 0.0)),
        total=float(progress.get("total", 0.0)),
        steps=tuple(_step(step) for step in details.get("steps", ())),
        metric=str(search.get("metric", "")),
        maximize=bool(search.get("maximize", True)),
        values=tuple(_value(trial) for trial in search.get("trials", ())),
        trials=_trials(search),
        log=_tail(log, job, said),
        ended_at=job.ended_at,
    )


def _words(progress: Mapping[str, Any]) -> str:
    if not progress:
        return ""
    values = "".join(f", {name} {value:.4g}" for name, value in progress["values"].items())
    total = f" of {progress['total']:g}" if progress["total"] else ""
    return f"{progress['step']}: {progress['done']:g}{total} {progress['note']}{values}".strip()


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""


def _step(step: Mapping[str, Any]) -> StepView:
    source = str(step.get("from", ""))
    return StepView(str(step["name"]), "" if source else _took(step["seconds"]), source)


def _took(seconds: Any) -> str:
    """A length of time, below some seconds with its fraction: most steps and trials of small models are that short."""
    return amount(float(seconds), "s") if float(seconds) < SHORT_S else duration(float(seconds))


def _value(trial: Mapping[str, Any]) -> float:
    return float(trial["value"]) if trial["value"] is not None and trial["state"] == "complete" else math.nan


def _trials(search: Mapping[str, Any]) -> tuple[TrialView, ...]:
    best = search.get("parameters")
    return tuple(
        TrialView(
            number=number,
            state=str(trial["state"]),
            value=f"{trial['value']:.5g}" if trial["value"] is not None else "–",
            parameters=tuple((name, _short(value)) for name, value in trial["parameters"].items()),
            took=_took(trial["seconds"]),
            error=str(trial["error"]),
            is_best=trial["parameters"] == best and trial["state"] == "complete",
        )
        for number, trial in enumerate(search.get("trials", ()), 1)
    )


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _tail(log: RunLog, job: Job, said: Mapping[str, Any]) -> str:
    """The last lines of the log; of a long one the pages before are passed over."""
    text = str(said["text"])
    while said["text"]:
        said = log(job.id, int(said["next"]))
        text = (text + str(said["text"]))[-200_000:]
    return "\n".join(text.splitlines()[-SHOWN_LINES:])

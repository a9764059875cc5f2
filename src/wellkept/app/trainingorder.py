"""What a run is to train, and one run with all that its steps depend on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from wellkept.kernel.codec import encode
from wellkept.kernel.errors import TrainingError
from wellkept.ml.contract import ModelContract
from wellkept.ml.data.stage import Interval
from wellkept.ml.oversight import Limits, Oversight
from wellkept.ml.provenance import own_code
from wellkept.ml.retrainspec import is_window_chosen
from wellkept.ml.train.executors.base import Executor
from wellkept.ml.train.stage import training_request
from wellkept.spine.journal import Journal, Result
from wellkept.spine.registry import Job, ModelVersion


@dataclass(frozen=True, slots=True)
class Order:
    """What a run is to train: a project over a span, some intervals left out; kept in the job, so that it survives."""

    project: Path
    start: datetime
    end: datetime
    excluded: tuple[Interval, ...] = ()
    since: datetime | None = None
    fresh: bool = False

    def details(self) -> dict[str, Any]:
        """As a job keeps it."""
        shown: dict[str, Any] = encode({"start": self.start, "end": self.end, "since": self.since})
        return {**shown, "project": str(self.project), "excluded": encode(self.excluded), "fresh": self.fresh}

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Order:
        """The order that a job keeps."""
        moment = datetime.fromisoformat
        since = details.get("since")
        return cls(
            project=Path(details["project"]),
            start=moment(details["start"]),
            end=moment(details["end"]),
            excluded=tuple((moment(a), moment(b)) for a, b in details.get("excluded", ())),
            since=moment(since) if since else None,
            fresh=bool(details.get("fresh")),
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One run, with all that its steps depend on."""

    journal: Journal
    oversight: Oversight
    order: Order
    contract: ModelContract
    contract_text: str
    code: str
    sources: Mapping[str, str]
    """The digest of each of the project's Python files, as they were when the run was begun."""
    environment: Mapping[str, str]
    champion: ModelVersion | None
    executor: Executor

    @property
    def folder(self) -> Path:
        """Where the workers of the run write."""
        return self.oversight.folder

    @property
    def limits(self) -> Limits:
        """What a worker of the run may take."""
        return self.oversight.limits

    @property
    def request(self) -> dict[str, Any]:
        """What the worker is told; a retrain looks for a better window than the contract's, where that is wanted."""
        retrain, is_retrain = self.contract.retrain, self.journal.job.kind == "retrain"
        wants = is_retrain and is_window_chosen(retrain, self.contract.task)
        return training_request(self.contract, self.order.since, retrain.window_s if wants else None)

    def step(self, name: str, key: str, work: Callable[[], Result], *, shared: bool = True) -> Result:
        """A step of the journal, told in the run's log."""
        began = time.perf_counter()
        if self.oversight.cancelled_by is not None:
            raise TrainingError(f"was cancelled by {self.oversight.cancelled_by} before {name}", cause="cancelled")
        self.oversight.say(name)
        found = self.journal.step(name, key, work, shared=shared)
        source = self.journal.taken.get(name)
        took = f"took {time.perf_counter() - began:.1f} s"
        said = took if source is None else "was done before the server ended" if source == self.journal.job.id else ""
        self.oversight.say(f"{name} {said or f'taken from {source}: nothing that it depends on has changed'}")
        return found

    @property
    def depends_on(self) -> dict[str, Any]:
        """What searching and training have in common."""
        return {
            "own": own_code("train"),
            "code": self.code,
            "environment": dict(self.environment),
            "executor": self.executor.name,
            "request": self.request,
        }


def is_outside(contract: ModelContract, job: Job) -> bool:
    """Whether an external CI runs a job: a retrain, where the contract says so."""
    return job.kind == "retrain" and contract.retrain.runner == "ci"


def spans(intervals: Sequence[Interval]) -> str:
    """Intervals in words."""
    return "; ".join(f"{a.isoformat()} to {b.isoformat()}" for a, b in intervals)


def model_of(job: Job) -> str:
    """The model that a job trains."""
    return job.subject.removeprefix("model:")

"""What the rest of the platform learns of trainings: audit entries, verdicts, findings about failures, curves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from wellkept.kernel.entity import Entity, EntityKind
from wellkept.kernel.errors import WellkeptError
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ml.progress import Said
from wellkept.sdk.otlp import key_values
from wellkept.spine.audit import Audit
from wellkept.spine.registry import Job, ModelVersion
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.telemetry.otlp.writer import Signal

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

log = logging.getLogger(__name__)

ACTOR = "wellkept"
DETECTOR, VERSION = "training", "1"
CURVE = "wellkept.training."
"""What the metrics of training curves begin with; what ``wellkept.progress`` was told follows."""
MOST_CURVES = 50
SEARCH = "search"
"""The step whose curves would be those of all its trials in one; of it the best value is kept."""
SLOW, LEAST_S, LEAST_RUNS = 3.0, 60.0, 3
"""So many times as long as usual is slow, of what takes a minute at least, and once so many runs are known."""
CAUSES = {
    "memory": "it took too much memory",
    "time": "it took too long",
    "data": "its data breaks the contract",
    "code": "its code failed",
    "store": "what it made could not be kept",
    "lost": "the server ended over it again and again",
}

Send = Callable[[bytes], object]
"""Takes an export request of metrics."""


class Record:
    """Tells the others. What is served does not change by any of it."""

    def __init__(self, stream: Stream, audit: Audit, topology: Topology, send: Send) -> None:
        self._stream, self._audit, self._topology, self._send = stream, audit, topology, send

    def noted(self, at: datetime, by: str, verb: str, job: Job, **details: Any) -> None:
        """An entry of the audit log."""
        self._audit.append(at, by, f"training.{verb}", job.subject, {**details, "job": job.id})

    def done(self, at: datetime, job: Job, version: ModelVersion, earlier: Sequence[Job]) -> None:
        """A run came to a version; an earlier failure of the model's trainings is over.

        One that took far longer than the ``earlier`` ones is a finding until one takes no longer than they.
        """
        assert version.gate is not None
        self._stream.save_verdict(version.gate)
        what = {"version": version.number, "digest": version.digest, "judgement": version.gate.judgement.value}
        self.noted(at, ACTOR, "done", job, **what)
        slow = slowness(job, earlier, at)
        self._stream.close([_fingerprint(job), *(() if slow else (_fingerprint(job, "slow"),))], at)
        if slow is not None:
            self._topology.observe([_pipeline(job)], [], at)
            self._stream.publish([slow], at)

    def ended(self, at: datetime, job: Job, state: str, why: str, cause: str) -> None:
        """A run came to nothing. Unless somebody wanted that, it is a finding about the model's training pipeline."""
        self.noted(at, ACTOR, state, job, error=why)
        if state != "cancelled":
            self._topology.observe([_pipeline(job)], [], at)
            self._stream.publish([failure(job, cause, why, at)], at)

    def curves(self, job: Job, said: Sequence[Said]) -> None:
        """What a run measured as it went, as telemetry of its model: a series a name and run."""
        body = curves_request(job, [one for one in said if one.step != SEARCH or "best" in one.values])
        if body:
            self._send(body)


def record_of(platform: Platform) -> Record:
    """The record of a platform. Curves are taken as any sender's metrics; they are a help, and what cannot be stored
    now is left out.
    """

    def send(body: bytes) -> None:
        try:
            platform.ingest.submit(Signal.METRICS, body)
        except WellkeptError as error:
            log.warning("the curves of a training are not stored: %s", error)

    return Record(platform.stream, platform.audit, platform.topology, send)


def failure(job: Job, cause: str, why: str, at: datetime) -> Finding:
    """The finding that a training failed; of one that somebody started and looks at it is information alone."""
    model, first = job.subject.removeprefix("model:"), why.splitlines()[0] if why else ""
    is_watched = job.kind == "train"
    return Finding(
        fingerprint=_fingerprint(job),
        detector=DETECTOR,
        detector_version=VERSION,
        entity=_pipeline(job).id,
        kind=FindingKind.THRESHOLD,
        severity=Severity.INFO if is_watched else Severity.WARNING,
        score=1.0,
        score_meaning="1: the run came to no version",
        starts_at=at,
        sentence=f"A {'training' if is_watched else 'retraining'} of {model} failed: {CAUSES[cause]}. {first}",
        evidence=(Evidence("training", attributes={"job": job.id}, samples=(first,)),),
        attributes={"title": f"training of {model} failed", "cause": cause, "job": job.id},
    )


def slowness(job: Job, earlier: Sequence[Job], at: datetime) -> Finding | None:
    """The finding that a run took far longer than those before that did the same work; None where it did not."""
    took = _worked(job)
    alike = [one for one in earlier if one.state == "done" and one.id != job.id and not one.details.get("taken")]
    lasted = [_worked(one) for one in alike]
    if len(lasted) < LEAST_RUNS or took <= max(LEAST_S, SLOW * median(lasted)):
        return None
    model, usual = job.subject.removeprefix("model:"), median(lasted)
    return Finding(
        fingerprint=_fingerprint(job, "slow"),
        detector=DETECTOR,
        detector_version=VERSION,
        entity=_pipeline(job).id,
        kind=FindingKind.THRESHOLD,
        severity=Severity.INFO,
        score=took / usual if usual else took,
        score_meaning="how many times as long as the median of the runs before",
        starts_at=at,
        sentence=f"A training of {model} took {took:.0f} s, where {usual:.0f} s was usual over {len(lasted)} runs.",
        evidence=(Evidence("training", unit="s", values={"took": took, "usual": usual}),),
        attributes={"title": f"training of {model} is slow", "cause": "slow", "job": job.id},
    )


def _worked(job: Job) -> float:
    """The seconds that a run's steps took: not those in which it waited for room, nor in which the server was away."""
    return float(sum(step["seconds"] for step in job.details.get("steps", ())))


def curves_request(job: Job, said: Sequence[Said]) -> bytes:
    """An OTLP request with a gauge for each name that was measured; empty where nothing was."""
    names = list(dict.fromkeys(name for one in said for name in one.values))[:MOST_CURVES]
    if not names:
        return b""
    request = ExportMetricsServiceRequest()
    block = request.resource_metrics.add()
    block.resource.attributes.extend(key_values({"wellkept.model.name": job.subject.removeprefix("model:")}))
    scope = block.scope_metrics.add()
    scope.scope.name = "wellkept.training"
    for name in names:
        metric: Metric = scope.metrics.add(name=f"{CURVE}{name}", unit="")
        for one in said:
            if name in one.values:
                about: Mapping[str, str] = {"wellkept.job.id": job.id, "wellkept.job.step": one.step}
                point = metric.gauge.data_points.add(time_unix_nano=int(one.at * 1e9), as_double=one.values[name])
                point.attributes.extend(key_values(about))
    return request.SerializeToString()


def _fingerprint(job: Job, *more: str) -> str:
    return fingerprint(DETECTOR, _pipeline(job).id, job.kind, *more)


def _pipeline(job: Job) -> Entity:
    model = job.subject.removeprefix("model:")
    return Entity(EntityKind.PIPELINE, f"pipeline:{model}/training", f"training of {model}")

"""Containers of Kubernetes that restart again and again, or that run out of memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View, check_above_zero
from wellkept.ops.detect.catalogue import duration
from wellkept.ops.detect.signals import evidence_of, moment
from wellkept.ops.detect.slow import is_current
from wellkept.ops.detect.words import bare, clock
from wellkept.store.telemetry.window import SeriesInfo, Window, of_series

Floats = NDArray[np.float64]

RESTARTS = frozenset(
    {
        "kube_pod_container_status_restarts_total",
        "kube_pod_init_container_status_restarts_total",
        "k8s.container.restart.count",
    }
)
"""Series that count restarts of a container: by kube-state-metrics, and by OpenTelemetry."""
REASONS: Mapping[str, str] = {
    "kube_pod_container_status_last_terminated_reason": "reason",
    "kube_pod_container_status_terminated_reason": "reason",
    "kube_pod_init_container_status_last_terminated_reason": "reason",
    "k8s.container.status.reason": "k8s.container.status.reason",
}
"""Series that are 1 for the reason why a container ended, and the attribute that says it."""
REASON = "k8s.container.status.last_terminated_reason"
"""The same as an attribute of the resource."""
OUT_OF_MEMORY = "OOMKilled"
_SAID = frozenset({OUT_OF_MEMORY, "Error", "ContainerCannotRun", "DeadlineExceeded", "StartError"})


@dataclass(frozen=True, slots=True)
class RestartsParameters:
    """How often is too often."""

    times: int = 3
    """A container that was restarted so many times within the window keeps crashing."""
    settled_s: float = 900.0
    """One that was not restarted for so long has come round: the kubelet takes it for sound after ten minutes, and
    waits for up to five before it starts one again that has ended meanwhile."""

    def __post_init__(self) -> None:
        check_above_zero("restarts", self)


@dataclass(frozen=True, slots=True)
class _Container:
    """The columns that count the restarts of a container, as rates or as they are, and those that say why it ended."""

    entity: str
    columns: tuple[int, ...]
    reasons: tuple[tuple[int, str], ...]
    is_rate: bool


class Restarts:
    """Says that a container restarts again and again, or that it was ended because it was out of memory.

    Restarts are counted over the window. One or two are a node's reboot or a slow start, unless it was memory, which
    no rollout explains. It is over when the container was not restarted for a quarter of an hour, or is not there any
    more, as after a rollout. Abstains on blind entities.

    Source: ``CrashLoopBackOff`` of Kubernetes, whose delays grow to five minutes and begin anew after ten.
    """

    name = "restarts"
    version = "1"
    finds = "containers that restart again and again, or run out of memory"
    kinds = (FindingKind.THRESHOLD,)
    shared = ("missing_steps", "window_s")
    Parameters = RestartsParameters

    def __init__(self, settings: DetectSettings | None = None, parameters: RestartsParameters | None = None) -> None:
        self._settings, self.parameters = settings or DetectSettings(), parameters or RestartsParameters()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        window = view.metrics
        containers = _containers(window.series)
        if not containers or not len(window.values):
            return []
        found: dict[str, Finding] = {}
        for one in _restarted(window, containers):
            told = window.values[:, one.columns]
            values = np.fmax.reduce(told, axis=1)
            if view.blind.hides(one.entity, window.series[one.columns[0]].name):
                continue
            if not is_current(np.isfinite(values), self._settings.missing_steps):
                continue
            restarts = _by_rates(told, window.step_s) if one.is_rate else _by_counts(values)
            finding = self._finding(view, one, values, restarts) if restarts.any() else None
            if finding is not None and (finding.fingerprint not in found or _is_worse(finding, found)):
                found[finding.fingerprint] = finding
        return [found[key] for key in sorted(found)]

    def _finding(self, view: View, one: _Container, values: Floats, restarts: Floats) -> Finding | None:
        window, info, count = view.metrics, view.metrics.series[one.columns[-1]], int(restarts.sum())
        steps, why = np.flatnonzero(restarts), _reason(window, one)
        if window.times[-1] - window.times[steps[-1]] >= self.parameters.settled_s:
            return None
        key = fingerprint(self.name, info.entity, "restarts")
        known = view.open.get(key)
        if known is None and count < self.parameters.times and why != OUT_OF_MEMORY:
            return None
        starts_at = moment(window.times[steps[0]] - window.step_s)
        lasted_s = float(window.times[-1]) - starts_at.timestamp()
        is_memory = why == OUT_OF_MEMORY
        often = f"{count} times in {duration(lasted_s)}" if count > 1 else "once"
        ended = "; it was out of memory" if is_memory else f"; it ended with {why}" if why else ""
        return Finding(
            fingerprint=key,
            detector=self.name,
            detector_version=self.version,
            entity=info.entity,
            kind=FindingKind.THRESHOLD,
            severity=Severity.WARNING,
            score=round(count / (count + 1), 6),
            score_meaning="1 minus 1 over the restarts in the window and one more",
            starts_at=known.starts_at if known else starts_at,
            sentence=(
                f"Container {bare(info.entity)} was restarted {often} since "
                f"{clock(starts_at, moment(window.times[-1]))}{ended}."
            ),
            evidence=(evidence_of(info, window.times, values, {"restarts": float(count)}),),
            attributes={
                "title": f"Container {bare(info.entity)} {'runs out of memory' if is_memory else 'restarts'}",
                "resource": "memory" if is_memory else "",
                "symptom": "",
            },
        )


def _is_worse(finding: Finding, found: Mapping[str, Finding]) -> bool:
    return finding.score > found[finding.fingerprint].score


def _by_counts(values: Floats) -> Floats:
    """How many restarts became known in each step: [T]. What a count was before it was first seen is not known."""
    steps = np.flatnonzero(np.isfinite(values))
    counted = np.zeros(len(values))
    counted[steps[1:]] = np.maximum(0.0, np.diff(values[steps]))
    return counted


def _by_rates(told: Floats, step_s: float) -> Floats:
    """The same of rates, [T, C].

    Who tells of the same at the same time, as two kube-state-metrics do, adds nothing; who follows another goes on with
    what that one has counted.
    """
    total = np.zeros(len(told))
    seen = np.isfinite(told)
    for column in np.argsort(np.argmax(seen, axis=0), kind="stable").tolist():
        steps = np.flatnonzero(seen[:, column])
        if len(steps) < 2:
            continue
        apart, rates = np.diff(steps), told[steps, column]
        seconds = step_s * np.concatenate([[np.median(apart)], apart])
        counted = np.zeros(len(told))
        counted[steps] = np.where(rates > 0, np.maximum(1.0, np.rint(rates * seconds)), 0.0)
        total[steps[0] :] = np.maximum(total[steps[0] :], total[steps[0]] + np.cumsum(counted[steps[0] :]))
    return np.diff(total, prepend=0.0)


def _reason(window: Window, one: _Container) -> str:
    """Why a container ended, by the newest series that says so."""
    told = [(np.flatnonzero(window.values[:, column] > 0), reason) for column, reason in one.reasons]
    return max(((int(steps[-1]), reason) for steps, reason in told if len(steps)), default=(0, ""))[1]


def _restarted(window: Window, containers: tuple[_Container, ...]) -> Iterator[_Container]:
    """Those of which a count has moved at all: nearly all run at nearly all times, and are left out at once."""
    columns = np.array([column for one in containers for column in one.columns], np.intp)
    firsts = np.cumsum([0] + [len(one.columns) for one in containers[:-1]])
    values = window.values[:, columns]
    seen = np.isfinite(values)
    most = np.maximum.reduceat(np.where(seen, values, -np.inf).max(axis=0), firsts)
    least = np.minimum.reduceat(np.where(seen, values, np.inf).min(axis=0), firsts)
    is_rate = np.array([one.is_rate for one in containers], dtype=bool)
    for place in np.flatnonzero(most > np.where(is_rate, 0.0, least)).tolist():
        yield containers[place]


@of_series
def _containers(series: tuple[SeriesInfo, ...]) -> tuple[_Container, ...]:
    """The containers that are told of, with all series of a name that count their restarts: one begins with each
    restart, where the container's own id is told.
    """
    columns: dict[tuple[str, str], list[int]] = {}
    reasons: dict[str, list[tuple[int, str]]] = {}
    for column, info in sorted(enumerate(series), key=lambda pair: pair[1].id):
        if info.name in RESTARTS and info.entity:
            columns.setdefault((info.entity, info.name), []).append(column)
        told = info.attributes.get(REASONS.get(info.name, "")) or info.resource_attributes.get(REASON, "")
        if told in _SAID and (info.name in REASONS or info.name in RESTARTS):
            reasons.setdefault(info.entity, []).append((column, told))
    return tuple(
        _Container(entity, tuple(of), tuple(reasons.get(entity, ())), series[of[0]].unit.endswith("/s"))
        for (entity, _), of in columns.items()
    )

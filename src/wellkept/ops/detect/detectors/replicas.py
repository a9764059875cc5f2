"""Fewer pods are available than a workload of Kubernetes wants, and no more become so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View, check_above_zero
from wellkept.ops.detect.catalogue import duration
from wellkept.ops.detect.merged import cluster_of, in_several, merged, newest
from wellkept.ops.detect.signals import evidence_of, moment
from wellkept.ops.detect.slow import is_current
from wellkept.ops.detect.words import bare, clock
from wellkept.store.telemetry.window import SeriesInfo, of_series

Floats = NDArray[np.float64]

WORKLOADS: tuple[tuple[str, str, str, str], ...] = (
    (
        "Deployment",
        "kube_deployment_spec_replicas",
        "kube_deployment_status_replicas_available",
        "kube_deployment_status_replicas_updated",
    ),
    (
        "StatefulSet",
        "kube_statefulset_replicas",
        "kube_statefulset_status_replicas_ready",
        "kube_statefulset_status_replicas_updated",
    ),
    (
        "DaemonSet",
        "kube_daemonset_status_desired_number_scheduled",
        "kube_daemonset_status_number_available",
        "kube_daemonset_status_updated_number_scheduled",
    ),
    ("Deployment", "k8s.deployment.pod.desired", "k8s.deployment.pod.available", ""),
    ("StatefulSet", "k8s.statefulset.pod.desired", "k8s.statefulset.pod.ready", "k8s.statefulset.pod.updated"),
    ("DaemonSet", "k8s.daemonset.node.desired_scheduled", "k8s.daemonset.node.ready", ""),
)
"""What kinds of workloads are called, and the series that hold how many of their pods are wanted, how many are
available, and how many are of the newest version: by kube-state-metrics, and by OpenTelemetry.
"""
_PLACES = {name: (row, part) for row, (_, *names) in enumerate(WORKLOADS) for part, name in enumerate(names) if name}


@dataclass(frozen=True, slots=True)
class ReplicasParameters:
    """How long it may take until pods are available."""

    stuck_s: float = 600.0
    """Some are missing for so long, and no more become available; a Deployment's own deadline is as long."""
    none_s: float = 300.0
    """None of them is available for so long, where there had been some."""

    def __post_init__(self) -> None:
        check_above_zero("replicas", self)


@dataclass(frozen=True, slots=True)
class _Workload:
    """The columns of one workload; ``updated`` is empty where that is not told. ``cluster``: of which it is, where
    several have one of that name.
    """

    entity: str
    cluster: str
    kind: str
    wanted: tuple[int, ...]
    available: tuple[int, ...]
    updated: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Missing:
    """Of how many pods how many are available, and since which step there are too few; whether there are none left.

    ``told``: how many were available in each step.
    """

    workload: _Workload
    told: Floats
    wanted: int
    available: int
    since: int
    are_none_left: bool


class Replicas:
    """Says that fewer pods are available than a Deployment, a StatefulSet or a DaemonSet wants, and no more become so.

    A rollout, a scale-up and a drained node leave pods missing for a while, and go on: as long as pods of the newest
    version are added (where that is not told: as long as any become available), or more are available than ever since
    some were missing, nothing is said. Once said it lasts until all are there, or none is wanted. Abstains where the
    series have stopped, and on blind entities. Workloads of one name in several clusters are told of one by one.

    Source: ``KubeDeploymentReplicasMismatch`` of the rules that come with kube-prometheus, and Kubernetes' own
    ``progressDeadlineSeconds``.
    """

    name = "replicas"
    version = "2"
    finds = "workloads of Kubernetes with fewer pods available than they want"
    kinds = (FindingKind.THRESHOLD,)
    shared = ("missing_steps",)
    Parameters = ReplicasParameters

    def __init__(self, settings: DetectSettings | None = None, parameters: ReplicasParameters | None = None) -> None:
        self._settings, self.parameters = settings or DetectSettings(), parameters or ReplicasParameters()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        found: dict[str, Finding] = {}
        for missing in self._missing(view):
            one = missing.workload
            key = fingerprint(self.name, one.entity, one.kind, *filter(None, [one.cluster]))
            finding = self._finding(view, missing, key, view.open.get(key))
            if finding is not None and (key not in found or found[key].score < finding.score):
                found[key] = finding
        return [found[key] for key in sorted(found)]

    def _missing(self, view: View) -> Iterator[_Missing]:
        """Workloads whose newest word is that some pods are missing."""
        workloads = _workloads(view.metrics.series)
        values = view.metrics.values
        if not workloads or not len(values):
            return
        pairs = merged(values, [part for one in workloads for part in (one.wanted, one.available)])
        last_words = newest(pairs)
        for place in np.flatnonzero(last_words[1::2] < last_words[::2]).tolist():
            one = workloads[place]
            wanted, available = pairs[:, 2 * place], pairs[:, 2 * place + 1]
            told = np.isfinite(wanted) & np.isfinite(available)
            if view.blind.hides(one.entity, view.metrics.series[one.available[-1]].name):
                continue
            if not told.any() or not is_current(told, self._settings.missing_steps):
                continue
            whole = np.flatnonzero(told & (available >= wanted))
            some = np.flatnonzero(told & (available > 0))
            none_left = bool(len(some)) and last_words[2 * place + 1] == 0
            last = some[-1] if none_left else (whole[-1] if len(whole) else -1)
            since = int(np.flatnonzero(told)[np.flatnonzero(told) > last][0])
            needed, there = map(int, last_words[2 * place : 2 * place + 2])
            yield _Missing(one, available, needed, there, since, none_left)

    def _finding(self, view: View, missing: _Missing, key: str, known: Finding | None) -> Finding | None:
        window, one = view.metrics, missing.workload
        starts_at = moment(window.times[missing.since] - window.step_s)
        is_error = missing.are_none_left or (known is not None and known.severity is Severity.ERROR)
        if known is not None:
            starts_at = min(starts_at, known.starts_at)
        lasted_s = float(window.times[-1]) - starts_at.timestamp()
        enough_s = self.parameters.none_s if missing.are_none_left else self.parameters.stuck_s
        if known is None and (lasted_s < enough_s or self._goes_on(view, missing, enough_s)):
            return None
        severity = Severity.ERROR if is_error and not missing.available else Severity.WARNING
        what = f"{one.kind} {bare(one.entity)}{f' of cluster {one.cluster}' if one.cluster else ''}"
        values = {"wanted": float(missing.wanted), "available": float(missing.available)}
        return Finding(
            fingerprint=key,
            detector=self.name,
            detector_version=self.version,
            entity=one.entity,
            kind=FindingKind.THRESHOLD,
            severity=severity,
            score=round(1 - missing.available / missing.wanted, 6),
            score_meaning="share of the wanted pods that are not available",
            starts_at=starts_at,
            sentence=(
                f"{what} has {missing.available or 'none'} of {missing.wanted} pods available since "
                f"{clock(starts_at, moment(window.times[-1]))} ({duration(lasted_s)})."
            ),
            evidence=(evidence_of(window.series[one.available[-1]], window.times, missing.told, values),),
            attributes={
                "title": f"{what} has {'too few pods' if missing.available else 'no pods'} available",
                "resource": "",
                "symptom": "yes" if severity is Severity.ERROR else "",
            },
        )

    def _goes_on(self, view: View, missing: _Missing, within_s: float) -> bool:
        """Whether pods were added or became available in the newest seconds."""
        steps, updated = max(2, round(within_s / view.step_s)), missing.workload.updated
        lately = _told(missing.told[-steps:])
        if len(lately) and lately[-1] > lately[0]:
            return True
        if not updated:
            return bool((np.diff(lately) > 0).any())
        return bool(np.diff(_told(np.fmax.reduce(view.metrics.values[-steps:, updated], axis=1))).any())


def _told(values: Floats) -> Floats:
    return values[np.isfinite(values)]


@of_series
def _workloads(series: tuple[SeriesInfo, ...]) -> tuple[_Workload, ...]:
    """The workloads that are told of, each with all series that tell of it: when a kube-state-metrics is restarted, it
    tells of the same by another ``instance``.
    """
    found: dict[tuple[str, str, int], tuple[list[int], list[int], list[int]]] = {}
    for column, info in sorted(enumerate(series), key=lambda pair: pair[1].id):
        if info.name in _PLACES and info.entity:
            row, part = _PLACES[info.name]
            found.setdefault((info.entity, cluster_of(info), row), ([], [], []))[part].append(column)
    several = in_several((entity, cluster) for entity, cluster, _ in found)
    return tuple(
        _Workload(
            entity,
            cluster if entity in several else "",
            WORKLOADS[row][0],
            tuple(wanted),
            tuple(available),
            tuple(updated),
        )
        for (entity, cluster, row), (wanted, available, updated) in found.items()
        if wanted and available
    )

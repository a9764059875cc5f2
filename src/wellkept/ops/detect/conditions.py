"""The states of Kubernetes that must not last: by which series they are told, and for how long they may.

Names are those of kube-state-metrics and of the OpenTelemetry Collector's receiver ``k8s_cluster``, the latter as the
conventions call them at present (``kernel/conventions.py``). How long follows the alerts of kubernetes-mixin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Severity

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Told:
    """A series that tells of a state: its name, and the values that some of its attributes must have, if any."""

    name: str
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def by(self, attributes: Mapping[str, str]) -> bool:
        """Whether a series of this name with such attributes tells of it."""
        return all(attributes.get(name) in values for name, values in self.where.items())


def _is_so(value: Floats, *_: Floats) -> Bools:
    return np.asarray(value > 0)


CLOCK = Told("")
"""The end of the step itself, in seconds since the epoch, beside what tells of a time."""


@dataclass(frozen=True, slots=True)
class State:
    """One state that must not last.

    ``key``: what it is called in fingerprints; of several states of one key and one entity the first is told. ``what``
    is in it: a pod, a job. ``says``: how sentences go on, with the values of what tells as ``{0}``, ``{1}``, ...
    (``CLOCK`` among them).

    ``told``: the series that tell. ``holds``: whether their values, arrays of one shape, mean the state; NaN stands for
    what is not told. ``lasts_s``: for so long it may be so. ``settles``: whether the values mean that this run went
    well (``JOB``), so that what became of earlier ones is no matter any more. ``reason``: the attribute that says why.

    ``pod_at``: which part of its path, counted from the end, is a pod; all pods of one workload are told of together.
    0: it is about no pod. ``may_be_usual``: it is information where it was so when Kubernetes was first heard.
    ``is_of_parts``: it is not told where something is told of a part, which is why.
    """

    key: str
    what: str
    title: str
    told: tuple[Told, ...]
    lasts_s: float
    says: str = ""
    holds: Callable[..., Bools] = _is_so
    settles: Callable[..., Bools] | None = None
    reason: str = ""
    pod_at: int = 0
    may_be_usual: bool = False
    is_of_parts: bool = False
    resource: str = ""
    severity: Severity = Severity.WARNING


def _where(**values: str) -> Mapping[str, frozenset[str]]:
    return {name: frozenset(value.split()) for name, value in values.items()}


_MINUTE = 60.0
_TRUE = _where(condition="true")


def _jobs() -> tuple[State, ...]:
    """A job that has failed is not begun again. Who tells of pods alone does not say so: those come again within six
    minutes, or not at all.
    """

    def failed(is_failed: Floats, _: Floats, by_reason: Floats) -> Bools:
        return np.asarray((is_failed > 0) | (by_reason > 0))

    def gave_up(pods: Floats, active: Floats, succeeded: Floats, wanted: Floats) -> Bools:
        return np.asarray((pods > 0) & (active == 0) & (succeeded < wanted))

    kube = (
        Told("kube_job_failed", _TRUE),
        Told("kube_job_complete", _TRUE),
        Told("kube_job_status_failed", _where(reason="BackoffLimitExceeded DeadlineExceeded Evicted")),
    )
    otel = tuple(Told(f"k8s.job.pod.{of}") for of in ("failed", "active", "successful", "desired_successful"))
    return (
        State(
            "failed", "Job", "has failed", kube, 5 * _MINUTE,
            holds=failed, settles=lambda _, complete, __: complete > 0, reason="reason",
        ),
        State(
            "failed", "Job", "has failed", otel, 10 * _MINUTE,
            holds=gave_up, settles=lambda _, __, succeeded, wanted: succeeded >= wanted,
        ),
    )  # fmt: skip


def _autoscalers() -> tuple[State, ...]:
    """One whose least is its most scales nothing, and one that is at its most may be where it has always been: whether
    it wants more is told by kube-state-metrics alone.
    """

    def at_most(wanted: Floats, most: Floats, least: Floats) -> Bools:
        return np.asarray((wanted >= most) & ~(least == most))

    def wants_more(wanted: Floats, most: Floats, least: Floats, is_limited: Floats) -> Bools:
        return at_most(wanted, most, least) & (is_limited > 0)

    def is_at_most(wanted: Floats, most: Floats, least: Floats, is_limited: Floats) -> Bools:
        return at_most(wanted, most, least) & ~np.isfinite(is_limited)

    kube = (
        Told("kube_horizontalpodautoscaler_status_desired_replicas"),
        Told("kube_horizontalpodautoscaler_spec_max_replicas"),
        Told("kube_horizontalpodautoscaler_spec_min_replicas"),
        Told("kube_horizontalpodautoscaler_status_condition", _where(condition="ScalingLimited", status="true")),
    )
    otel = tuple(Told(f"k8s.hpa.pod.{of}") for of in ("desired", "max", "min"))
    title, says = "is at its maximum", "is at its maximum of {1:g} pods"
    return (
        State(
            "maximum", "Autoscaler", f"{title} and wants more", kube, 15 * _MINUTE, f"{says} and wants more", wants_more
        ),
        State("maximum", "Autoscaler", title, kube, 15 * _MINUTE, says, is_at_most, may_be_usual=True),
        State("maximum", "Autoscaler", title, otel, 15 * _MINUTE, says, at_most, may_be_usual=True),
    )


def _nodes() -> tuple[State, ...]:
    """The kubelet goes by such a condition for five minutes at least."""
    conditions = (
        ("MemoryPressure", "memory_pressure", "is short of memory", "memory"),
        ("DiskPressure", "disk_pressure", "is short of disk space", "disk"),
        ("PIDPressure", "pid_pressure", "is short of process ids", ""),
        ("NetworkUnavailable", "network_unavailable", "has no network", ""),
    )
    return tuple(
        State(condition, "Node", title, (told,), 10 * _MINUTE, f"{title} ({condition})", resource=resource)
        for condition, of_collector, title, resource in conditions
        for told in (
            Told("kube_node_status_condition", _where(condition=condition, status="true")),
            Told(f"k8s.node.condition_{of_collector}"),
            Told("k8s.node.condition", _where(condition=condition)),
            Told(
                "k8s.node.condition.status",
                _where(**{"k8s.node.condition.type": condition, "k8s.node.condition.status": "condition_true"}),
            ),
        )
    )


def _pods() -> tuple[State, ...]:
    """Of a container that crashes ``restarts`` tells. Pods of a job may wait until there is room for them."""
    unstarted = _where(
        reason="ImagePullBackOff ErrImagePull ErrImageNeverPull InvalidImageName ImageInspectError RegistryUnavailable "
        "CreateContainerConfigError CreateContainerError RunContainerError"
    )
    of_job = Told("kube_pod_owner", _where(owner_kind="Job"))

    def is_first(told: Floats, is_of_job: Floats) -> Bools:
        return np.asarray((told == 1) & ~(is_of_job > 0))

    def pod(title: str, told: Told) -> State:
        return State("pending", "Pod", title, (told, of_job), 15 * _MINUTE, holds=is_first, pod_at=1, is_of_parts=True)

    waiting = (
        Told("kube_pod_container_status_waiting_reason", unstarted),
        Told("kube_pod_init_container_status_waiting_reason", unstarted),
        Told("k8s.container.status.reason", {"k8s.container.status.reason": unstarted["reason"]}),
    )
    return (
        *(
            State("waiting", "Container", "cannot start", (told,), 5 * _MINUTE, reason=reason, pod_at=2)
            for told, reason in zip(waiting, ("reason", "reason", "k8s.container.status.reason"), strict=True)
        ),
        pod("finds no node to run on", Told("kube_pod_status_unschedulable")),
        pod("is pending", Told("kube_pod_status_phase", _where(phase="Pending"))),
        pod("is pending", Told("k8s.pod.phase")),
    )


def _throttled() -> State:
    """Many containers are held back in peaks and nobody feels it, so it is there to be looked at."""

    def in_half(held_back: Floats, every: Floats) -> Bools:
        return np.asarray((held_back > 0.5 * every) & (every > 0))

    told = (Told("container_cpu_cfs_throttled_periods_total"), Told("container_cpu_cfs_periods_total"))
    return State(
        "throttled", "Container", "is held back by its CPU limit", told, 15 * _MINUTE,
        "is held back by its CPU limit in more than half of its periods", in_half,
        is_of_parts=True, resource="cpu", severity=Severity.INFO,
    )  # fmt: skip


def _cronjobs() -> tuple[State, ...]:
    """What was due is told until it is begun; while a run goes on, the next may have to wait for its end."""

    def is_late(now: Floats, due: Floats, suspended: Floats, active: Floats) -> Bools:
        return np.asarray((now > due) & ~(suspended > 0) & ~(active > 0))

    told = (
        CLOCK,
        Told("kube_cronjob_next_schedule_time"),
        Told("kube_cronjob_spec_suspend"),
        Told("kube_cronjob_status_active"),
    )
    says = "has not begun the run that was due"
    return (State("late", "CronJob", "does not begin its runs", told, 15 * _MINUTE, says, is_late),)


def _daemonsets() -> tuple[State, ...]:
    names = ("kube_daemonset_status_number_misscheduled", "k8s.daemonset.node.misscheduled")
    title, says = "runs where it should not", "runs on nodes where it should not, {0:g} of them,"
    return tuple(State("misplaced", "DaemonSet", title, (Told(name),), 15 * _MINUTE, says) for name in names)


STATES: tuple[State, ...] = (
    *_jobs(),
    *_cronjobs(),
    *_daemonsets(),
    *_autoscalers(),
    *_nodes(),
    *_pods(),
    _throttled(),
    State(
        "lost", "Volume claim", "has lost its volume",
        (Told("kube_persistentvolumeclaim_status_phase", _where(phase="Lost")),), 5 * _MINUTE,
        resource="disk", severity=Severity.ERROR,
    ),
    State(
        "failed", "Volume", "has failed",
        (Told("kube_persistentvolume_status_phase", _where(phase="Failed")),), 5 * _MINUTE,
        resource="disk", severity=Severity.ERROR,
    ),
)  # fmt: skip
"""All of them. Parts come before the whole that is not told of where they are."""

"""States of Kubernetes that must not last are told of when they do, and are over when they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from wellkept.checks.detectors import check_detector
from wellkept.checks.scenes import EPOCH, Story
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Finding, Severity
from wellkept.ops.detect.base import View
from wellkept.ops.detect.conditions import STATES
from wellkept.ops.detect.detectors.states import States, StatesParameters

Floats = NDArray[np.float64]
STEPS = 180
NODE, POD, JOB, WEB = "host:n1", "container:shop/web-1", "container:shop/backup", "container:shop/web"
APP = f"{POD}/app"
PENDING, PULL = {"phase": "Pending"}, {"reason": "ImagePullBackOff"}
WAITS = "kube_pod_container_status_waiting_reason"
HPA = "kube_horizontalpodautoscaler_"
LIMITED = {"condition": "ScalingLimited", "status": "true"}


def steps(*parts: tuple[int, float]) -> Floats:
    """So many steps of each value."""
    return np.concatenate([np.full(count, value) for count, value in parts])


def always(value: float) -> Floats:
    return np.full(STEPS, value)


GONE = float("nan")
HEARD = ("kube_pod_status_phase", always(0.0), PENDING)
"""Something else of Kubernetes that was heard from the first step on."""
Series = tuple[str, Floats, Mapping[str, str]]


def told(*series: Series, of: str) -> Story:
    """What is told of one thing."""
    story = Story(steps=len(series[0][1]))
    for name, values, attributes in series:
        story.metric(of, name, values, "", attributes)
    return story


def look(story: Story, known: Mapping[str, Finding] | None = None, patience: float = 1.0) -> list[Finding]:
    scene = story.scene()
    view = View(scene.metrics, scene.red, scene.exclusive, scene.logs, scene.step_s, scene.graph, known or {})
    return States(parameters=StatesParameters(patience)).detect(view, scene.now)


def known_by(found: list[Finding]) -> dict[str, Finding]:
    return {finding.fingerprint: finding for finding in found}


def test_it_holds_the_contract() -> None:
    check_detector(States(), View)


def test_its_patience_is_above_zero() -> None:
    with pytest.raises(InputError, match=r"states\.patience"):
        StatesParameters(0.0)


def test_every_state_has_words_and_something_that_tells_of_it() -> None:
    for state in STATES:
        assert state.told, state.key
        assert state.lasts_s <= 1500, "a window of half an hour must show it"
        assert state.title, state.key


PRESSURE = {"condition": "DiskPressure", "status": "true"}
CONDITION = {"k8s.node.condition.type": "DiskPressure", "k8s.node.condition.status": "condition_true"}


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("kube_node_status_condition", PRESSURE),
        ("k8s.node.condition_disk_pressure", {}),
        ("k8s.node.condition", {"condition": "DiskPressure"}),
        ("k8s.node.condition.status", CONDITION),
    ],
)
@pytest.mark.parametrize("every", [1, 3, 6])
def test_a_node_that_is_short_of_disk_space_is_told_of(name: str, attributes: dict[str, str], every: int) -> None:
    values = np.where(np.arange(STEPS) % every == 0, steps((114, 0), (66, 1)), GONE)
    (finding,) = look(told((name, values, attributes), of=NODE))
    assert (finding.entity, finding.severity, finding.attributes["resource"]) == (NODE, Severity.WARNING, "disk")
    assert finding.attributes["title"] == "Node n1 is short of disk space"
    assert finding.sentence == "Node n1 is short of disk space (DiskPressure) since 08:19:00 UTC (11 min)."


def test_what_does_not_last_or_is_not_known_is_not_told_of() -> None:
    name = "kube_node_status_condition"
    assert look(told((name, steps((130, 0), (50, 1)), PRESSURE), of=NODE)) == []
    assert look(told((name, always(1.0), {**PRESSURE, "status": "unknown"}), of=NODE)) == []
    assert look(told((name, steps((170, 1), (10, 0)), PRESSURE), of=NODE)) == []
    assert look(told((name, steps((170, 1), (10, GONE)), PRESSURE), of=NODE)) == []
    assert look(told(("k8s.node.condition_disk_pressure", always(-1.0), {}), of=NODE)) == []


def test_patience_is_a_setting() -> None:
    story = told(("kube_node_status_condition", steps((140, 0), (40, 1)), PRESSURE), of=NODE)
    assert look(story) == []
    assert len(look(story, patience=0.5)) == 1


def test_an_open_one_lasts_as_long_as_the_state_and_keeps_its_beginning() -> None:
    known = known_by(look(told(("kube_node_status_condition", steps((60, 0), (120, 1)), PRESSURE), of=NODE)))
    (again,) = look(told(("kube_node_status_condition", steps((178, 0), (2, 1)), PRESSURE), of=NODE), known)
    assert [again.starts_at] == [finding.starts_at for finding in known.values()]
    assert look(told(("kube_node_status_condition", steps((175, 1), (5, 0)), PRESSURE), of=NODE), known) == []


def failed(run: str, since: int, reason: str = "BackoffLimitExceeded") -> tuple[Series, ...]:
    """What kube-state-metrics tells of a job since it failed; before that it tells of no condition."""
    of = {"k8s.job.name": run}
    values = steps((since, GONE), (STEPS - since, 1))
    return (
        ("kube_job_failed", values, {**of, "condition": "true"}),
        ("kube_job_status_failed", values, {**of, "reason": reason}),
    )


def test_a_job_that_has_failed_is_told_of_with_the_reason() -> None:
    (finding,) = look(told(*failed("backup", 120), HEARD, of=JOB))
    assert finding.sentence == "Job shop/backup has failed since 08:20:00 UTC (10 min): BackoffLimitExceeded."
    assert (finding.attributes["title"], finding.severity) == ("Job shop/backup has failed", Severity.WARNING)
    assert look(told(*failed("backup", 170), HEARD, of=JOB)) == []


def test_the_same_is_told_by_the_reason_alone() -> None:
    _, by_reason = failed("backup", 120, "DeadlineExceeded")
    (finding,) = look(told(by_reason, HEARD, of=JOB))
    assert finding.sentence.endswith("(10 min): DeadlineExceeded.")
    pods = ("kube_job_status_failed", always(2.0), {"reason": "", "k8s.job.name": "backup"})
    assert look(told(pods, HEARD, of=JOB)) == []


def complete(run: str, since: int) -> Series:
    values = steps((since, GONE), (STEPS - since, 1))
    return "kube_job_complete", values, {"k8s.job.name": run, "condition": "true"}


def test_a_later_run_that_goes_well_ends_it_and_an_earlier_one_does_not() -> None:
    run, later = "backup-29401200", "backup-29401260"
    known = known_by(look(told(*failed(run, 60), HEARD, of=JOB)))
    assert [finding.sentence[:26] for finding in known.values()] == ["Job shop/backup-29401200 h"]
    assert look(told(*failed(run, 60), complete(later, 150), HEARD, of=JOB), known) == []
    (again,) = look(told(*failed(later, 60), complete(run, 10), HEARD, of=JOB))
    assert (again.entity, again.sentence[:25]) == (JOB, "Job shop/backup-29401260 ")


def test_two_runs_that_failed_are_one_finding_about_the_newer() -> None:
    (finding,) = look(told(*failed("backup-29401200", 60), *failed("backup-29401260", 120), HEARD, of=JOB))
    assert finding.sentence.startswith("Job shop/backup-29401260 has failed since 08:20:00 UTC")


def test_a_job_whose_pods_failed_and_are_not_begun_again_has_failed() -> None:
    def job(active: Floats, succeeded: float) -> Story:
        counts = {"failed": always(3.0), "active": active, "successful": always(succeeded)}
        series: list[Series] = [(f"k8s.job.pod.{of}", values, {}) for of, values in counts.items()]
        return told(*series, ("k8s.job.pod.desired_successful", always(1.0), {}), of=JOB)

    (finding,) = look(job(steps((90, 1), (90, 0)), 0.0))
    assert finding.sentence == "Job shop/backup has failed since 08:15:00 UTC (15 min)."
    assert look(job(steps((90, 1), (40, 0), (20, 1), (30, 0)), 0.0)) == []
    assert look(job(steps((90, 1), (90, 0)), 1.0)) == []


def autoscaler(wanted: Floats, least: float = 2.0, limited: Floats | None = None) -> Story:
    series: list[Series] = [
        (f"{HPA}status_desired_replicas", wanted, {}),
        (f"{HPA}spec_max_replicas", always(10.0), {}),
        (f"{HPA}spec_min_replicas", always(least), {}),
    ]
    if limited is not None:
        series.append((f"{HPA}status_condition", limited, LIMITED))
    return told(*series, of=WEB)


ROSE = steps((60, 4), (120, 10))


def test_an_autoscaler_that_wants_more_than_its_maximum_is_told_of() -> None:
    (finding,) = look(autoscaler(always(10.0), limited=always(1.0)))
    assert finding.severity is Severity.WARNING
    assert finding.sentence.startswith("Autoscaler shop/web is at its maximum of 10 pods and wants more since 08:00:00")
    assert look(autoscaler(ROSE, limited=always(0.0))) == []
    assert look(autoscaler(always(2.0), limited=always(1.0))) == []


def test_where_it_is_not_told_whether_it_wants_more_being_there_counts_if_it_was_not_always_so() -> None:
    (finding,) = look(autoscaler(ROSE))
    assert finding.sentence == "Autoscaler shop/web is at its maximum of 10 pods since 08:10:00 UTC (20 min)."
    assert finding.severity is Severity.WARNING
    (usual,) = look(autoscaler(always(10.0)))
    assert usual.severity is Severity.INFO
    assert [again.severity for again in look(autoscaler(ROSE), known_by([usual]))] == [Severity.INFO]
    assert look(autoscaler(ROSE, least=10.0)) == []


def test_the_collector_tells_of_autoscalers_too() -> None:
    values = {"desired": ROSE, "max": always(10.0), "min": always(2.0)}
    (finding,) = look(told(*((f"k8s.hpa.pod.{of}", told_, {}) for of, told_ in values.items()), of=WEB))
    assert finding.severity is Severity.WARNING


def test_a_pod_that_is_pending_is_told_of_unless_it_is_of_a_job() -> None:
    pending = ("kube_pod_status_phase", steps((80, 0), (100, 1)), PENDING)
    (finding,) = look(told(pending, of=POD))
    assert finding.sentence == "Pod shop/web-1 is pending since 08:13:20 UTC (17 min)."
    assert look(told(pending, ("kube_pod_owner", always(1.0), {"owner_kind": "Job"}), of=POD)) == []
    assert len(look(told(pending, ("kube_pod_owner", always(1.0), {"owner_kind": "ReplicaSet"}), of=POD))) == 1


def test_the_collector_tells_of_phases_by_their_number() -> None:
    assert len(look(told(("k8s.pod.phase", always(1.0), {}), of=POD))) == 1
    assert look(told(("k8s.pod.phase", always(2.0), {}), of=POD)) == []


def test_a_pod_that_finds_no_node_is_said_to_be_so() -> None:
    unschedulable: Series = ("kube_pod_status_unschedulable", always(1.0), {})
    (finding,) = look(told(unschedulable, ("kube_pod_status_phase", always(1.0), PENDING), of=POD))
    assert finding.sentence.startswith("Pod shop/web-1 finds no node to run on since ")


def test_a_container_that_cannot_start_is_told_of_and_not_its_pod() -> None:
    """The reason goes back and forth, and each is a series of its own that is there as long as it is so."""
    turn = np.arange(STEPS) % 40 < 10
    story = told(("kube_pod_status_phase", always(1.0), PENDING), of=POD)
    for reason, is_so in (("ErrImagePull", turn), ("ImagePullBackOff", ~turn)):
        values = np.where(is_so & (np.arange(STEPS) >= 60), 1.0, GONE)
        story.metric(APP, WAITS, values, "", {"reason": reason})
    (finding,) = look(story)
    assert finding.entity == WEB
    assert finding.sentence == ("Container shop/web-1/app cannot start since 08:10:00 UTC (20 min): ImagePullBackOff.")


def test_a_bad_image_is_one_finding_of_the_workload_however_many_pods_wait_for_it() -> None:
    story = told(HEARD, of=POD)
    for number, since in ((2, 60), (4, 90), (5, 175)):
        pod = f"container:shop/web-6d5f7c9b8-x{number}bcd"
        story.metric(f"{pod}/app", WAITS, np.where(np.arange(STEPS) >= since, 1.0, GONE), "", PULL)
        story.metric(pod, "kube_pod_status_phase", always(1.0), "", PENDING)
    story.metric("container:shop/db-0/app", WAITS, always(1.0), "", PULL)
    story.metric("container:shop/alone/app", WAITS, always(1.0), "", PULL)
    entities = {finding.entity: finding for finding in look(story)}
    assert set(entities) == {WEB, "container:shop/db", "container:shop/alone/app"}
    assert entities[WEB].sentence == (
        "Container shop/web-6d5f7c9b8-x2bcd/app cannot start, like 2 more of shop/web, since 08:10:00 UTC (20 min): "
        "ImagePullBackOff."
    )


def test_waiting_that_was_over_in_between_begins_anew() -> None:
    waits = steps((60, 1), (60, GONE), (20, 1), (40, GONE))
    assert look(told((WAITS, waits, PULL), HEARD, of=APP)) == []
    assert look(told((WAITS, steps((60, 1), (100, GONE), (20, 1)), PULL), HEARD, of=APP)) == []
    assert look(told((WAITS, always(1.0), {"reason": "CrashLoopBackOff"}), HEARD, of=APP)) == []


def test_a_container_that_is_held_back_by_its_limit_is_worth_a_look_and_its_pod_is_not() -> None:
    story = told(HEARD, of=POD)
    for entity in (POD, APP):
        for name, rate in (("throttled_periods", steps((60, 0.2), (120, 6))), ("periods", always(10.0))):
            story.metric(entity, f"container_cpu_cfs_{name}_total", rate, "1/s")
    (finding,) = look(story)
    assert (finding.entity, finding.severity, finding.attributes["resource"]) == (APP, Severity.INFO, "cpu")
    assert finding.sentence.startswith(
        "Container shop/web-1/app is held back by its CPU limit in more than half of its periods since 08:10:00"
    )


def test_a_claim_that_has_lost_its_volume_is_an_error() -> None:
    lost = ("kube_persistentvolumeclaim_status_phase", steps((100, 0), (80, 1)), {"phase": "Lost"})
    (finding,) = look(told(lost, of="container:shop/data-0"))
    assert (finding.severity, finding.sentence[:42]) == (Severity.ERROR, "Volume claim shop/data-0 has lost its volu")


def test_a_volume_that_has_failed_is_an_error() -> None:
    failed_ = ("kube_persistentvolume_status_phase", steps((100, 0), (80, 1)), {"phase": "Failed"})
    (finding,) = look(told(failed_, of="container:pv-7"))
    assert (finding.severity, finding.sentence[:23]) == (Severity.ERROR, "Volume pv-7 has failed ")


@pytest.mark.parametrize("name", ["kube_daemonset_status_number_misscheduled", "k8s.daemonset.node.misscheduled"])
def test_a_daemonset_that_runs_where_it_should_not_is_told_of(name: str) -> None:
    (finding,) = look(told((name, steps((60, 0), (120, 2)), {}), of=WEB))
    assert finding.sentence == (
        "DaemonSet shop/web runs on nodes where it should not, 2 of them, since 08:10:00 UTC (20 min)."
    )


def cronjob(due: Floats, suspended: float = 0.0, active: float = 0.0) -> Story:
    """A CronJob of which it is told when its next run is due, as seconds after 08:00."""
    return told(
        ("kube_cronjob_next_schedule_time", EPOCH.timestamp() + due, {}),
        ("kube_cronjob_spec_suspend", always(suspended), {}),
        ("kube_cronjob_status_active", always(active), {}),
        of=JOB,
    )


def test_a_cronjob_that_does_not_begin_what_was_due_is_told_of() -> None:
    (finding,) = look(cronjob(always(600.0)))
    assert (finding.entity, finding.attributes["title"]) == (JOB, "CronJob shop/backup does not begin its runs")
    assert finding.sentence == "CronJob shop/backup has not begun the run that was due since 08:10:00 UTC (20 min)."
    assert look(cronjob(always(1200.0))) == [], "it may be late for a quarter of an hour"
    assert look(cronjob(always(600.0), suspended=1.0)) == []
    assert look(cronjob(always(600.0), active=1.0)) == [], "it may have to wait for the run before"
    assert look(cronjob(np.asarray(300.0 * (1 + np.arange(STEPS) // 30), np.float64))) == [], "each run was begun"
    assert look(cronjob(steps((150, 600), (30, GONE)))) == [], "nobody tells of it any more"


def test_another_kube_state_metrics_goes_on_telling_of_the_same() -> None:
    values, clock = steps((100, 0), (80, 1)), np.arange(STEPS)
    first = np.where(clock < 150, values, GONE), {**PRESSURE, "instance": "10.0.0.1:8080"}
    second = np.where(clock >= 151, values, GONE), {**PRESSURE, "instance": "10.0.0.2:8080"}
    (finding,) = look(told(*(("kube_node_status_condition", *one) for one in (first, second)), of=NODE))
    assert "since 08:16:40 UTC (13 min)" in finding.sentence


def test_nodes_of_one_name_in_several_clusters_are_told_of_one_by_one() -> None:
    story = Story(steps=STEPS)
    for cluster, values in (("eu", always(0.0)), ("us", steps((100, 0), (80, 1)))):
        story.metric(NODE, "kube_node_status_condition", values, "", {**PRESSURE, "cluster": cluster})
    (finding,) = look(story)
    assert finding.sentence.startswith("Node n1 of cluster us is short of disk space (DiskPressure) since 08:16:40")
    alone = told(("kube_node_status_condition", steps((100, 0), (80, 1)), {**PRESSURE, "cluster": "us"}), of=NODE)
    assert look(alone)[0].sentence.startswith("Node n1 is short of disk space")


def test_a_label_of_the_cluster_that_is_new_begins_nothing_anew() -> None:
    clock, values = np.arange(STEPS), steps((60, 0), (120, 1))
    name = "kube_node_status_condition"
    known = known_by(look(told((name, values, PRESSURE), of=NODE)))
    before = (name, np.where(clock < 150, values, GONE), PRESSURE)
    after = (name, np.where(clock >= 150, values, GONE), {**PRESSURE, "cluster": "eu"})
    assert [again.fingerprint for again in look(told(before, after, of=NODE), known)] == list(known)

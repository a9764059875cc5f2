"""Silence is one finding per entity; short silence is none; everybody's silence is one without an entity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from wellkept.checks.scenes import CHECKOUT, FEATURES, HOST, PAYMENTS, Scene, Story
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.blind import Blind
from wellkept.ops.detect.detectors.missing import MissingData
from wellkept.spine.pauses import Pause

Floats = NDArray[np.float64]
SETTINGS = DetectSettings()


def said(scene: Scene, open_ones: dict[str, Finding] | None = None, pauses: Sequence[Pause] = ()) -> list[Finding]:
    view = View(scene.metrics, scene.red, scene.exclusive, scene.logs, scene.step_s, scene.graph, open_ones or {})
    view = replace(view, blind=Blind.of((), pauses))
    return MissingData(SETTINGS).detect(view, scene.now)


def speaking(story: Story, *entities: str) -> None:
    for entity in entities:
        for name in ("process.cpu.utilization", "process.memory.usage", "process.open_file_descriptor.count"):
            story.metric(entity, name, story.noise(0.1, 0.02))


def silent_since(story: Story, entity: str, step: int) -> None:
    for name in ("process.cpu.utilization", "process.memory.usage"):
        story.metric(entity, name, np.where(story.clock >= step, np.nan, story.noise(0.1, 0.02)))


def test_one_finding_for_all_series_of_a_silent_service() -> None:
    story = Story()
    speaking(story, CHECKOUT, HOST)
    silent_since(story, PAYMENTS, 170)
    found = said(story.scene())
    assert [(f.entity, f.kind, f.severity) for f in found] == [(PAYMENTS, FindingKind.MISSING_DATA, Severity.ERROR)]


def test_a_restart_is_no_finding() -> None:
    story = Story()
    speaking(story, CHECKOUT, HOST)
    silent_since(story, PAYMENTS, 180 - SETTINGS.missing_steps + 1)
    assert said(story.scene()) == []


def test_a_slow_reporter_is_not_late() -> None:
    story = Story()
    speaking(story, CHECKOUT, HOST)
    rare = np.where(story.clock % 8 == 0, 1.0, np.nan)
    story.metric(PAYMENTS, "process.memory.usage", rare)
    assert said(story.scene()) == []


def test_a_slow_reporter_is_missed_by_its_own_rhythm() -> None:
    for silent, expected in ((17, []), (18, [PAYMENTS])):  # the third word does not come, either
        story = Story()
        speaking(story, CHECKOUT, HOST)
        last = 179 - silent
        told = ((last - story.clock) % 6 == 0) & (story.clock <= last)
        story.metric(PAYMENTS, "process.memory.usage", np.where(told, 1.0, np.nan))
        found = said(story.scene())
        assert [finding.entity for finding in found] == expected
    assert "which had reported every 60 s, 27 times before, since 08:27:00 UTC (3 min)" in found[0].sentence


def test_who_speaks_now_and_then_is_not_missed() -> None:
    for seed in range(20):
        story = Story()
        speaking(story, CHECKOUT, HOST)
        told = (np.random.default_rng(seed).random(180) < 0.2) & (story.clock < 150)
        story.metric(PAYMENTS, "process.memory.usage", np.where(told, 1.0, np.nan))
        assert said(story.scene()) == []


def paused(scene: Scene, first: int, last: int) -> Pause:
    """The platform was not at work in these steps."""
    return Pause(float(scene.metrics.times[first]) - scene.step_s, float(scene.metrics.times[last]) - 3.0)


def test_steps_in_which_the_platform_was_not_at_work_itself_are_no_silence() -> None:
    for back, entities in ((175, [PAYMENTS]), (180, [""])):
        story = Story()
        for entity in (CHECKOUT, PAYMENTS, FEATURES, HOST):
            heard = (story.clock < 150) | ((story.clock >= back) & (entity != PAYMENTS))
            story.metric(entity, "process.memory.usage", np.where(heard, 1.0, np.nan))
        scene = story.scene()
        assert [finding.entity for finding in said(scene)] == entities
        assert said(scene, pauses=[paused(scene, 150, back - 1)]) == []


def test_a_pause_of_the_platform_is_no_gap_of_those_who_fall_silent_later() -> None:
    story = Story()
    for entity, silent in ((CHECKOUT, 180), (HOST, 180), (PAYMENTS, 170)):
        heard = ((story.clock < 100) | (story.clock >= 120)) & (story.clock < silent)
        story.metric(entity, "process.memory.usage", np.where(heard, 1.0, np.nan))
    scene = story.scene()
    assert said(scene) == [], "ten steps are no more than three times a gap of twenty"
    (found,) = said(scene, pauses=[paused(scene, 100, 119)])
    assert (found.entity, found.sentence[-29:]) == (PAYMENTS, ", since 08:28:20 UTC (2 min).")


def test_processes_disks_and_pods_may_go() -> None:
    story = Story()
    speaking(story, CHECKOUT, HOST)
    silent_since(story, "process:h1:4711", 150)
    silent_since(story, "disk:h1:/mnt/usb", 150)
    silent_since(story, "container:shop/web-1", 150)
    assert said(story.scene()) == []


def test_when_all_are_silent_it_is_the_way_to_us() -> None:
    story = Story()
    for entity in (CHECKOUT, PAYMENTS, FEATURES, HOST):
        silent_since(story, entity, 165)
    found = said(story.scene())
    assert [(f.entity, f.severity) for f in found] == [("", Severity.CRITICAL)]
    assert "4 reporters" in found[0].sentence


def test_who_comes_and_goes_does_not_hide_that_all_are_silent() -> None:
    story = Story()
    for entity in (CHECKOUT, PAYMENTS, HOST):
        silent_since(story, entity, 165)
    story.metric("service:shop/job", "jobs.done", np.where((story.clock > 20) & (story.clock < 28), 1.0, np.nan))
    assert [finding.entity for finding in said(story.scene())] == [""]


def test_it_is_not_said_of_all_while_a_slow_one_may_speak_yet() -> None:
    for silent, expected in ((6, []), (7, [""])):
        story = Story()
        for entity in (CHECKOUT, PAYMENTS, HOST):
            silent_since(story, entity, 180 - silent)
        slow = ((story.clock - (179 - silent)) % 7 == 0) & (story.clock < 180 - silent)
        story.metric(FEATURES, "process.memory.usage", np.where(slow, 1.0, np.nan))
        assert [finding.entity for finding in said(story.scene())] == expected


def test_a_service_that_says_it_is_down_is_believed() -> None:
    story = Story()
    speaking(story, CHECKOUT, PAYMENTS)
    story.metric(PAYMENTS, "service.up", np.where(story.clock >= 174, 0.0, 1.0))
    found = said(story.scene())
    assert [f.entity for f in found] == [PAYMENTS]
    assert "service.up is 0" in found[0].sentence
    blink = Story()
    blink.metric(PAYMENTS, "service.up", np.where(blink.clock >= 178, 0.0, 1.0))
    assert said(blink.scene()) == []


@pytest.mark.parametrize("every", [1, 2, 3, 6])
def test_who_is_asked_rarely_is_believed_too_when_it_is_down(every: int) -> None:
    story = Story()
    asked = (story.clock % every == 0) & (story.clock >= 20)
    for down, is_said in ((len(story.clock), False), (len(story.clock) - 2 * every, False), (170 - 3 * every, True)):
        story = Story()
        state = np.where(story.clock >= down, 0.0, 1.0)
        story.metric(PAYMENTS, "service.up", np.where(asked, state, np.nan))
        assert [finding.entity for finding in said(story.scene())] == [PAYMENTS] * is_said, (every, down)


def scraped(story: Story, instance: str, down: float = np.inf, name: str = "up") -> None:
    """An instance that is asked at every second step, and down from one on."""
    words = np.where(story.clock % 2 == 0, np.where(story.clock >= down, 0.0, 1.0), np.nan)
    story.metric(PAYMENTS, name, words, attributes={"instance": instance})


def test_a_target_that_does_not_answer_is_down() -> None:
    story = Story()
    speaking(story, CHECKOUT, HOST)
    scraped(story, "10.0.0.1:80", 160)
    (found,) = said(story.scene())
    assert found.sentence.startswith("Service shop/payments does not answer when it is scraped (up is 0), since ")
    assert (found.severity, found.evidence[0].signal, found.attributes["symptom"]) == (Severity.ERROR, "up", "yes")
    assert found.attributes["title"] == "Service shop/payments is down"


def test_of_several_instances_it_is_told_how_many_are_down() -> None:
    story = Story()
    for number, down in enumerate((150, 160, np.inf)):
        scraped(story, f"10.0.0.{number}:80", down)
    (part,) = said(story.scene())
    assert " at 2 of 3 instances, 10.0.0.0:80, 10.0.0.1:80 (up is 0), since " in part.sentence
    assert (part.severity, part.attributes["symptom"]) == (Severity.WARNING, "")
    assert part.attributes["title"] == "2 of 3 instances of service shop/payments are down"
    story = Story()
    for number in range(2):
        scraped(story, f"10.0.0.{number}:80", 150 + 10 * number)
    (whole,) = said(story.scene(), {part.fingerprint: part})
    assert " at all 2 instances (up is 0), since " in whole.sentence
    assert (whole.fingerprint, whole.severity) == (part.fingerprint, Severity.ERROR)


def test_each_that_is_probed_and_fails_is_felt() -> None:
    story = Story()
    for site, down in (("https://shop.example", 150.0), ("https://help.example", np.inf)):
        scraped(story, site, down, name="probe_success")
    (found,) = said(story.scene())
    assert "fails its probe at 1 of 2 instances, https://shop.example (probe_success is 0)" in found.sentence
    assert (found.severity, found.attributes["symptom"]) == (Severity.ERROR, "yes")


def test_instances_without_names_are_counted_alone() -> None:
    story = Story()
    for number, down in enumerate((150, np.inf)):
        words = np.where(story.clock >= down, 0.0, 1.0)
        story.metric(PAYMENTS, "up", words, attributes={"endpoint": str(number)})
    (part,) = said(story.scene())
    assert " at 1 of 2 instances (up is 0), since " in part.sentence


def test_what_an_exporter_says_of_its_service_counts_beside_the_exporter_itself() -> None:
    story = Story()
    scraped(story, "db:9187")
    scraped(story, "db:9187", 150, name="pg_up")
    (found,) = said(story.scene())
    assert "Service shop/payments does not answer its exporter (pg_up is 0), since " in found.sentence


NODE = "host:n1"


def told_of_node(story: Story, ready: Floats, cordoned: float = 0.0) -> None:
    """What kube-state-metrics tells of a node every 15 s or so: its conditions, and whether it is cordoned."""
    asked = story.clock % 2 == 0
    for condition, status, values in (
        ("Ready", "true", ready),
        ("Ready", "unknown", 1 - ready),
        ("MemoryPressure", "true", np.zeros(story.steps)),
    ):
        labels = {"node": "n1", "condition": condition, "status": status}
        story.metric(NODE, "kube_node_status_condition", np.where(asked, values, np.nan), "", labels)
    story.metric(NODE, "kube_node_spec_unschedulable", np.where(asked, cordoned, np.nan), "", {"node": "n1"})


def test_a_node_that_is_not_ready_is_down() -> None:
    story = Story()
    told_of_node(story, np.where(story.clock < 160, 1.0, 0.0))
    (found,) = said(story.scene())
    assert (found.entity, found.severity) == (NODE, Severity.ERROR)
    assert found.sentence == ("Host n1 is not ready (kube_node_status_condition is 0), since 08:26:30 UTC (4 min).")
    well = Story()
    told_of_node(well, np.ones(180))
    assert said(well.scene(), {found.fingerprint: found}) == []


def test_a_node_that_is_drained_or_taken_away_is_no_trouble() -> None:
    drained = Story()
    told_of_node(drained, np.where(drained.clock < 160, 1.0, 0.0), cordoned=1.0)
    assert said(drained.scene()) == []
    gone = Story()
    told_of_node(gone, np.where(gone.clock < 150, 1.0, np.nan))
    assert said(gone.scene()) == []


def test_a_node_of_the_collector_is_down_where_it_is_unknown() -> None:
    story = Story()
    story.metric(NODE, "k8s.node.condition_ready", np.where(story.clock < 160, 1.0, -1.0), "{condition}")
    (found,) = said(story.scene())
    assert found.sentence.startswith("Host n1 is not ready (k8s.node.condition_ready is -1)")


def test_what_kubernetes_tells_of_a_node_is_no_word_of_it() -> None:
    story = Story()
    speaking(story, CHECKOUT)
    silent_since(story, NODE, 160)
    told_of_node(story, np.ones(180))
    (found,) = said(story.scene())
    assert found.sentence.startswith("Nothing was heard from host n1")


def test_an_instance_that_is_gone_is_not_down() -> None:
    story = Story()
    scraped(story, "10.0.0.1:80")
    words = np.where((story.clock % 2 == 0) & (story.clock < 150), np.where(story.clock >= 130, 0.0, 1.0), np.nan)
    story.metric(PAYMENTS, "up", words, attributes={"instance": "10.0.0.2:80"})
    assert said(story.scene()) == []


def test_who_said_that_it_is_down_and_then_nothing_is_silent() -> None:
    story = Story()
    speaking(story, CHECKOUT, HOST)
    state = np.where(story.clock >= 120, 0.0, 1.0)
    story.metric(PAYMENTS, "service.up", np.where(story.clock < 150, state, np.nan))
    (found,) = said(story.scene())
    assert "Nothing was heard" in found.sentence


def test_who_is_down_for_longer_than_the_window_is_so_since_it_began() -> None:
    story = Story()
    story.metric(PAYMENTS, "service.up", np.where(story.clock >= 30, 0.0, 1.0))
    (first,) = said(story.scene())
    began = first.starts_at - timedelta(hours=26)
    story = Story()
    story.metric(PAYMENTS, "service.up", np.zeros(len(story.clock)))
    (found,) = said(story.scene(), {first.fingerprint: replace(first, starts_at=began)})
    assert found.starts_at == began
    assert f"since {began:%d %b %H:%M:%S} UTC (26.4 h)" in found.sentence


def test_who_is_down_or_silent_stays_so_when_nothing_is_heard_of_anybody() -> None:
    """As after a pause of the platform itself: who comes back will say so."""
    broken, since = Story(), 100
    scraped(broken, "a", since, name="redis_up")
    silent_since(broken, CHECKOUT, 60)
    open_ones = {finding.fingerprint: finding for finding in said(broken.scene())}
    assert len(open_ones) == 2

    story = Story()
    heard = np.where(story.clock < 155, 1.0, np.nan)
    story.metric(PAYMENTS, "redis_up", np.where(story.clock >= since, 0.0, 1.0) * heard, attributes={"instance": "a"})
    for entity in (HOST, "service:b", "service:c"):
        story.metric(entity, "process.memory.usage", heard)
    found = said(story.scene(), open_ones)

    assert {finding.entity for finding in found} == {"", PAYMENTS, CHECKOUT}
    assert [finding.sentence for finding in found if finding.entity] == [
        open_ones[finding.fingerprint].sentence for finding in found if finding.entity
    ]


def test_silence_longer_than_the_window_does_not_end_by_that() -> None:
    story = Story()
    speaking(story, CHECKOUT, HOST)
    silent_since(story, PAYMENTS, 170)
    first = said(story.scene())[0]
    later = Story()
    speaking(later, CHECKOUT, HOST)
    assert said(later.scene(), {first.fingerprint: first}) == [first]
    back = Story()
    speaking(back, CHECKOUT, HOST, PAYMENTS)
    assert said(back.scene(), {first.fingerprint: first}) == []

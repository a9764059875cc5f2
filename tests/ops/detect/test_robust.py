"""Sudden changes for the worse are said with their onset and size; everything else is not."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from wellkept.checks.scenes import CHECKOUT, HOST, PAYMENTS, Scene, Story
from wellkept.kernel.finding import Finding, Severity
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.detectors.robust import RobustAnomaly
from wellkept.ops.detect.slow import newest_words

SETTINGS = DetectSettings()


def said(scene: Scene, last: int | None = None, open_ones: dict[str, Finding] | None = None) -> list[Finding]:
    last = last or len(scene.metrics.times)
    now = scene.between(max(0, last - SETTINGS.steps), last)
    view = View(now.metrics, now.red, now.exclusive, now.logs, now.step_s, now.graph, open_ones or {})
    return RobustAnomaly(SETTINGS).detect(view, now.now)


def slow_since(step: int, steps: int = 180, level: float = 1.5) -> Story:
    story = Story(steps=steps)
    jump = np.where(story.clock >= step, level, 0.0)
    story.span(CHECKOUT, "span.duration.p95", story.noise(0.05, 0.006) + jump, "s")
    return story


def test_slow_requests_are_said_with_their_onset() -> None:
    story = slow_since(170)
    story.host()
    story.service(PAYMENTS)
    found = said(story.scene())
    assert [(f.entity, f.evidence[0].signal) for f in found] == [(CHECKOUT, "span.duration.p95")]
    onset = story.scene().metrics.times[170] - 10.0
    assert found[0].starts_at == datetime.fromtimestamp(float(onset), UTC)
    assert found[0].severity is Severity.ERROR
    assert found[0].evidence[0].values["usual"] == pytest.approx(0.05, abs=0.01)
    for part in ("shop/checkout", "1.55 s", "08:28:20", "50 ms", "usual spread"):
        assert part in found[0].sentence


def test_one_step_is_no_finding_and_three_are() -> None:
    for steps, expected in ((1, 0), (2, 0), (3, 1)):
        assert len(said(slow_since(180 - steps).scene())) == expected


def test_warm_up_gives_no_verdict() -> None:
    story = Story()
    slow = np.where(story.clock < 155, np.nan, story.noise(0.05, 0.005))
    slow[-4:] = 2.0
    story.span(CHECKOUT, "span.duration.p95", slow, "s")
    assert said(story.scene()) == []


def test_a_quarter_of_the_window_gone_bad_is_still_seen() -> None:
    assert len(said(slow_since(137).scene())) == 1


def test_trouble_that_lasts_is_not_the_new_normal() -> None:
    """An open finding keeps its band, so two windows later it is still seen; without it, it would be forgotten."""
    scene = slow_since(200, steps=700).scene()
    first = said(scene, 206)[0]
    assert said(scene, 600, {first.fingerprint: first}) != []
    assert said(scene, 600) == []


def test_trouble_that_pauses_for_a_step_names_its_own_beginning() -> None:
    story = Story(steps=400)
    pauses = (story.clock < 170) | (story.clock == 185)
    story.span(CHECKOUT, "span.duration.p95", np.where(pauses, story.noise(0.05, 0.006), 1.5), "s")
    (found,) = said(story.scene(), 175)
    for last in (190, 395):
        (now,) = said(story.scene(), last, {found.fingerprint: found})
        assert now.starts_at == found.starts_at
        assert "since 08:28:20 UTC" in now.sentence


def test_recovery_ends_it_also_with_the_kept_band() -> None:
    story = Story(steps=400)
    jump = np.where((story.clock >= 200) & (story.clock < 300), 1.5, 0.0)
    story.span(CHECKOUT, "span.duration.p95", story.noise(0.05, 0.006) + jump, "s")
    first = said(story.scene(), 206)[0]
    assert said(story.scene(), 310, {first.fingerprint: first}) == []


def test_traffic_that_stops_is_bad_and_traffic_that_rises_is_not() -> None:
    story = Story()
    story.span(CHECKOUT, "span.rate", np.where(story.clock < 172, story.noise(20.0, 2.0), np.nan), "1/s")
    story.span(PAYMENTS, "span.rate", np.where(story.clock < 172, 1.0, 8.0) * story.noise(20.0, 2.0), "1/s")
    found = said(story.scene())
    assert [f.entity for f in found] == [CHECKOUT]
    assert found[0].score > 0.95


def restless(level: float, stops_at: int) -> Story:
    """Traffic that varies so much that five usual spreads are more than all of it."""
    story = Story()
    rate = np.maximum(story.noise(level, 0.4 * level), 0.0)
    story.span(CHECKOUT, "span.rate", np.where(story.clock >= stops_at, 0.0, rate), "1/s")
    return story


def test_traffic_that_stops_is_said_however_restless_it_was() -> None:
    found = said(restless(3.0, 176).scene())
    assert [(f.entity, f.attributes["absence"]) for f in found] == [(CHECKOUT, "yes")]
    assert said(restless(3.0, 178).scene()) == []


def test_a_trickle_may_pause() -> None:
    """A request every minute leaves three steps empty by chance."""
    assert said(restless(0.02, 170).scene()) == []


def test_errors_where_there_were_none_are_said() -> None:
    story = Story()
    story.span(CHECKOUT, "span.errors", np.where(story.clock >= 173, 4.0, np.nan), "1/s")
    assert said(story.scene()) == [], "a series that begins with errors has no usual level yet"
    quiet = np.where(story.clock >= 173, 4.0, np.where(story.clock == 2, 0.0, np.nan))
    story = Story()
    story.span(CHECKOUT, "span.errors", quiet, "1/s")
    assert [f.severity for f in said(story.scene())] == [Severity.ERROR]


def test_cpu_of_many_cores_is_one_signal() -> None:
    story = Story()
    for core in range(8):
        idle = np.where(story.clock >= 170, 0.01, 0.8) + story.noise(0.02, 0.01)
        attributes = {"cpu.mode": "idle", "cpu.logical_number": str(core)}
        story.metric(HOST, "system.cpu.utilization", idle, attributes=attributes)
    found = said(story.scene())
    assert [(f.entity, f.severity) for f in found] == [(HOST, Severity.WARNING)]
    assert found[0].attributes["resource"] == "cpu"


def test_a_machine_that_is_always_busy_cannot_become_busy() -> None:
    story = Story()
    idle = np.where(story.clock >= 170, 0.0, 0.04)
    story.metric(HOST, "system.cpu.utilization", idle, attributes={"cpu.mode": "idle"})
    assert said(story.scene()) == []


def test_raw_network_bytes_wake_nobody() -> None:
    story = Story()
    story.metric(HOST, "system.network.io", np.where(story.clock >= 150, 1e9, 10.0), "By/s")
    assert said(story.scene()) == []


def test_an_entity_without_a_name_is_left_out() -> None:
    story = Story()
    story.span("", "span.duration.p95", np.where(story.clock >= 170, 5.0, 0.05), "s")
    assert said(story.scene()) == []


def test_traffic_that_varied_by_as_much_and_is_gone_is_not_so_many_spreads_away() -> None:
    story = Story()
    rate = np.clip(story.noise(3.0, 2.0), 0.2, None)
    story.span(CHECKOUT, "span.rate", np.where(story.clock >= story.steps - 5, 0.0, rate), "1/s")
    (finding,) = said(story.scene())
    assert finding.sentence.endswith("was usual in this window; it varies by as much, but not as far.")


def rarely(story: Story, every: int, level: float = 1.5, since: int = 120) -> Story:
    """Words every so many steps, much slower since one of them."""
    values = story.noise(0.05, 0.006) + np.where(story.clock >= since, level, 0.0)
    story.span(CHECKOUT, "span.duration.p95", np.where(story.clock % every == 0, values, np.nan), "s")
    return story


@pytest.mark.parametrize("every", [2, 3, 6])
def test_who_reports_every_twenty_to_sixty_seconds_is_judged_by_words(every: int) -> None:
    scene = rarely(Story(steps=200), every, since=144).scene()
    told = [len(said(scene, last)) for last in range(140, 144 + 4 * every)]

    first = 140 + told.index(1)
    assert 144 + 2 * every < first <= 144 + 3 * every, "with the third word"
    (found,) = said(scene, first)
    assert "08:24:00" in found.sentence


def test_every_fifteen_seconds_is_two_steps_of_three() -> None:
    story = Story(steps=180)
    values = np.where(story.clock >= 160, 1.5, story.noise(0.05, 0.006))
    story.span(CHECKOUT, "span.duration.p95", np.where(story.clock % 3 == 2, np.nan, values), "s")

    assert len(said(story.scene())) == 1


def test_who_is_overdue_is_not_judged_by_what_was() -> None:
    scene = rarely(Story(steps=200), 6, since=150).scene()
    assert said(scene, 170) != []
    gone = Story(steps=200)
    words = (gone.clock % 6 == 0) & (gone.clock < 170)
    gone.span(CHECKOUT, "span.duration.p95", np.where(words, np.where(gone.clock >= 150, 1.5, 0.05), np.nan), "s")
    assert said(gone.scene(), 190) == []


def test_requests_that_come_by_chance_are_no_rhythm() -> None:
    story = Story(steps=180)
    chance = np.random.default_rng(4).random(180) < 0.3
    chance[-3:] = (True, False, True)
    values = np.where(story.clock >= 150, 1.5, 0.05)
    story.span(CHECKOUT, "span.duration.p95", np.where(chance, values, np.nan), "s")

    assert said(story.scene()) == []


def test_the_newest_words_of_a_dense_series_are_its_newest_steps() -> None:
    seen = np.ones((3, 40), dtype=bool)
    seen[1, 10:14] = False
    seen[2, -2] = False
    newest = newest_words(seen, 3)

    assert newest.are_there.tolist() == [True, True, False]
    assert newest.rhythm.tolist() == [1.0, 1.0, 1.0]
    assert (newest.mask == (np.arange(40) >= 37)).all()

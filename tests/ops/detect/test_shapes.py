"""Stuck values, spread, traffic, shifts of level, breaks of trend and certificates: what is said, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from wellkept.checks import detectors as suite
from wellkept.checks.scenes import CHECKOUT, EPOCH, PAYMENTS, Story
from wellkept.kernel.codec import decode, encode
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.detect.base import Detector, View
from wellkept.ops.detect.baseline.base import Scores
from wellkept.ops.detect.blind import Blind, Cause
from wellkept.ops.detect.detectors.certificate import Certificate
from wellkept.ops.detect.detectors.flat import Flat
from wellkept.ops.detect.detectors.level import LevelShift
from wellkept.ops.detect.detectors.traffic import Traffic
from wellkept.ops.detect.detectors.trend import TrendBreak
from wellkept.ops.detect.detectors.variance import Variance
from wellkept.store.telemetry.indicators import REPORTED
from wellkept.store.telemetry.window import Window

Floats = NDArray[np.float64]
DAY = 144
ALL = (Flat, LevelShift, TrendBreak, Variance, Traffic, Certificate)


def view_of(story: Story) -> View:
    scene = story.scene()
    return View(scene.metrics, scene.red, scene.exclusive, scene.logs, scene.step_s, scene.graph)


def said(detector: Detector, story: Story) -> list[Finding]:
    view = view_of(story)
    times = view.metrics.times
    if story.step_s == 600.0:
        none = Window(times[:0], np.empty((0, 0)), ())
        view = replace(view, metrics=none, long=view.metrics)
    return list(detector.detect(view, datetime.fromtimestamp(float(times[-1]), UTC)))


def sentences(detector: Detector, story: Story) -> list[str]:
    return [finding.sentence for finding in said(detector, story)]


def of_days(shape: Callable[[Floats], Floats], days: int = 10) -> Story:
    """A gauge with a daily rhythm between 50 and 100, half of it at weekends, and what a shape of the hours adds."""
    story = Story(steps=days * DAY, step_s=600.0)
    hours = (story.clock + 1) / 6.0
    rhythm = np.sin(np.pi * hours / 24) ** 2 * np.where((hours // 24) % 7 >= 5, 0.5, 1.0)
    story.metric(CHECKOUT, "app.sessions", 50 + 50 * rhythm + story.noise(2.0, 0.5) + shape(hours), "{session}")
    return story


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_each_holds_the_contract(kind: type[Flat]) -> None:
    assert len(suite.check_detector(kind(), View)) == len(suite.CHECKS)


def test_a_stuck_value() -> None:
    story = Story()
    values = story.noise(20.0, 1.0)
    values[140:] = 21.5
    story.metric(CHECKOUT, "room.temperature", values, "Cel")
    (finding,) = said(Flat(), story)
    assert (finding.kind, finding.severity) == (FindingKind.DATA_QUALITY, Severity.INFO)
    assert finding.sentence == (
        "room.temperature of shop/checkout is 21.5 Cel without any change for 7 min since 02 Nov 08:23:20 UTC, where "
        "it had changed with 100% of the values before."
    )
    known = Story()
    cpu = known.noise(0.4, 0.05)
    cpu[140:] = cpu[140]
    known.metric(CHECKOUT, "process.cpu.utilization", cpu)
    assert said(Flat(), known)[0].severity is Severity.WARNING


def at(story: Story, last: int, *open_ones: Finding, detector: Detector | None = None) -> list[Finding]:
    """What is said of the half hour that ends with a step, with these findings open, which were stored meanwhile."""
    scene = story.scene().between(last - 180, last)
    kept = {finding.fingerprint: decode(Finding, encode(finding)) for finding in open_ones}
    view = View(scene.metrics, scene.red, scene.exclusive, scene.logs, scene.step_s, scene.graph, kept)
    return list((detector or Flat()).detect(view, scene.now))


@pytest.mark.parametrize("after", [22.5, np.nan], ids=["moves", "gone"])
def test_a_value_that_stays_stuck_stays_told_until_it_moves_or_is_gone(after: float) -> None:
    story = Story(steps=800)
    values = story.noise(20.0, 1.0)
    values[180:700], values[700:] = 21.5, after
    story.metric(CHECKOUT, "room.temperature", values, "Cel")
    story.metric(CHECKOUT, "room.other", story.noise(20.0, 1.0), "Cel")
    (first,) = at(story, 220)
    known = first
    for last in (300, 350, 500, 700):
        (known,) = at(story, last, known)
        assert (known.id, known.severity) == (first.id, first.severity)
    assert known.sentence == (
        "room.temperature of shop/checkout is 21.5 Cel without any change for 87 min since 02 Nov 08:30:00 UTC, where "
        "it had changed with 100% of the values before."
    )
    assert at(story, 500) == [], "by the window alone nothing is known of it"
    assert at(story, 703, known) == []
    assert at(story, 800, known) == []


def rarely(values: Floats, every: float) -> Floats:
    """Of a value in each step, those that a sender sends who reports every so many steps, now and then a step late."""
    places = np.floor(np.arange(0.3, len(values) - 1, every)).astype(int)
    places[::7] += 1
    return np.where(np.isin(np.arange(len(values)), places), values, np.nan)


@pytest.mark.parametrize("every", [1.1, 1.2, 1.5, 2, 3, 6])
def test_a_stuck_value_of_who_reports_rarely_is_told_and_stays_told(every: float) -> None:
    story = Story(steps=500)
    values = story.noise(20.0, 1.0)
    values[250:450] = 21.5
    story.metric(CHECKOUT, "room.temperature", rarely(values, every), "Cel")
    story.metric(CHECKOUT, "room.other", rarely(story.noise(20.0, 1.0), every), "Cel")
    story.metric(CHECKOUT, "room.users", rarely(np.floor(story.clock / 40) % 4 + 1, every))
    told: list[Finding] = []
    spans = []
    for last in range(200, 500):
        before, told = told, at(story, last, *told)
        if bool(before) != bool(told):
            spans.append(last)
    assert len(spans) == 2, "told once, without a gap"
    assert 250 + 14 * every <= spans[0] <= 250 + 17 * every + 2
    assert 450 <= spans[1] <= 450 + every + 2


def test_a_stuck_value_of_who_speaks_by_chance_is_not_judged() -> None:
    story = Story()
    values = story.noise(20.0, 1.0)
    values[90:] = 21.5
    here = np.random.default_rng(3).random(180) < 0.3
    story.metric(CHECKOUT, "room.temperature", np.where(here, values, np.nan), "Cel")
    assert said(Flat(), story) == []


def test_a_full_disk_is_not_stuck_as_well() -> None:
    story = Story()
    for limit in (80e9, 100e9):
        used = np.where(story.clock >= 140, 80e9, 60e9 + 1e8 * story.clock)
        entity = f"disk:h1:/{limit:g}"
        where = {"system.filesystem.mountpoint": "/data"}
        story.metric(entity, "system.filesystem.usage", used, "By", {**where, "system.filesystem.state": "used"})
        story.metric(entity, "system.filesystem.limit", np.full(180, limit), "By", where)
    assert [finding.entity for finding in said(Flat(), story)] == ["disk:h1:/1e+11"]


def test_a_spread_names_its_own_beginning_and_stays_with_its_series() -> None:
    story = Story(steps=190)
    for name, early, late in (("app.load", 9.0, 9.0), ("app.other", 8.0, 30.0)):
        noise = story.noise(100.0, 3.0) - 100.0
        factor = np.where(story.clock < 150, 1.0, np.where(story.clock < 178, early, late))
        story.metric(CHECKOUT, name, 100 + noise * factor)
    (first,) = at(story, 180, detector=Variance())
    (alone,) = at(story, 182, detector=Variance())
    assert [one.sentence.split()[0] for one in (first, alone)] == ["app.load", "app.other"]
    (later,) = at(story, 182, first, detector=Variance())
    assert later.sentence.startswith("app.load of shop/checkout")
    assert f"since {first.starts_at:%d %b %H:%M:%S} UTC" in later.sentence
    assert later.id == first.id


def test_what_stands_still_by_nature_is_not_stuck() -> None:
    story = Story()
    story.metric(CHECKOUT, "app.version", np.full(180, 7.0))
    story.metric(CHECKOUT, "app.users", np.floor(story.clock / 9) % 4)
    story.metric(CHECKOUT, "app.requests", np.where(story.clock < 120, story.noise(9, 1), 0.0), "1/s")
    assert sentences(Flat(), story) == []


def test_a_spread_that_grows_or_shrinks() -> None:
    story = Story()
    for entity, factor in ((CHECKOUT, 8.0), (PAYMENTS, 0.1)):
        noise = story.noise(100.0, 3.0) - 100.0
        story.metric(entity, "app.load", 100 + noise * np.where(story.clock >= 150, factor, 1.0))
    found = {finding.entity: finding for finding in said(Variance(), story)}
    assert found.keys() == {CHECKOUT, PAYMENTS}
    assert "times more than usual, since" in found[CHECKOUT].sentence
    assert "times less than usual, since" in found[PAYMENTS].sentence
    assert {finding.severity for finding in found.values()} == {Severity.INFO}


@pytest.mark.parametrize("every", [1.2, 1.5, 2, 3])
def test_a_spread_of_who_reports_rarely(every: float) -> None:
    story = Story()
    for entity, factor in ((CHECKOUT, 12.0), (PAYMENTS, 0.08)):
        noise = story.noise(100.0, 3.0) - 100.0
        story.metric(entity, "app.load", rarely(100 + noise * np.where(story.clock >= 143, factor, 1.0), every))
    more, less = sorted(sentences(Variance(), story))
    assert "times more than usual" in more
    assert "times less than usual" in less


def test_a_spread_of_who_has_too_few_values_in_a_window_is_not_judged() -> None:
    story = Story()
    noise = story.noise(100.0, 3.0) - 100.0
    story.metric(CHECKOUT, "app.load", rarely(100 + noise * np.where(story.clock >= 130, 30.0, 1.0), 6))
    assert sentences(Variance(), story) == []


def test_a_jump_and_blips_are_no_spread() -> None:
    story = Story()
    story.metric(CHECKOUT, "app.load", story.noise(100.0, 3.0) + np.where(story.clock >= 160, 300.0, 0.0))
    blips = story.noise(100.0, 3.0)
    blips[[20, 90, 165, 172]] = 900.0
    story.metric(PAYMENTS, "app.load", blips)
    assert sentences(Variance(), story) == []


def traffic(factor: float) -> Story:
    story = Story()
    story.span(CHECKOUT, "span.rate", story.noise(20.0, 1.0) * np.where(story.clock >= 174, factor, 1.0), "1/s")
    return story


@pytest.mark.parametrize(
    ("factor", "word", "severity"),
    [(5.0, "rose to", Severity.INFO), (0.4, "fell to", Severity.INFO), (0.1, "fell to", Severity.WARNING)],
)
def test_traffic_both_ways(factor: float, word: str, severity: Severity) -> None:
    (finding,) = said(Traffic(), traffic(factor))
    assert f"Requests per second of shop/checkout {word}" in finding.sentence
    assert finding.severity is severity


@pytest.mark.parametrize("every", [2, 3, 6])
@pytest.mark.parametrize(("factor", "word"), [(5.0, "rose to 10"), (0.1, "fell to 2")])
def test_traffic_that_is_reported_more_rarely_is_judged_by_its_newest_words(
    every: int, factor: float, word: str
) -> None:
    def told(wrong: int) -> list[str]:
        story = Story()
        words = (story.clock + 1) % every == 0
        rates = story.noise(20.0, 0.2) * np.where(story.clock >= story.steps - wrong * every, factor, 1.0)
        story.span(CHECKOUT, "span.rate", np.where(words, rates, np.nan), "1/s", REPORTED)
        return sentences(Traffic(), story)

    assert told(2) == []
    (sentence,) = told(3)
    assert f"Requests per second of shop/checkout {word}" in sentence


def test_a_spike_keeps_the_band_that_it_was_seen_against() -> None:
    view = view_of(traffic(5.0))
    (first,) = Traffic().detect(view, EPOCH)
    later = Story()
    later.span(CHECKOUT, "span.rate", later.noise(100.0, 5.0), "1/s")
    now = replace(view_of(later), open={first.fingerprint: first})
    assert [f.fingerprint for f in Traffic().detect(now, EPOCH)] == [first.fingerprint]
    assert Traffic().detect(view_of(later), EPOCH) == []


def test_what_the_baseline_expects_is_no_spike() -> None:
    view = view_of(traffic(5.0))
    shape = view.red.values.shape

    def told(low: float, high: float, sudden: float) -> Scores:
        parts = [np.full(shape, value).astype(np.float32) for value in (sudden, 0.0, low, high)]
        return Scores(parts[0], parts[1], parts[2], parts[3], np.ones(shape[1], dtype=bool))

    expected = replace(view, scores={"red": told(60.0, 140.0, 0.5)})
    assert Traffic().detect(expected, EPOCH) == []
    unexpected = replace(view, scores={"red": told(10.0, 30.0, 6.0)})
    (finding,) = Traffic().detect(unexpected, EPOCH)
    assert "usual by its own past" in finding.sentence


def test_a_shift_of_level_within_hours() -> None:
    (finding,) = said(LevelShift(), of_days(lambda hours: np.where(hours >= 238.0, 80.0, 0.0)))
    assert finding.severity is Severity.INFO
    assert "app.sessions of shop/checkout rose from" in finding.sentence
    assert "which it did on no day before at this time of day" in finding.sentence


def test_a_shift_at_night_to_what_only_days_have_is_a_shift_too() -> None:
    """Hour 238 is before the night's lowest: 85 is within what a day has, and far from what such an hour has."""
    (finding,) = said(LevelShift(), of_days(lambda hours: np.where(hours >= 238.0, 33.0, 0.0)))
    values = finding.evidence[0].values
    assert values["level"] < 100
    assert "app.sessions of shop/checkout rose from" in finding.sentence


def test_a_trend_that_breaks() -> None:
    story = of_days(lambda hours: 2.0 * np.maximum(0.0, hours - 208.0))
    (finding,) = said(TrendBreak(), story)
    assert finding.sentence.startswith("app.sessions of shop/checkout rises steadily, by ")
    assert "to where it was not in 10 days, its daily rhythm left out" in finding.sentence
    falling = of_days(lambda hours: -2.5 * np.maximum(0.0, hours - 208.0))
    assert "falls steadily" in said(TrendBreak(), falling)[0].sentence


@pytest.mark.parametrize("detector", [LevelShift(), TrendBreak()], ids=lambda one: one.name)
def test_rhythms_of_days_and_weeks_are_none(detector: Detector) -> None:
    story = of_days(lambda hours: 0.0 * hours, days=14)
    scene = story.scene()
    for last in range(4 * DAY, 14 * DAY, DAY // 6):
        now = scene.until(last)
        none = Window(now.metrics.times[:0], np.empty((0, 0)), ())
        view = View(none, none, none, none, 600.0, scene.graph, long=now.metrics)
        assert [f.sentence for f in detector.detect(view, now.now)] == []


@pytest.mark.parametrize("more", [0, 6, 100, 288, 858])
def test_a_short_history_is_compared_with_the_days_that_it_has(more: int) -> None:
    scene = of_days(lambda hours: 0.0 * hours).scene().until(3 * DAY + 1 + more)
    none = Window(scene.metrics.times[:0], np.empty((0, 0)), ())
    view = View(none, none, none, none, 600.0, scene.graph, long=scene.metrics)
    assert list(LevelShift().detect(view, scene.now)) == []


@pytest.mark.parametrize(
    ("days", "severity", "kind"),
    [
        (-1.0, Severity.CRITICAL, FindingKind.THRESHOLD),
        (1.0, Severity.ERROR, FindingKind.FORECAST),
        (10.0, Severity.WARNING, FindingKind.FORECAST),
        (20.0, Severity.INFO, FindingKind.FORECAST),
        (40.0, None, None),
    ],
)
def test_certificates_that_expire(days: float, severity: Severity | None, kind: FindingKind | None) -> None:
    story = Story(steps=40)
    end = EPOCH.timestamp() + 400.0 + days * 86_400
    story.metric(CHECKOUT, "probe_ssl_earliest_cert_expiry", np.full(40, end), "", {"target": "https://shop"})
    found = said(Certificate(), story)
    assert [(f.severity, f.kind) for f in found] == ([] if severity is None else [(severity, kind)])
    if days == 10.0:
        assert found[0].sentence == (
            "The certificate https://shop of shop/checkout expires in 10 days, on 12 Nov 2026 08:06 UTC."
        )


def test_certificates_that_one_prober_looks_at_are_told_apart() -> None:
    story = Story(steps=40)
    for days, host in ((10, "https://shop"), (12, "https://pay")):
        end = np.full(40, EPOCH.timestamp() + 400.0 + days * 86_400)
        story.metric(CHECKOUT, "probe_ssl_earliest_cert_expiry", end, "", {"instance": host})
    assert sorted(sentence.split(" of ")[0] for sentence in sentences(Certificate(), story)) == [
        "The certificate https://pay",
        "The certificate https://shop",
    ]


def test_all_abstain_on_what_is_blind() -> None:
    story = Story()
    values = story.noise(20.0, 1.0)
    values[140:] = 21.5
    story.metric(CHECKOUT, "room.temperature", values, "Cel")
    hidden = replace(view_of(story), blind=Blind(entities={CHECKOUT: Cause.FROZEN}))
    assert Flat().detect(hidden, EPOCH) == []


def test_one_finding_for_all_series_of_an_entity() -> None:
    story = Story()
    for name in ("a.first", "a.second", "a.third"):
        values = story.noise(20.0, 1.0)
        values[140:] = values[140]
        story.metric(CHECKOUT, name, values)
    story.metric(CHECKOUT, "a.alive", story.noise(20.0, 1.0))
    (finding,) = said(Flat(), story)
    assert ", and 2 more of its series likewise." in finding.sentence

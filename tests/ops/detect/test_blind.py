"""Telemetry health first: blind spots are found, said, and keep other detectors quiet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wellkept.checks import detectors as suite
from wellkept.checks.scenes import CHECKOUT, EPOCH, PAYMENTS, Scene, Story, healthy
from wellkept.kernel.finding import FindingKind, Severity
from wellkept.ops.detect.base import View
from wellkept.ops.detect.blind import Blind, Cause, Spot
from wellkept.ops.detect.blindness import LASTS_REFUSED_S, LASTS_S, MOST_NAMED, STILL, Doors, spots_of
from wellkept.ops.detect.detectors.blind import BlindSpot
from wellkept.ops.detect.detectors.missing import MissingData
from wellkept.ops.detect.detectors.robust import RobustAnomaly

NAMES = ("process.cpu.utilization", "app.load", "app.latency", "app.queue")


def speaking(story: Story, entity: str, edit: object = None) -> None:
    for name in NAMES:
        values = story.noise(0.5, 0.05)
        if callable(edit):
            edit(values, name)
        story.metric(entity, name, values)


def view_of(scene: Scene) -> View:
    return View(
        scene.metrics,
        scene.red,
        scene.exclusive,
        scene.logs,
        scene.step_s,
        scene.graph,
        blind=Blind.of(spots_of(scene.metrics)),
    )


def told(story: Story) -> list[tuple[str, Cause]]:
    return [(spot.entity, spot.cause) for spot in Blind.of(spots_of(story.scene().metrics)).spots]


def frozen(values: NDArray[np.float64], name: str) -> None:
    values[150:] = values[150]


def gaps(values: NDArray[np.float64], name: str) -> None:
    values[150:180] = np.nan
    values[[152, 156, 160, 164, 168, 172, 176, 179]] = 0.5


def partly(values: NDArray[np.float64], name: str) -> None:
    if name != NAMES[0]:
        values[140:] = np.nan


@pytest.mark.parametrize(
    ("edit", "cause"),
    [(frozen, Cause.FROZEN), (gaps, Cause.GAPS), (partly, Cause.PARTLY)],
    ids=["frozen", "gaps", "partly"],
)
def test_one_entity_is_blind_and_the_others_are_not(edit: object, cause: Cause) -> None:
    story = Story()
    speaking(story, CHECKOUT)
    speaking(story, PAYMENTS, edit)
    assert told(story) == [(PAYMENTS, cause)]


def test_frozen_values_are_said_and_keep_others_quiet() -> None:
    def high(values: NDArray[np.float64], name: str) -> None:
        values[150:] = 0.99

    story = Story()
    speaking(story, CHECKOUT)
    speaking(story, PAYMENTS, high)
    view = view_of(story.scene())
    now = story.scene().now
    assert RobustAnomaly().detect(replace(view, blind=Blind()), now) != []
    assert RobustAnomaly().detect(view, now) == []
    (finding,) = BlindSpot().detect(view, now)
    assert (finding.entity, finding.kind, finding.severity) == (PAYMENTS, FindingKind.DATA_QUALITY, Severity.INFO)
    assert finding.attributes["blind"] == "yes"
    assert finding.sentence == (
        "Blind spot (frozen) at service shop/payments since 08:25:00 UTC (5 min): all 4 of its series that used to "
        "move repeat their last values; no other detector judges it meanwhile."
    )


def test_gaps_go_on_from_where_they_began() -> None:
    story = Story()
    speaking(story, CHECKOUT)
    speaking(story, PAYMENTS, gaps)
    view, now = view_of(story.scene()), story.scene().now
    (first,) = BlindSpot().detect(view, now)
    assert "since 08:25:00 UTC (5 min)" in first.sentence
    for began, said in (
        (now - timedelta(minutes=20), "since 08:10:00 UTC (20 min)"),
        (now - timedelta(hours=9), "since 01 Nov 23:30:00 UTC (9.0 h)"),
    ):
        known = replace(first, starts_at=began)
        (again,) = BlindSpot().detect(replace(view, open={known.fingerprint: known}), now)
        assert (again.id, said in again.sentence) == (known.id, True)


def test_one_is_not_many_and_what_begins_now_has_not_lasted() -> None:
    counts: dict[str, Any] = {"refused": {"limit": 0}, "skew": {"points_ahead": 0, "points_too_late": 0}}
    doors = Doors(lambda: counts)
    now = Story().scene().now
    doors.spots(now.timestamp())
    counts = {"refused": {"limit": 1}, "skew": {"points_ahead": 1, "points_too_late": 1}, "duplicates": 1}
    view = replace(view_of(Story().scene()), blind=Blind.of(doors.spots(now.timestamp())))
    told = sorted(finding.sentence.partition(" at the platform ")[2] for finding in BlindSpot().detect(view, now))
    assert told == [
        "since 08:30:00 UTC: 1 new series was refused by the limit limit.",
        "since 08:30:00 UTC: 1 point came from the future: the clock of a sender is ahead.",
        "since 08:30:00 UTC: 1 point was refused for times that are out of bounds.",
        "since 08:30:00 UTC: 1 request came again that had been stored already.",
    ]


@pytest.mark.parametrize("seed", range(3))
def test_health_has_no_blind_spots(seed: int) -> None:
    assert told(healthy(Story(seed=seed))) == []


def test_a_service_without_traffic_is_not_frozen() -> None:
    story = Story()
    for name in NAMES:
        story.metric(CHECKOUT, name, np.where(story.clock < 180 - STILL - 5, story.noise(9.0, 1.0), 0.0), "1/s")
    assert told(story) == []


@pytest.mark.parametrize("back", [180, 178], ids=["silent", "restarted"])
def test_silence_is_no_gap(back: int) -> None:
    def silent(values: NDArray[np.float64], name: str) -> None:
        values[160:back] = np.nan

    story = Story()
    speaking(story, CHECKOUT)
    speaking(story, PAYMENTS, silent)
    assert told(story) == []


def test_doors_tell_of_what_grows_and_stop_some_time_after() -> None:
    counts = {"refused": {"series_of_metric": 3}, "skew": {"points_ahead": 0, "points_too_late": 0}, "duplicates": 4}
    doors = Doors(lambda: counts)
    assert doors.spots(0.0) == []
    counts["refused"] = {"series_of_metric": 10}
    counts["duplicates"] = 5
    spots = doors.spots(10.0)
    assert [(spot.cause, spot.is_loss) for spot in spots] == [(Cause.CROWDED, True), (Cause.REPEATS, False)]
    assert spots[0].what == "7 new series were refused by the limit series_of_metric"
    view = replace(view_of(Story().scene()), blind=Blind.of(spots))
    severities = {finding.severity for finding in BlindSpot().detect(view, Story().scene().now)}
    assert severities == {Severity.WARNING, Severity.INFO}
    assert len(doors.spots(10.0 + LASTS_S - 1)) == 2
    assert [spot.cause for spot in doors.spots(10.0 + LASTS_S)] == [Cause.CROWDED], "it is counted every ten minutes"
    assert doors.spots(10.0 + LASTS_REFUSED_S) == []


def odd(**counted: object) -> dict[str, object]:
    return {"ahead": {}, "untimely": {}, "crowded": {}, **counted}


def doors_that_saw(status: dict[str, object], far_s: float = 60.0) -> list[Spot]:
    seen: list[dict[str, object]] = [{}, status]
    doors = Doors(lambda: seen.pop(0), far_s)
    doors.spots(0.0)
    return doors.spots(10.0)


def test_a_clock_that_is_ahead_is_named_with_how_far_and_hides_what_it_is_far_ahead_of() -> None:
    ahead = {"service:shop/skewed": (25, 1500.0), "host:h1": (5, 3.0)}
    spots = doors_that_saw({"skew": {"points_ahead": 31}, "odd": odd(ahead=ahead)})
    assert [(spot.entity, spot.what) for spot in spots] == [
        ("", "1 point came from the future: the clock of a sender is ahead"),
        ("host:h1", "5 points came from the future: its clock is 3 s ahead"),
        ("service:shop/skewed", "25 points came from the future: its clock is 25 min ahead"),
    ]
    assert Blind.of(spots).entities == {"service:shop/skewed": Cause.SKEW}
    said = [f.sentence for f in BlindSpot().detect(replace(view_of(Story().scene()), blind=Blind.of(spots)), EPOCH)]
    assert [text.endswith("no other detector judges it meanwhile.") for text in said].count(True) == 1


def test_many_clocks_that_are_a_little_ahead_are_told_at_once() -> None:
    ahead = {f"host:h{number}": (2, 3.0) for number in range(MOST_NAMED + 1)}
    (spot,) = doors_that_saw({"skew": {"points_ahead": 42}, "odd": odd(ahead=ahead)})
    assert (spot.entity, spot.what) == (
        "",
        "42 points came from the future: the clocks of 21 senders are up to 3 s ahead",
    )


def test_refused_series_are_named_and_the_silence_of_their_service_is_none() -> None:
    crowded = {("series_of_metric", name, PAYMENTS): count for name, count in (("'a'", 2), ("'app.card'", 7))}
    spots = doors_that_saw({"refused": {"series_of_metric": 9}, "odd": odd(crowded=crowded)})
    assert [(spot.entity, spot.what) for spot in spots] == [
        (PAYMENTS, "9 new series of metric 'app.card' and 1 more were refused by the limit series_of_metric")
    ]
    blind = Blind.of(spots)
    assert not blind.entities
    assert blind.refused == {PAYMENTS}
    story = Story()
    speaking(story, CHECKOUT)
    story.metric(PAYMENTS, NAMES[0], np.where(story.clock >= 160, np.nan, story.noise(0.5, 0.05)))
    view = view_of(story.scene())
    assert [finding.entity for finding in MissingData().detect(view, story.scene().now)] == [PAYMENTS]
    assert MissingData().detect(replace(view, blind=blind), story.scene().now) == []
    (finding,) = BlindSpot().detect(replace(view, blind=blind), story.scene().now)
    assert finding.sentence.endswith("series_of_metric; its silence is not told meanwhile.")


def test_points_refused_for_their_times_are_named() -> None:
    spots = doors_that_saw({"skew": {"points_too_late": 4}, "odd": odd(untimely={PAYMENTS: 4})})
    assert [(spot.entity, spot.cause) for spot in spots] == [(PAYMENTS, Cause.LATE)]
    assert Blind.of(spots).refused == {PAYMENTS}


def test_it_holds_the_contract() -> None:
    assert len(suite.check_detector(BlindSpot(), View)) == len(suite.CHECKS)

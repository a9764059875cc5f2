"""Feeds of labels that are broken, through the real stage: each gives its finding, and none is a reason to train."""

from __future__ import annotations

from tests.ml.watch.elsewhere import Elsewhere


def ids(start_s: int, end_s: int, version: str = "7") -> list[str]:
    """The predictions of a span, as they are named by :meth:`Elsewhere.live`."""
    return [f"{version}/{start_s + index / 4}" for index in range((end_s - start_s) * 4)]


def test_a_feed_that_stops_while_predictions_go_on_is_told_and_ends_when_labels_come_again(
    elsewhere: Elsewhere,
) -> None:
    elsewhere.attach("7")
    elsewhere.live(0, 1200)
    elsewhere.look(1200)
    assert elsewhere.open() == {}
    elsewhere.live(1200, 1800, labels=False)
    elsewhere.look(1800)
    assert elsewhere.open() == {("model:churn", "data_quality"): "label_feed"}
    (found,) = elsewhere.stream.open_findings()
    assert "No label of churn has come since" in found.sentence
    elsewhere.live(1800, 2400)
    elsewhere.look(2400)
    assert ("model:churn", "data_quality") not in elsewhere.open()


def test_no_predictions_and_no_labels_is_silence_and_no_broken_feed(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7")
    elsewhere.live(0, 1200)
    elsewhere.look(1200)
    elsewhere.look(1500)
    assert elsewhere.open() == {("model:churn", "missing_data"): "no_traffic"}


def test_a_storm_of_labels_is_told(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7")
    elsewhere.live(0, 1800)
    elsewhere.look(1800)
    assert elsewhere.open() == {}
    elsewhere.live(1800, 1860)
    elsewhere.at(1861)
    elsewhere.outcomes.labels([{"prediction_id": key, "value": 1.0} for key in ids(0, 1500)])
    elsewhere.look(1960)
    assert elsewhere.open()["model:churn", "data_quality"] == "label_storm"


def test_labels_of_the_future_are_a_wrong_clock(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7")
    elsewhere.live(0, 1200)
    elsewhere.look(1200)
    elsewhere.live(1200, 1500, labels=False)
    elsewhere.label(ids(1200, 1500), [1.0, 0.0] * 600, 1200 + 7200, 1500, came_s=1230)
    elsewhere.look(1510)
    assert elsewhere.open() == {("model:churn", "data_quality"): "label_clock"}


def test_labels_that_contradict_others_are_counted(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7")
    elsewhere.live(0, 1800)
    elsewhere.look(1800)
    for start in range(1500, 1700, 50):
        elsewhere.at(1800 + start - 1500)
        elsewhere.outcomes.labels([{"prediction_id": key, "value": 5.0} for key in ids(start, start + 10)])
    elsewhere.live(1800, 2000)
    elsewhere.look(2010)
    assert elsewhere.open()["model:churn", "data_quality"] == "label_conflict"

"""Labels of a storm are left out, and no others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.ml.watch.conftest import after
from tests.ml.watch.elsewhere import Elsewhere
from tests.ml.watch.test_label_feeds import ids

from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.ml.watch.distrust import Mistrust, is_unsound, span_of
from wellkept.store.telemetry.distrusted import ENDLESS


def labelled(elsewhere: Elsewhere, start_s: float, end_s: float, at_s: float) -> list[float]:
    rows = elsewhere.telemetry.serving.labelled("churn", "7", after(start_s), after(end_s), after(at_s))
    found: list[float] = rows["label"].to_pylist()
    return found


def test_a_storm_of_wrong_labels_changes_nothing_that_was_known(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7")
    elsewhere.live(0, 1800)
    elsewhere.look(1800)
    known = labelled(elsewhere, 0, 1500, 1800)
    mistrust = Mistrust(elsewhere.stream, elsewhere.telemetry.distrusted)
    elsewhere.live(1800, 1860)
    elsewhere.at(1861)
    elsewhere.outcomes.labels([{"prediction_id": key, "value": 1.0} for key in ids(0, 1500)])
    assert sum(labelled(elsewhere, 0, 1500, 1900)) == 6000
    elsewhere.look(1960)
    mistrust.follow(["churn"], after(1960))
    assert labelled(elsewhere, 0, 1500, 1960) == known
    elsewhere.live(1860, 2700)
    elsewhere.look(2700)
    assert elsewhere.open() == {}
    mistrust.follow(["churn"], after(2700))
    assert labelled(elsewhere, 0, 1500, 2700) == known
    (span,) = elsewhere.telemetry.distrusted.of("churn")
    assert span.start <= after(1861) < span.end <= after(1950)
    assert len(labelled(elsewhere, 2000, 2600, 2700)) == 2400


def found(cause: str) -> Finding:
    return Finding(
        "fp",
        "labelconflict",
        "1",
        "model:churn",
        FindingKind.DATA_QUALITY,
        Severity.WARNING,
        0.9,
        "",
        after(0),
        "Labels contradict each other.",
        attributes={"cause": cause},
    )


def test_a_feed_is_not_believed_while_it_storms_and_what_came_then_never() -> None:
    storm = found("label_storm")
    assert is_unsound(storm)
    assert span_of("churn", storm).end == ENDLESS
    over = replace(storm, ends_at=after(600))
    assert span_of("churn", over).end == after(600)
    seen = replace(over, evidence=(Evidence("label_storm", window_start=after(0), window_end=after(50)),))
    assert span_of("churn", seen).end == after(50)


@pytest.mark.parametrize("cause", ["label_feed", "label_conflict", "label_clock", "renamed"])
def test_what_says_nothing_against_most_labels_leaves_them_alone(cause: str) -> None:
    assert not is_unsound(found(cause))

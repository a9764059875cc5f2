"""What a user would curse: the hour taken for a default, a weekend for an outage; and what drift costs, and looking."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.ml.watch.elsewhere import NOON
from tests.ml.watch.test_false_alarms import served

from wellkept.kernel.finding import FindingKind, Severity
from wellkept.ml.estimate.history import CohortPerformance, PerformanceHistory, Told
from wellkept.ml.reference import distribution
from wellkept.ml.retrainspec import Retrain
from wellkept.ml.watch.base import Served
from wellkept.ml.watch.cost import cost, with_cost
from wellkept.ml.watch.monitors.nulls import Nulls
from wellkept.ml.watch.monitors.sentinels import Sentinels
from wellkept.ml.watch.monitors.silence import Silence
from wellkept.ml.watch.recent import Recent, slot
from wellkept.ml.watch.saying import odds
from wellkept.store.telemetry.looks import LEVELS, Column
from wellkept.store.telemetry.serving import Histograms

DAY_S = 86_400.0
BEGUN = NOON - timedelta(days=4)


def at_midnight(*, is_hour: bool) -> Served:
    """A model whose input ``tenure`` is 0 in all that was asked lately; in training, it went from 0 to 23.

    ``is_hour``: by the hour; else as chance will have it.
    """
    day = served(1)
    assert day.seen is not None
    at = np.arange(0.0, 30 * DAY_S, 300.0)
    values = at % DAY_S // 3600
    if not is_hour:
        values = np.random.default_rng(1).permutation(values)
    reference = distribution(values, at, DAY_S)
    share = np.where(np.arange(21) < 10, 0.0, 1.0)
    column = Column(False, 400, 400, 0.0, 600.0, np.quantile(share, LEVELS), pairs=10, moved=5)
    counts = np.zeros((12, len(reference.counts)), dtype=np.int64)
    counts[:, 0] = 100
    slices = Histograms(
        np.arange(1, 13, dtype=np.float64) * 300.0, {"tenure": counts}, {"tenure": np.zeros(12, dtype=np.int64)}
    )
    return replace(
        day,
        reference={"tenure": reference},
        slices=slices,
        tops={"tenure": (0.0, 1.0)},
        seen=replace(day.seen, now=replace(day.seen.now, columns={"tenure": column})),
    )


def test_the_hour_is_no_default_and_is_not_stuck() -> None:
    hour, constant = at_midnight(is_hour=True), at_midnight(is_hour=False)
    assert hour.reference["tenure"].comes_and_goes
    assert not constant.reference["tenure"].comes_and_goes
    for monitor in (Nulls(), Sentinels()):
        assert monitor.watch(hour, NOON).findings == ()
        (found,) = monitor.watch(constant, NOON).findings
        assert found.attributes["cause"] == "default_spike"


def test_what_comes_and_goes_is_stuck_once_it_stands_still_for_much_longer_than_ever() -> None:
    """The hour is 7 for two hours, and then for five, of which three suffice."""
    day = at_midnight(is_hour=True)
    counts = np.zeros((12, len(day.reference["tenure"].counts)), dtype=np.int64)
    counts[:, 3] = 100
    none, ends = {"tenure": np.zeros(12, dtype=np.int64)}, np.arange(1, 13, dtype=np.float64) * 1800.0
    assert day.reference["tenure"].steady_s == 3600.0
    for hours, is_told in ((2, False), (5, True)):
        values = {"tenure": np.where(np.arange(12) < 12 - 2 * hours, 3.0, 7.0)}
        slices = Histograms(ends, {"tenure": counts}, none, values, values)
        findings = Nulls().watch(replace(day, slices=slices, step_s=1800.0), NOON).findings
        assert [found.attributes["cause"] for found in findings] == ["default_spike"] * is_told
        assert all("has been 7 for 5 hours" in found.sentence for found in findings)
        assert all(found.starts_at.timestamp() == (12 - 2 * hours) * 1800.0 for found in findings)


def test_a_default_that_is_gone_from_the_newest_rows_is_over_and_one_that_is_stuck_is_told_once() -> None:
    day = at_midnight(is_hour=False)
    (found,) = Sentinels().watch(day, NOON).findings
    assert found.starts_at.timestamp() == 300.0 - day.step_s
    assert Sentinels().watch(replace(day, tops={"tenure": (7.0, 0.1)}), NOON).findings == ()
    (stuck,) = Nulls().watch(day, NOON).findings
    assert Sentinels().watch(replace(day, open={stuck.fingerprint: stuck}), NOON).findings == ()
    later = replace(day, open={stuck.fingerprint: replace(stuck, starts_at=BEGUN)})
    assert Nulls().watch(later, NOON).findings[0].starts_at == BEGUN


@pytest.mark.parametrize(("has_weekends", "is_told"), [(True, False), (False, True)])
def test_a_weekend_is_no_outage_where_there_was_one_before(has_weekends: bool, is_told: bool) -> None:
    day = served(2)
    assert day.seen is not None
    step_s = 7 * DAY_S / 12
    rates = np.full(12, 500)
    rates[-4:] = 0
    rhythm = np.full(48, 500)
    rhythm[-4:] = 0
    if has_weekends:
        rhythm[32:36] = 0
    seen = replace(day.seen, rhythm=rhythm, rhythm_s=step_s, rhythm_end=NOON.timestamp())
    slices = Histograms(NOON.timestamp() - step_s * np.arange(11, -1, -1, dtype=np.float64), {}, {})
    asked = replace(day, rates=rates, step_s=step_s, slices=slices, seen=seen)
    assert bool(Silence().watch(asked, NOON).findings) is is_told


def performance(since: float, before: float = 0.8) -> PerformanceHistory:
    """Eight days, half of them before ``BEGUN``."""
    days = [BEGUN + timedelta(days=k) for k in range(-4, 4)]
    cohorts = [
        CohortPerformance(day, day + timedelta(days=1), 1000, 900, 0.9, 0.95, value, value - 0.02, value + 0.02, Told())
        for day, value in ((day, before if day < BEGUN else since) for day in days)
    ]
    return PerformanceHistory("fraud", 1, "average_precision", False, 0.8, 0.7, NOON, DAY_S, tuple(cohorts))


def test_drift_says_what_it_cost_in_the_units_of_the_contract() -> None:
    priced = Retrain(cost=10, value_per_point=9000, horizon_s=28 * DAY_S)
    assert cost(performance(0.7), BEGUN, Retrain()) == (
        "Average precision is 0.700 since, and was 0.800 before: a loss of 0.100."
    )
    assert "a loss of 0.100, worth 900 in 28 days (a retrain costs 10)." in cost(performance(0.7), BEGUN, priced)
    assert "no loss so far" in cost(performance(0.795), BEGUN, priced)
    assert cost(replace(performance(0.7), cohorts=()), BEGUN, priced) == ""
    guess = replace(
        performance(0.8), cohorts=performance(0.8).cohorts[:4], now=Told(0.6, 0.55, 0.65), since=BEGUN, rows=900
    )
    assert "is estimated at 0.600 since" in cost(guess, BEGUN, Retrain())
    assert cost(replace(guess, now=Told(0.6, 0.55, 0.65, "x is broken")), BEGUN, Retrain()) == ""


def test_only_findings_of_drift_say_it() -> None:
    day = replace(at_midnight(is_hour=False), history=performance(0.7))
    (found,) = Nulls().watch(day, NOON).findings
    assert with_cost(day, found) == found
    drift = replace(found, kind=FindingKind.DRIFT, severity=Severity.INFO, starts_at=BEGUN)
    told = with_cost(day, drift)
    assert told.sentence.endswith(told.attributes["cost"])
    assert with_cost(replace(day, history=None), drift) == drift


def test_what_was_read_is_read_again_only_when_its_time_is_over() -> None:
    recent, reads = Recent(), list[int]()

    def read() -> int:
        reads.append(1)
        return len(reads)

    assert [recent.once("a", at, read) for at in (0.0, 0.0, 1.0, 1.0)] == [1, 1, 2, 2]
    assert recent.once("b", 1.0, read) == 3
    ticks = np.arange(0.0, DAY_S, 30.0)
    assert len({slot(at, DAY_S) for at in ticks}) == 288
    assert len({slot(at, 30 * DAY_S) for at in ticks}) == 288


def test_odds_have_one_digit() -> None:
    assert odds(1 / 374_715_585) == "a chance of about one in 400,000,000"
    assert (odds(0.5), odds(0.0)) == ("a chance of about one in 2", "a chance of less than one in a billion")

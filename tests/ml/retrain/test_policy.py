"""Policies: what is worth it is retrained, what stands in the way holds it; a decision says what would change it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.ml.retrain.forecast import Forecast, Gain, Point, Stale, ageing, forecast
from wellkept.ml.retrain.policy import Act, PolicyCase, decide, wait_s
from wellkept.ml.retrainspec import Retrain, point_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = 7 * DAY


def case(**given_: object) -> PolicyCase:
    quiet = PolicyCase(
        model="fraud",
        spec=Retrain(),
        metric="average_precision",
        is_lower_better=False,
        now=NOW,
        trained_until=NOW - 4 * WEEK,
        known_until=NOW,
        live_since=NOW - 4 * WEEK,
        promised=0.7,
        rows=5000,
        rows_since=3000,
    )
    return replace(quiet, **given_)  # type: ignore[arg-type]


def gain(weeks: float, points: float, error: float = 0.004, back: float = 0.0) -> Gain:
    return Gain(NOW - back * WEEK, weeks * 7 * 86_400.0, points, error)


AGED = tuple(gain(weeks, 0.01 * weeks, back=back) for weeks in (1, 2, 4) for back in (1, 3))


def test_nothing_known_is_no_reason() -> None:
    decision = decide(case())
    assert decision.action is Act.NONE
    assert decision.numbers["net"] < 0


def test_versions_that_age_fast_are_worth_a_retrain_and_slow_ones_are_not() -> None:
    fast = decide(case(gains=AGED))
    assert fast.action is Act.RETRAIN
    assert fast.numbers["expected_gain"] == pytest.approx(0.04, abs=0.01)
    slow = tuple(replace(one, gain=one.gain / 40) for one in AGED)
    assert decide(case(gains=slow)).action is Act.NONE


def test_the_sentence_and_the_evidence_tell_the_numbers() -> None:
    decision = decide(case(gains=AGED))
    assert f"{decision.numbers['expected_gain']:.4f}" in decision.sentence
    assert "how fast its versions age" in decision.sentence
    assert "back-test" in decision.evidence
    dear = decide(case(gains=AGED, spec=Retrain(cost=500, value_per_point=9000)))
    assert dear.action is Act.NONE
    assert "A gain beyond chance of" in dear.evidence


def test_no_gain_is_asked_for_that_there_cannot_be() -> None:
    young = {"trained_until": NOW - timedelta(hours=1), "live_since": NOW - timedelta(hours=1)}
    never = "A greater age: no gain that there can be would pay for it now."
    assert decide(case(**young, spec=Retrain(cost=9))).evidence == never
    assert decide(case(spec=Retrain(cost=500, value_per_point=9000))).evidence != never
    error = {"metric": "wape", "is_lower_better": True, "promised": 0.3}
    assert decide(case(**error, spec=Retrain(cost=0.5))).evidence == never
    assert decide(case(**error, spec=Retrain(cost=0.1))).evidence != never
    assert decide(case(**{**error, "promised": 30.0}, spec=Retrain(cost=0.5))).evidence != never
    assert decide(case(metric="custom.profit", spec=Retrain(cost=9))).evidence != never


def test_a_dear_retrain_must_gain_more() -> None:
    dear = Retrain(cost=500, value_per_point=9000)
    assert decide(case(gains=AGED, spec=dear)).action is Act.NONE
    cheap = Retrain(cost=50, value_per_point=9000)
    assert decide(case(gains=AGED, spec=cheap)).action is Act.RETRAIN


def test_a_large_loss_is_worth_it_and_noise_is_not() -> None:
    assert decide(case(worse="It fell.", fallen=(0.3, 0.03))).action is Act.RETRAIN
    assert decide(case(fallen=(0.01, 0.03))).action is Act.NONE


def test_a_steady_fall_of_the_cohorts_is_worth_it() -> None:
    falling = tuple(Point(NOW - (20 - day) * DAY, 0.7 - 0.006 * day, 0.01) for day in range(20))
    assert decide(case(points=falling)).action is Act.RETRAIN
    level = tuple(replace(one, value=0.7) for one in falling)
    assert decide(case(points=level)).action is Act.NONE


def test_a_trend_that_is_all_that_is_known_must_be_beyond_chance() -> None:
    wide = tuple(Point(NOW - (20 - day) * DAY, 0.7 - 0.003 * day, 0.055) for day in range(20))
    found = forecast(wide, (), case().stale, False)
    assert found.error / 1.645 < found.gain < found.error
    assert found.beyond_chance() == 0
    assert decide(case(points=wide)).action is Act.NONE


def test_of_an_error_less_is_better() -> None:
    rising = tuple(Point(NOW - (20 - day) * DAY, 10 + 0.3 * day, 0.1) for day in range(20))
    worse = case(metric="mae", is_lower_better=True, promised=10.0, points=rising)
    assert decide(worse).action is Act.RETRAIN
    better = tuple(replace(one, value=20 - one.value) for one in rising)
    assert decide(replace(worse, points=better)).action is Act.NONE


@pytest.mark.parametrize("policy", ["expected_value", "schedule", "volume", "drift", "performance"])
def test_what_is_sick_holds_every_policy(policy: str) -> None:
    sick = case(
        spec=Retrain(policy=policy),
        gains=AGED,
        rows_since=50_000,
        drifted=("amount drifted.",),
        worse="It fell.",
        fallen=(0.3, 0.03),
        held="The feature store is sick.",
    )
    decision = decide(sick)
    assert (decision.action, decision.reason) == (Act.HOLD, "upstream")
    assert "The feature store is sick." in decision.sentence
    assert decide(replace(sick, held="")).action is Act.RETRAIN


def test_what_is_sick_is_told_where_no_retrain_is_wanted_either() -> None:
    quiet = case(spec=Retrain(policy="performance"))
    assert decide(quiet).action is Act.NONE
    decision = decide(replace(quiet, held="The feature store is sick."))
    assert (decision.action, decision.reason, decision.sentence) == (Act.HOLD, "upstream", "The feature store is sick.")


def test_too_few_rows_a_recent_retrain_and_a_spent_budget_hold_it() -> None:
    worth = case(gains=AGED)
    few = decide(replace(worth, rows=10))
    assert (few.action, few.reason) == (Act.HOLD, "rows")
    slow = replace(worth, spec=Retrain(cooldown_s=20 * 86_400))
    recent = decide(replace(slow, attempts=(NOW - 15 * DAY,)))
    assert (recent.action, recent.reason) == (Act.HOLD, "cool-down")
    spent = decide(replace(worth, attempts=tuple(NOW - day * DAY for day in range(2, 12))))
    assert (spent.action, spent.reason) == (Act.HOLD, "budget")
    assert decide(replace(worth, attempts=tuple(NOW - (31 + day) * DAY for day in range(12)))).action is Act.RETRAIN


def test_the_simple_policies_do_what_they_say() -> None:
    by_schedule = case(spec=Retrain(policy="schedule", every_s=7 * 86_400))
    assert decide(by_schedule).action is Act.RETRAIN
    assert decide(replace(by_schedule, live_since=NOW - 6 * DAY)).action is Act.NONE
    by_volume = case(spec=Retrain(policy="volume", rows=3000))
    assert decide(by_volume).action is Act.RETRAIN
    assert decide(replace(by_volume, rows_since=2999)).action is Act.NONE
    assert decide(case(spec=Retrain(policy="drift"), drifted=("amount drifted.",))).action is Act.RETRAIN
    assert decide(case(spec=Retrain(policy="drift"), worse="It fell.")).action is Act.NONE
    assert decide(case(spec=Retrain(policy="performance"), worse="It fell.")).action is Act.RETRAIN


@given(st.text(min_size=1, max_size=20), st.floats(0, 1e7))
def test_jitter_is_stable_and_small(model: str, seconds: float) -> None:
    assert seconds <= wait_s(model, seconds) <= seconds * 1.1
    assert wait_s(model, seconds) == wait_s(model, seconds)


def test_many_models_do_not_train_at_the_same_moment() -> None:
    assert len({wait_s(f"model-{index}", 86_400) for index in range(100)}) == 100


gains = st.builds(
    Gain,
    at=st.integers(0, 300).map(lambda days: NOW - days * DAY),
    age_s=st.floats(0, 1e7),
    gain=st.floats(-1, 1),
    error=st.one_of(st.floats(0, 1), st.just(math.inf)),
    more=st.floats(-3, 3),
    source=st.sampled_from(["challenger", "ageing"]),
)


@given(st.lists(gains, max_size=12), st.permutations(range(12)))
def test_the_forecast_is_finite_and_the_order_of_what_was_seen_does_not_matter(
    seen: list[Gain], order: list[int]
) -> None:
    stale = Stale(NOW - 2 * WEEK, NOW)
    one = forecast((), seen, stale, False)
    assert math.isfinite(one.gain)
    assert one.error > 0
    shuffled = [seen[index] for index in order if index < len(seen)]
    other = ageing(shuffled, NOW)
    assert other.of(1e6, 0.5) == pytest.approx(ageing(seen, NOW).of(1e6, 0.5), rel=1e-6, abs=1e-9)


def test_an_attempt_that_brought_nothing_begins_the_count_anew() -> None:
    worth = case(gains=AGED)
    tried = replace(worth, attempts=(NOW - DAY / 2,))
    assert decide(tried).action is Act.NONE
    assert decide(tried).numbers["accumulated"] < decide(worth).numbers["accumulated"] / 20


def test_losses_at_the_pace_of_ageing_are_worth_a_retrain_when_they_reach_its_cost() -> None:
    def due(pace: float) -> float:
        gains = tuple(gain(weeks, pace * weeks, 0.001, back) for weeks in (1, 2, 4) for back in range(1, 12))
        days = (
            n for n in range(1, 400) if decide(case(gains=gains, trained_until=NOW - n * DAY)).action is Act.RETRAIN
        )
        return float(next(days, math.inf))

    fast, slow = due(0.01), due(0.0025)
    assert 5 <= fast <= 14
    assert 1.5 * fast <= slow <= 3 * fast  # four times the pace, half the wait
    assert due(0.0) == math.inf


def test_a_step_beyond_chance_is_not_waited_for() -> None:
    calm = tuple(gain(weeks, 0.0, 0.003, back) for weeks in (1, 2, 4) for back in range(1, 8))
    young = case(gains=calm, trained_until=NOW - 3 * DAY)
    assert decide(young).action is Act.NONE
    fell = decide(replace(young, fallen=(0.2, 0.01)))
    assert fell.action is Act.RETRAIN
    assert fell.numbers["ahead"] > fell.numbers["accumulated"]
    seen = Gain(NOW - DAY, 2 * 86_400.0, 0.2, 0.02, source="challenger")
    assert decide(replace(young, gains=(*calm, seen))).action is Act.RETRAIN
    noisy = replace(seen, gain=0.02)
    assert decide(replace(young, gains=(*calm, noisy))).action is Act.NONE


@given(st.floats(-1, 1), st.floats(1e-6, 1), st.floats(0, 4))
def test_what_is_beyond_chance_is_between_nothing_and_the_gain(value: float, error: float, caution: float) -> None:
    found = Forecast(value, error).beyond_chance(caution)
    assert 0 <= found <= max(value, 0)


def test_more_rows_are_told_from_newer_ones() -> None:
    random = [Gain(NOW, age * 86_400.0, 0.05 * more, 0.004, more) for age, more in [(7, 1.0), (7, 0.1), (28, 0.2)] * 4]
    known = ageing(random, NOW)
    assert known.of(0.0, 1.0)[0] == pytest.approx(0.05, abs=0.01)
    assert known.of(28 * 86_400.0, 0.0)[0] == pytest.approx(0.0, abs=0.01)


def test_errors_without_bounds_are_counted_in_shares_of_the_promise() -> None:
    assert point_of("average_precision", 0.3) == 1.0
    assert Retrain().cost_of("mae", 50.0) == pytest.approx(0.1)
    assert Retrain().cost_of("mae", math.nan) == pytest.approx(0.001)
    assert Retrain(cost=3).cost_of("mae", 50.0) == 3


def test_intervals_that_do_not_hold_are_reason_enough_though_the_metric_gains_nothing() -> None:
    said = "52 % of the newest 200 truths lay in the 80 % intervals of demand."
    decision = decide(case(uncovered=said))
    assert decision.action is Act.RETRAIN
    assert said in decision.sentence
    assert decide(case(uncovered=said, spec=Retrain(policy="volume"))).action is Act.NONE
    assert decide(case(uncovered=said, attempts=(NOW - timedelta(hours=2),))).action is Act.HOLD

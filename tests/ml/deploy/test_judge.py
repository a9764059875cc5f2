"""The judge: promote, widen, hold or stop; it says why, and what is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.ml.deploy.arms import Side, pair
from tests.ml.workshop import NOON

from wellkept.ml.deploy.judge import Case, judge
from wellkept.ml.rollout import HealthLimits, QualityLimits, Rollout
from wellkept.spine.rollouts import Look

CANARY = Rollout(strategy="canary", shares=(0.2,), step_s=600, step_rows=500, health=HealthLimits(slow_ms=5))
GOOD, MUCH = Side(10_000, 10, 50, 5000), Side(4000, 4, 20, 3000)


def case(challenger: Side = MUCH, champion: Side = GOOD, policy: Rollout = CANARY, **more: Any) -> Case:
    known: dict[str, Any] = {"step": 0, "step_s": 700.0, "total_s": 700.0}
    return Case(policy=policy, pair=pair(champion, challenger), **known | more)


def judged(given: Case) -> Look:
    return judge(given, NOON)


def states(look: Look) -> dict[str, str]:
    return {measure.name: measure.state for measure in look.measures}


def test_a_challenger_that_is_no_worse_is_promoted() -> None:
    look = judged(case())

    assert look.verdict == "promote"
    assert set(states(look).values()) == {"fine"}
    assert "it is no worse than the champion" in look.sentence
    assert look.requests == (10_000, 4000)


@pytest.mark.parametrize(
    ("challenger", "words"),
    [
        (replace(MUCH, failed=400), "10.00% of its requests fail, 0.10% of the champion's"),
        (replace(MUCH, slow=2000), "50.0% of its answers take over 5 ms"),
        (replace(MUCH, loss=0.6), "its mean loss is 0.6"),
    ],
)
def test_a_challenger_that_does_harm_is_stopped_and_told_why(challenger: Side, words: str) -> None:
    look = judged(case(challenger))

    assert look.verdict == "stop"
    assert words in look.sentence


def test_next_to_no_loss_may_grow_by_next_to_nothing() -> None:
    perfect = replace(MUCH, loss=0.0)
    given = case(perfect, replace(GOOD, loss=0.0))

    assert judged(given).verdict == "hold", "a share of nothing is nothing"
    assert judged(replace(given, pair=replace(given.pair, floor=0.005))).verdict == "promote"


def test_harm_stops_before_the_time_of_the_step_is_over() -> None:
    look = judged(case(Side(60, 30, 0, 0), step_s=5.0))

    assert look.verdict == "stop"


def test_time_and_requests_have_to_be_there() -> None:
    look = judged(case(Side(100, 0, 0, 0), step_s=60.0))

    assert look.verdict == "hold"
    assert look.missing[0] == "9 min of the 10 min that a step takes"
    assert look.missing[1] == "requests (100 of 500)"
    assert "evidence on failures" in look.missing[2]


def test_without_truths_it_holds_and_says_how_many_are_known() -> None:
    look = judged(case(replace(MUCH, labels=100)))

    assert look.verdict == "hold"
    assert look.missing == ("labels (100 of 200 known; labels 3% mature)",)


def test_like_scores_are_enough_where_the_contract_says_so() -> None:
    policy = CANARY.model_copy(update={"quality": QualityLimits(without_labels="agree")})

    assert judged(case(replace(MUCH, labels=0), policy=policy)).verdict == "promote"
    far = judged(case(replace(MUCH, labels=0, shift=0.4), policy=policy))
    assert far.verdict == "stop"
    assert "its scores lie 0.40 from the champion's" in far.sentence


def test_scores_that_differ_say_nothing_where_truths_are_known() -> None:
    policy = CANARY.model_copy(update={"quality": QualityLimits(without_labels="agree")})
    look = judged(case(replace(MUCH, shift=0.4), policy=policy))

    assert states(look)["scores"] == "worse"
    assert look.verdict == "promote"


def test_a_task_without_losses_waits_for_a_person_or_agreement() -> None:
    look = judged(case(replace(MUCH, labels=0), has_loss=False))

    assert look.verdict == "hold"
    assert "without_labels: agree" in look.sentence


def test_what_is_sick_under_both_makes_the_comparison_void() -> None:
    look = judged(case(sick="host:a is under both and sick"))

    assert look.verdict == "hold"
    assert look.sentence == "the comparison is void: host:a is under both and sick"


def test_harm_that_was_seen_while_all_was_well_stops_all_the_same() -> None:
    assert judged(case(replace(MUCH, failed=2000), sick="host:a is under both and sick")).verdict == "stop"


def test_a_version_that_cannot_be_loaded_is_stopped() -> None:
    look = judged(case(trouble="its bytes have another digest", trouble_s=60.0))

    assert (look.verdict, look.sentence) == ("stop", "it cannot be loaded: its bytes have another digest")
    assert judged(case(trouble="no room", trouble_s=10.0)).verdict == "hold", "it is tried again"


def test_what_could_not_be_decided_in_time_is_stopped() -> None:
    look = judged(case(Side(100), total_s=8 * 86_400.0))

    assert look.verdict == "stop"
    assert "it could not be decided within 7 d: missing are requests (100 of 500)" in look.sentence


def test_the_next_step_is_wider() -> None:
    policy = CANARY.model_copy(update={"shares": (0.2, 0.5)})

    assert judged(case(policy=policy)).verdict == "widen"
    assert "gets 50% of the traffic" in judged(case(policy=policy)).sentence
    assert judged(case(policy=policy, step=1)).verdict == "promote"


def test_blue_green_waits_until_it_is_loaded_and_for_nothing_else() -> None:
    policy = Rollout(strategy="blue_green")

    for loaded, verdict in ((None, "hold"), (False, "hold"), (True, "promote")):
        assert judged(case(Side(), Side(), policy, loaded=loaded)).verdict == verdict
    assert judged(case(Side(), Side(), policy, loaded=False, total_s=8 * 86_400.0)).verdict == "stop"


def test_after_the_switch_it_is_watched_against_what_was_before() -> None:
    policy = Rollout(strategy="blue_green", health=HealthLimits(slow_ms=5))

    assert judged(case(policy=policy, is_watched=True)).verdict == "hold"
    assert judged(case(replace(MUCH, failed=400), policy=policy, is_watched=True)).verdict == "stop"


def test_nothing_to_compare_with_holds() -> None:
    look = judged(case(Side(), Side()))

    assert look.verdict == "hold"
    assert "scores" not in states(look)

"""A rollout's life: proposed, approved, judged, widened, promoted; or stopped, by itself or by a person, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.ml.deploy.arms import Side
from tests.ml.deploy.hall import CONTRACT, Hall
from tests.ml.workshop import NOON

from wellkept.kernel.change import ChangeKind
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.plan import PlanState, Risk
from wellkept.ml.deploy.runner import Loaded
from wellkept.ml.deploy.stage import rollback_plan
from wellkept.spine.registry import CHAMPION, VersionState
from wellkept.spine.rollouts import Look, RolloutState

GOOD, MUCH = Side(10_000, 10, 50, 5000), Side(4000, 4, 20, 3000)


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    found = Hall(tmp_path)
    found.seen.champion, found.seen.challenger = GOOD, Side()
    yield found
    found.close()


def told(look: Look) -> list[str]:
    return [measure.sentence for measure in look.measures if measure.state == "told"]


def test_a_shadow_says_on_how_many_of_the_same_requests_it_decides_otherwise(hall: Hall) -> None:
    hall.begin(strategy="shadow")
    hall.look()
    assert told(hall.rollouts.looks(hall.rollout().id)[-1]) == [], "nothing was asked yet"

    hall.seen.champion, hall.seen.challenger = Side(2000), Side(2000)
    hall.pass_time(10)
    hall.look()

    look = hall.rollouts.looks(hall.rollout().id)[-1]
    assert told(look) == ["it decides otherwise on 100 of the same 2000 requests (5.00%)"]
    assert look.verdict == "hold", "it is told, and decides nothing"


def test_a_good_canary_is_promoted_by_its_own_plan(hall: Hall) -> None:
    plan = hall.begin(shares=[0.2])
    assert hall.aliases() == {"champion": 1, "challenger": 2}
    assert hall.listed() == [(1, "champion", 0.8), (2, "challenger", 0.2)]

    hall.pass_time(60)
    assert hall.look() == ["hold"]
    hall.seen.challenger = MUCH
    hall.pass_time(600)
    assert hall.look() == ["promote"]
    assert hall.settled(plan) is PlanState.SUCCEEDED

    assert hall.aliases() == {"champion": 2, "challenger": 2, "previous": 1}
    assert hall.look() == []
    assert hall.aliases() == {"champion": 2, "previous": 1}
    assert hall.rollout().state is RolloutState.DONE
    assert hall.cases.show("fraud")["share"] == 1.0
    assert hall.listed() == [(2, "", 1.0)]
    assert [verb for verb in hall.verbs() if verb.startswith("rollout.")] == [
        "rollout.started",
        "rollout.passed",
        "rollout.done",
    ]


def test_a_canary_that_does_harm_is_stopped_by_itself_and_says_why(hall: Hall) -> None:
    plan = hall.begin()
    hall.seen.challenger = Side(300, 60)

    assert hall.look() == ["stop"]
    assert hall.settled(plan) is PlanState.FAILED

    assert hall.aliases() == {"champion": 1}
    assert hall.listed() == [(1, "", 1.0)]
    assert "was stopped by wellkept: 20.00% of its requests fail" in hall.sentence_of(plan)
    (told,) = [c for c in hall.changes.written if "is stopped" in c.summary]
    assert (told.kind, "20.00% of its requests fail" in told.summary) == (ChangeKind.DEPLOY, True)


def test_a_step_that_went_well_is_followed_by_a_wider_one_and_judged_anew(hall: Hall) -> None:
    hall.begin(shares=[0.1, 0.5])
    hall.seen.challenger = MUCH
    hall.pass_time(700)
    assert hall.look() == ["widen"]
    assert hall.listed() == [(1, "champion", 0.5), (2, "challenger", 0.5)]

    assert hall.look() == ["hold"], "a step takes its time"
    assert hall.seen.asked[-1].arms[1].start == hall.clock.now(), "and is judged on what came in it"
    hall.pass_time(700)
    assert hall.look() == ["promote"]


def test_a_person_stops_it_at_once_without_an_approval(hall: Hall) -> None:
    plan = hall.begin()

    found = hall.cases.stop("fraud", "grace", "customers complain")

    assert found["state"] == "stopped"
    assert hall.listed() == [(1, "", 1.0)]
    assert hall.settled(plan) is PlanState.FAILED
    assert "stopped by grace: customers complain" in hall.sentence_of(plan)
    with pytest.raises(NotFoundError, match="model fraud: has no rollout under way"):
        hall.cases.stop("fraud", "grace", "")


def test_what_is_being_promoted_is_not_stopped_half_way(hall: Hall) -> None:
    hall.begin()
    rollout = hall.rollout()
    hall.desk.close()
    for thread in hall.runs.threads:
        thread.join()
    hall.desk.passed(rollout, "it is no worse")

    with pytest.raises(
        ConflictError, match="is being promoted now; once it is the champion, `wellkept models rollback fraud`"
    ):
        hall.cases.stop("fraud", "grace", "wait")
    assert hall.rollout().state is RolloutState.PASSED


def test_a_promotion_that_is_approved_again_is_not_said_to_be_watched(hall: Hall) -> None:
    plan = hall.propose(strategy="blue_green", approval="again")

    assert plan.actions[0].arguments["policy"]["watch_s"] == 0
    assert [action.name for action in plan.actions] == ["roll_out"]


def test_a_rollout_whose_plan_broke_off_after_the_switch_does_not_stay_half_done(hall: Hall) -> None:
    plan = hall.begin(watch_s=600)
    hall.registry.set_alias("fraud", "previous", hall.digest(3), expected=None, at=NOON, by="grace")
    before = hall.registry.aliases

    def moved_meanwhile(model: str) -> dict[str, str]:
        return {alias: digest for alias, digest in before(model).items() if alias != "previous"}

    hall.registry.aliases = moved_meanwhile  # type: ignore[method-assign]
    hall.desk.passed(hall.rollout(), "it is no worse")
    assert hall.settled(plan) is PlanState.FAILED, "the move of `previous` met somebody else's"
    assert (hall.aliases()["champion"], hall.rollout().state) == (2, RolloutState.PASSED)

    hall.look()

    assert hall.rollout().state is RolloutState.DONE
    assert hall.listed() == [(2, "", 1.0)]


def test_a_load_that_failed_once_is_no_reason_to_stop(hall: Hall) -> None:
    hall.begin()
    hall.pass_time(3600)
    hall.server.told = Loaded(troubles={2: "the platform did not answer"})
    assert hall.look() == ["hold"]
    hall.pass_time(30)
    hall.server.told = Loaded(numbers=frozenset({1, 2}))
    assert hall.look() == ["hold"]

    hall.server.told = Loaded(troubles={2: "its bytes have another digest"})
    hall.pass_time(50)
    assert hall.look() == ["hold"], "a new trouble has its own minute"
    hall.pass_time(61)
    assert hall.look() == ["stop"]


@pytest.mark.parametrize("strategy", ["shadow", "canary", "ab", "blue_green"])
def test_the_plan_holds_the_limits_that_nobody_said(hall: Hall, strategy: str) -> None:
    policy = hall.propose(strategy=strategy).actions[0].arguments["policy"]

    assert (policy["confidence"], policy["quality"]["loss"], policy["health"]["errors"]) == (0.95, 0.05, 0.01)
    assert policy["watch_s"] == (600.0 if strategy == "blue_green" else 0)
    assert policy["shares"] == {"canary": [0.2], "ab": [0.5]}.get(strategy, [])


def test_nothing_starts_without_an_approval(hall: Hall) -> None:
    plan = hall.propose()

    assert plan.risk is Risk.HIGH
    assert [action.name for action in plan.actions] == ["roll_out", "promote_model"]
    assert plan.effect == (
        "Version 2 answers 20% of the requests by their entity key, version 1 the others. When it does no harm, it "
        "becomes the champion."
    )
    hall.gate.tick()
    assert hall.rollouts.live() == []


def test_what_is_slow_is_fixed_when_it_is_planned(hall: Hall) -> None:
    assert hall.propose().actions[0].arguments["policy"]["health"]["slow_ms"] == 40.0


def test_a_plan_is_void_when_the_champion_has_changed(hall: Hall) -> None:
    plan = hall.propose()
    hall.registry.set_alias("fraud", CHAMPION, hall.digest(3), expected=hall.digest(1), at=NOON, by="ada")

    with pytest.raises(ConflictError, match="the world changed: alias:fraud@champion"):
        hall.gate.approve(plan.id, plan.hash, "ada", "")


def test_one_rollout_of_a_model_at_a_time(hall: Hall) -> None:
    hall.begin()

    with pytest.raises(ConflictError, match="model fraud: has a rollout under way; `wellkept models stop fraud`"):
        hall.propose(3)


def test_it_stops_when_another_version_is_put_in_front(hall: Hall) -> None:
    plan = hall.begin()
    hall.registry.set_alias("fraud", CHAMPION, hall.digest(3), expected=hall.digest(1), at=NOON, by="ada")

    assert hall.look() == []
    assert hall.settled(plan) is PlanState.FAILED
    assert hall.rollout().sentence == "another version was made the champion"
    assert hall.aliases() == {"champion": 3}


def test_it_goes_on_where_it_was_after_a_crash(hall: Hall) -> None:
    plan = hall.begin()
    hall.pass_time(300)
    hall.look()

    again = hall.crash()
    again.seen.champion, again.seen.challenger = GOOD, MUCH
    assert again.listed() == [(1, "champion", 0.8), (2, "challenger", 0.2)]
    again.pass_time(400)
    assert again.look() == ["promote"]
    assert again.settled(plan) is PlanState.SUCCEEDED
    assert again.aliases()["champion"] == 2
    assert [look.verdict for look in again.rollouts.looks(again.rollout().id)] == ["hold", "promote"]
    assert again.verbs().count("rollout.started") == 1
    again.close()


def test_a_stop_that_was_cut_off_is_told_after_the_start(hall: Hall) -> None:
    plan = hall.begin()
    hall.desk.close()
    for thread in hall.runs.threads:
        thread.join()
    hall.cases.stop("fraud", "grace", "no")

    again = hall.crash()
    assert again.settled(plan) is PlanState.FAILED
    assert again.aliases() == {"champion": 1}
    again.close()


def test_a_shadow_answers_nobody_and_is_judged_by_its_answers(hall: Hall) -> None:
    plan = hall.begin(strategy="shadow")
    assert hall.aliases() == {"champion": 1, "shadow": 2}
    assert hall.listed() == [(1, "champion", 1.0), (2, "shadow", 0.0)]
    hall.seen.challenger = replace(MUCH, requests=10_000)
    hall.pass_time(700)

    assert hall.look() == ["promote"]
    assert hall.settled(plan) is PlanState.SUCCEEDED
    assert hall.aliases()["champion"] == 2


def test_a_second_approval_is_asked_for_where_the_policy_says_so(hall: Hall) -> None:
    plan = hall.begin(approval="again")
    assert [action.name for action in plan.actions] == ["roll_out"]
    hall.seen.challenger = MUCH
    hall.pass_time(700)
    assert hall.look() == ["promote"]
    assert hall.settled(plan) is PlanState.SUCCEEDED
    assert hall.aliases()["champion"] == 1

    hall.look()
    hall.look()
    (promotion,) = hall.gate.plans(state=PlanState.WAITING)
    assert promotion.plan.title == "Promote version 2 of fraud"
    hall.gate.reject(promotion.plan.id, "grace", "not today")
    hall.look()
    assert hall.rollout().state is RolloutState.STOPPED
    assert "its promotion has ended: rejected by grace" in hall.rollout().sentence


def test_blue_green_switches_when_it_is_loaded_and_comes_back_at_once(hall: Hall) -> None:
    plan = hall.begin(strategy="blue_green")
    assert [action.name for action in plan.actions] == ["roll_out", "promote_model", "watch_release"]
    assert hall.listed() == [(1, "champion", 1.0), (2, "standby", 0.0)]
    assert hall.look() == ["hold"]
    hall.server.told = Loaded(frozenset({1, 2}), {})
    assert hall.look() == ["promote"]
    hall.until(lambda: hall.rollout().state is RolloutState.WATCHING)
    assert hall.listed() == [(2, "champion", 1.0), (1, "standby", 0.0)]

    hall.pass_time(60)
    hall.seen.challenger = Side(1000, 200)
    assert hall.look() == ["stop"]
    assert hall.settled(plan) is PlanState.FAILED
    assert hall.aliases() == {"champion": 1}, "a rollback must not propose what was just stopped"
    assert hall.listed() == [(1, "", 1.0)]
    assert "version 1 of fraud is back: 20.00% of its requests fail" in hall.sentence_of(plan)


def test_a_release_that_was_stopped_while_the_server_was_away_goes_back_at_the_start(hall: Hall) -> None:
    hall.server.told = Loaded(frozenset({2}), {})
    plan = hall.begin(strategy="blue_green")
    hall.look()
    hall.until(lambda: hall.rollout().state is RolloutState.WATCHING)
    hall.desk.close()
    for thread in hall.runs.threads:
        thread.join()
    hall.cases.stop("fraud", "grace", "no")
    assert hall.aliases()["champion"] == 2

    again = hall.crash()
    assert again.settled(plan) is PlanState.FAILED
    assert again.aliases() == {"champion": 1}
    again.close()


def test_what_was_the_previous_champion_before_a_stopped_release_is_it_again(hall: Hall) -> None:
    hall.registry.set_alias("fraud", "previous", hall.digest(3), expected=None, at=NOON, by="ada")
    plan = hall.begin(strategy="blue_green")
    hall.server.told = Loaded(frozenset({1, 2}), {})
    hall.look()
    hall.until(lambda: hall.rollout().state is RolloutState.WATCHING)
    assert hall.aliases()["previous"] == 1

    hall.pass_time(60)
    hall.seen.challenger = Side(1000, 200)
    assert hall.look() == ["stop"]

    assert hall.settled(plan) is PlanState.FAILED
    assert hall.aliases() == {"champion": 1, "previous": 3}
    assert rollback_plan(hall.registry, "fraud", NOON, "ada", "").title.startswith("Promote version 3 of fraud")


def test_unnamed_is_the_newest_version_that_passed_its_gates(hall: Hall) -> None:
    for number, state in ((4, VersionState.UNJUDGED), (5, VersionState.REFUSED)):
        hall.registry.register(replace(hall.versions[1], digest=f"sha256:{number}", number=number, state=state))

    plan = hall.cases.propose("fraud", "", {}, "ada")["plan"]

    assert plan["title"] == "Canary rollout of version 3 of fraud"


def test_where_no_version_passed_its_gates_one_must_be_named(hall: Hall) -> None:
    hall.registry.save_contract("churn", CONTRACT, "sha256:0", NOON)
    hall.registry.register(replace(hall.versions[1], model="churn", digest="sha256:c", state=VersionState.UNJUDGED))

    with pytest.raises(
        NotFoundError, match="model churn: has no version that passed its gates; one that nobody has judged"
    ):
        hall.cases.propose("churn", "", {}, "ada")


def test_a_release_that_did_no_harm_is_done_after_its_watch(hall: Hall) -> None:
    hall.server.told = Loaded(frozenset({2}), {})
    plan = hall.begin(strategy="blue_green", watch_s=60)
    hall.look()
    hall.until(lambda: hall.rollout().state is RolloutState.WATCHING)
    hall.seen.challenger = MUCH
    assert hall.look() == ["hold"]
    hall.pass_time(61)
    assert hall.look() == []

    assert hall.settled(plan) is PlanState.SUCCEEDED
    assert hall.rollout().state is RolloutState.DONE


def test_a_version_that_cannot_be_loaded_is_stopped(hall: Hall) -> None:
    hall.begin()
    hall.server.told = Loaded(frozenset({1}), {2: "format 'tea' is not known"})

    assert hall.look() == ["hold"]
    hall.pass_time(60)
    assert hall.look() == ["stop"]
    assert hall.rollout().sentence == "it cannot be loaded: format 'tea' is not known"


def test_it_is_all_that_is_told(hall: Hall) -> None:
    hall.begin(shares=[0.1, 0.5])
    hall.look()

    (listed,) = hall.cases.all()
    shown = hall.cases.show("fraud")
    assert listed["versions"] == {"champion": 1, "challenger": 2}
    assert (listed["share"], listed["steps"], listed["state"]) == (0.1, [0.1, 0.5], "running")
    assert listed["look"]["verdict"] == "hold"
    assert shown["policy"]["strategy"] == "canary"
    assert [look["verdict"] for look in shown["looks"]] == ["hold"]


def test_a_rule_of_several_parts_names_their_values_once(hall: Hall) -> None:
    with pytest.raises(InputError) as caught:
        hall.propose(shares=[0.5, 0.1])

    assert str(caught.value).count("got") == 1


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"strategy": "big_bang"}, "rollout.strategy: Input should be 'shadow', 'canary', 'ab' or 'blue_green'"),
        ({"shares": [0.5, 0.1]}, "rollout: shares must grow from step to step, got 0.5, 0.1"),
        (
            {"strategy": "shadow", "shares": [0.5]},
            "rollout: shares must be those of a canary or an A/B test, got shadow",
        ),
        ({"watch_s": 60, "approval": "again"}, "rollout: watch_s needs approval: once"),
        ({"shares": [1.5]}, "rollout.shares.0: Input should be less than 1, got 1.5"),
        ({"speed": 3}, "rollout.speed: Extra inputs are not permitted, got 3"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_named(hall: Hall, policy: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as raised:
        hall.cases.propose("fraud", "2", policy)

    assert words in str(raised.value)


def test_there_must_be_something_to_compare_with(hall: Hall) -> None:
    with pytest.raises(ConflictError, match="version 1 of fraud: is live already"):
        hall.propose(1)
    hall.registry.set_alias("fraud", CHAMPION, "", expected=hall.digest(1), at=NOON, by="ada")
    with pytest.raises(ConflictError, match="there is no champion to compare it with"):
        hall.propose(2)


def test_a_plan_calls_its_strategy_as_people_do(hall: Hall) -> None:
    assert hall.propose(3, strategy="ab").title == "A/B rollout of version 3 of fraud"


def test_a_version_of_other_inputs_cannot_answer_the_same_requests(hall: Hall) -> None:
    hall.releases.other = CONTRACT.replace("{name: amount}", "{name: amount}, {name: risk}")

    with pytest.raises(ConflictError, match=r"version 3 of fraud: takes other inputs than the champion \(risk\)"):
        hall.propose(3)
    assert hall.propose(3, strategy="blue_green").title == "Blue-green rollout of version 3 of fraud"


@pytest.mark.parametrize("state", [VersionState.REFUSED, VersionState.UNJUDGED])
def test_what_has_not_passed_its_gates_gets_no_traffic(hall: Hall, state: VersionState) -> None:
    hall.registry.update(replace(hall.versions[1], state=state))

    with pytest.raises(InputError, match="version 2 of fraud: "):
        hall.propose(2)


def test_a_long_rollout_keeps_few_looks(hall: Hall) -> None:
    hall.begin()
    rollout, start = hall.rollout(), hall.clock.now()
    for minute in range(600):
        hall.rollouts.note(rollout, Look(start + timedelta(minutes=minute), 0, "hold", "missing are labels"))
    hall.rollouts.note(rollout, Look(start + timedelta(minutes=600), 0, "stop", "it does harm"))

    kept = hall.rollouts.looks(rollout.id)
    assert len(kept) < 350
    assert (kept[0].at, kept[-1].verdict) == (start, "stop")

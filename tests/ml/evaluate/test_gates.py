"""The gates of release: every condition with its value and its limit, and none that passes on nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ml.workshop import CONTRACT, NOON

from wellkept.kernel.errors import DocumentError
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.evaluate.checks.rows import MIN_POSITIVES
from wellkept.ml.evaluate.stage import judge, measure
from wellkept.ml.evidence import Shared
from wellkept.ml.metrics import Array
from wellkept.ml.outcome import Outcome

RANDOM = np.random.default_rng(4)
LABEL = (RANDOM.random(400) < 0.25).astype(np.float64)
GOOD = np.clip(LABEL * 0.6 + RANDOM.random(400) * 0.4, 0, 1)
POOR = np.clip(LABEL * 0.1 + RANDOM.random(400) * 0.9, 0, 1)
DIGEST = "sha256:" + "0" * 64


def contract(
    gates: str,
    task: str = "binary_classification",
    primary: str = "roc_auc",
    others: str = "[]",
    output: str = "{}",
) -> ModelContract:
    return parse_contract(
        f"name: fraud\ntask: {task}\nowner: risk\ninputs: [{{name: amount}}, {{name: risk, nullable: true}}]\n"
        f"metrics: {{primary: {primary}, others: {others}}}\noutput: {output}\ngates: {gates}"
    )


def outcome(
    label: Array = LABEL,
    challenger: Array = GOOD,
    champion: Array | None = None,
    latency_ms: float = 1.0,
    nulls: Mapping[str, float] | None = None,
) -> Outcome:
    return Outcome(label, challenger, champion, latency_ms, nulls or {})


def judged(gates: str, given: Outcome, **words: Any) -> Verdict:
    return judge(contract(gates, **words), given, DIGEST, NOON)


def check(verdict: Verdict, name: str) -> Check:
    return next(found for found in verdict.checks if found.name == name)


def test_all_gates_passed() -> None:
    verdict = judged(
        "[{metric: roc_auc, at_least: 0.8}, {metric: brier, at_most: 0.3}, {latency_p99_ms: 5}]", outcome()
    )

    assert (verdict.judgement, verdict.sentence) == (Judgement.PASS, "5 of 5 checks passed")
    assert (verdict.subject, verdict.kind, verdict.at) == (DIGEST, "gate", NOON)
    assert check(verdict, "roc_auc").limit == ">= 0.8"
    assert check(verdict, "brier").limit == "<= 0.3"


@pytest.mark.parametrize(
    ("gates", "given", "name", "words"),
    [
        ("[{metric: roc_auc, at_least: 0.9}]", outcome(challenger=POOR), "roc_auc", "must be >= 0.9"),
        ("[{metric: brier, at_most: 0.01}]", outcome(), "brier", "must be <= 0.01"),
        ("[{latency_p99_ms: 5}]", outcome(latency_ms=7.5), "latency_p99_ms", "7.50 ms at the 99th percentile"),
        (
            "[{versus_champion: roc_auc}]",
            outcome(challenger=POOR, champion=GOOD),
            "roc_auc versus champion",
            "400 rows",
        ),
        (
            "[{versus_champion: brier}]",
            outcome(challenger=POOR, champion=GOOD),
            "brier versus champion",
            "the champion's",
        ),
        (
            "[{versus_champion: roc_auc, margin: 0.5}]",
            outcome(champion=POOR),
            "roc_auc versus champion",
            "difference +0.",
        ),
        ("[]", outcome(nulls={"amount": 0.1}), "schema", "input amount has nulls"),
        ("[]", outcome(challenger=np.full(400, np.nan)), "schema", "some scores are not finite numbers"),
        ("[]", outcome(challenger=np.full(400, np.inf)), "schema", "some scores are not finite numbers"),
        (
            "[]",
            outcome(challenger=np.linspace(0, 2, 400)),
            "schema",
            "200 of 400 scores are no probability from 0 to 1",
        ),
    ],
)
def test_a_gate_that_is_not_passed_says_why(gates: str, given: Outcome, name: str, words: str) -> None:
    verdict = judged(gates, given)

    assert verdict.judgement is Judgement.FAIL
    assert not check(verdict, name).passed
    assert words in check(verdict, name).sentence
    assert check(verdict, name).sentence in verdict.sentence


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "brier"])
def test_the_champion_is_beaten_in_the_metrics_own_direction(metric: str) -> None:
    gates = f"[{{versus_champion: {metric}, margin: 0.01}}]"

    better = check(judged(gates, outcome(champion=POOR)), f"{metric} versus champion")
    worse = check(judged(gates, outcome(challenger=POOR, champion=GOOD)), f"{metric} versus champion")

    assert (better.passed, worse.passed) == (True, False)
    assert better.value.startswith("better by 0.")
    assert worse.value.startswith("better by -0.")
    assert better.limit == ">= 0.01"


def test_as_good_as_the_champion_is_enough_without_a_margin() -> None:
    assert judged("[{versus_champion: roc_auc}]", outcome(champion=GOOD)).judgement is Judgement.PASS


def test_without_a_champion_there_is_nothing_to_beat() -> None:
    verdict = judged("[{versus_champion: roc_auc}]", outcome())

    assert verdict.judgement is Judgement.PASS
    assert "no champion" in check(verdict, "roc_auc versus champion").sentence


@pytest.mark.parametrize(
    ("champion", "limit", "passed", "value"),
    [
        (GOOD, 0.0, True, "0.0000"),
        (None, 0.0, True, "no champion"),
        (1 - GOOD, 0.2, False, "1.0000"),
        (np.where(np.arange(400) < 60, 1 - GOOD, GOOD), 0.2, True, "0.1500"),
    ],
)
def test_decisions_may_change_on_a_share_of_the_rows(
    champion: Array | None, limit: float, passed: bool, value: str
) -> None:
    gates = f"[{{changed_at_most: {limit}}}]"

    found = check(judged(gates, outcome(champion=champion), output="{threshold: 0.5}"), "changed decisions")

    assert (found.passed, found.value) == (passed, value)
    if value == "1.0000":
        assert "100.0% of the 400 rows are decided otherwise than by the champion" in found.sentence


def test_a_score_is_no_decision_without_a_threshold() -> None:
    with pytest.raises(DocumentError, match=r"changed_at_most needs output\.threshold"):
        judged("[{changed_at_most: 0.2}]", outcome())


def test_nulls_are_fine_where_the_contract_allows_them() -> None:
    assert judged("[]", outcome(nulls={"amount": 0.0, "risk": 0.4})).judgement is Judgement.PASS


GATES = [
    "[{metric: roc_auc, at_least: 0}]",
    "[{metric: average_precision, at_least: 0}]",
    "[{metric: brier, at_most: 1}]",
    "[{versus_champion: roc_auc, margin: -1}]",
    "[{versus_champion: brier, margin: -1}]",
    "[{latency_p99_ms: 1000}]",
    "[]",
]


@pytest.mark.parametrize("gates", GATES)
@pytest.mark.parametrize("count", [0, 1, 50])
@pytest.mark.parametrize("is_fraud", [0.0, 1.0])
def test_no_gate_passes_on_rows_of_one_class(gates: str, count: int, is_fraud: float) -> None:
    label, score = np.full(count, is_fraud), np.full(count, 0.5)

    verdict = judged(gates, outcome(label, score, score))

    assert verdict.judgement is Judgement.FAIL
    assert check(verdict, "held-out positives").value == "0"


@given(st.integers(0, 30), st.integers(0, 30))
def test_both_classes_must_be_there_often_enough(positives: int, negatives: int) -> None:
    label = np.array([1.0] * positives + [0.0] * negatives)

    verdict = judged("[]", outcome(label, label))

    assert (verdict.judgement is Judgement.PASS) == (min(positives, negatives) >= MIN_POSITIVES)


@pytest.mark.parametrize("gates", ["[{metric: rmse, at_most: 100}]", "[{versus_champion: mae, margin: -100}]", "[]"])
def test_no_gate_of_a_regression_passes_on_no_rows(gates: str) -> None:
    nothing = np.empty(0)

    verdict = judged(gates, outcome(nothing, nothing, nothing), task="regression", primary="rmse")

    assert verdict.judgement is Judgement.FAIL
    assert not check(verdict, "held-out rows").passed


def test_a_regression_is_judged_by_its_errors() -> None:
    label = np.linspace(0, 10, 50)

    verdict = judged("[{metric: rmse, at_most: 1}]", outcome(label, label + 0.5), task="regression", primary="rmse")

    assert verdict.judgement is Judgement.PASS
    assert check(verdict, "rmse").value == "0.5000"


def test_the_contracts_metrics_are_measured_and_those_without_a_meaning_are_left_out() -> None:
    wanted = contract("[]", others="[average_precision, brier]")

    assert measure(wanted, outcome()).keys() == {"roc_auc", "average_precision", "brier"}
    assert measure(wanted, outcome(np.zeros(5), np.zeros(5))) == {"brier": 0.0}


def test_the_same_outcome_gives_the_same_verdict() -> None:
    gates = "[{versus_champion: roc_auc}, {metric: roc_auc, at_least: 0.8}]"

    assert judged(gates, outcome(champion=POOR)) == judged(gates, outcome(champion=POOR))


def test_the_gates_are_the_contracts_own() -> None:
    verdict = judge(parse_contract(CONTRACT), outcome(), DIGEST, NOON)

    assert [found.name for found in verdict.checks] == ["schema", "held-out positives", "roc_auc"]


def grouped(task: str, **more: Any) -> Outcome:
    """Forty rows of five items (or users), with all that a judge may look at."""
    random = np.random.default_rng(6)
    group = np.repeat(np.arange(8), 5).astype(np.int64)
    if task == "ranking":
        place = random.integers(1, 30, 40).astype(np.float64)
        return Outcome(np.ones(40), place, place + 3, 1.0, {}, **{"baseline": place * 4, "group": group, **more})
    label = random.poisson(20, 40).astype(np.float64)
    own = {"baseline": label + 9, "group": group, "scale": np.full(40, 5.0), "scale_squared": np.full(40, 30.0)}
    return Outcome(label, label + random.normal(size=40), label + 3, 1.0, {}, **{**own, **more})


def of_task(task: str, gates: str, more: str = "") -> ModelContract:
    """The smallest contract of a task."""
    inputs = (
        "[{name: user, type: int}, {name: item, type: int}]" if task == "ranking" else "[{name: risk, nullable: true}]"
    )
    part = {"forecasting": "forecast: {horizon: 5, season: 7}", "ranking": "ranking: {}"}.get(task, "")
    primary = {"forecasting": "mase", "ranking": "ndcg@10", "multiclass_classification": "accuracy"}.get(
        task, "roc_auc"
    )
    head = f"name: shop\ntask: {task}\nowner: us\ninputs: {inputs}\n{part}\n{more}\n"
    return parse_contract(f"{head}metrics: {{primary: {primary}}}\ngates: {gates}")


@pytest.mark.parametrize(
    ("task", "gates"),
    [
        (
            "forecasting",
            "[{metric: mase, at_most: 1}, {versus_champion: wape}, {versus_baseline: mase, confident: true}]",
        ),
        ("ranking", "[{metric: recall@20, at_least: 0.2}, {versus_champion: map@5}, {versus_baseline: ndcg@10}]"),
    ],
)
def test_forecasts_and_rankings_pass_the_same_kinds_of_gates(task: str, gates: str) -> None:
    verdict = judge(of_task(task, gates), grouped(task), DIGEST, NOON)

    assert verdict.judgement is Judgement.PASS, verdict.sentence
    assert any("90 % interval" in found.sentence for found in verdict.checks)


EVERY_GATE = {
    "binary_classification": [
        "{metric: roc_auc, at_least: 0}",
        "{metric: calibration_error, at_most: 1}",
        "{metric: custom.saved, at_least: -1000000}",
        "{versus_champion: roc_auc, margin: -1}",
        "{versus_baseline: brier, margin: -1}",
        "{slice: plan, drop: 1000, min_rows: 10}",
        "{missing_drop: 1000}",
        "{alone_at_most: 1}",
        "{latency_p99_ms: 1000}",
    ],
    "multiclass_classification": ["{metric: accuracy, at_least: 0}", "{versus_baseline: macro_f1, margin: -1}"],
    "forecasting": ["{metric: mase, at_most: 1000}", "{versus_champion: wape, margin: -9}", "{latency_p99_ms: 1000}"],
    "ranking": ["{metric: ndcg@10, at_least: 0}", "{versus_baseline: recall@5, margin: -9}", "{latency_p99_ms: 1000}"],
}


@pytest.mark.parametrize(("task", "gate"), [(task, gate) for task, gates in EVERY_GATE.items() for gate in gates])
def test_no_gate_of_any_task_passes_on_no_data(task: str, gate: str) -> None:
    none = np.empty(0)
    nothing = Outcome(
        none, none, none, 1.0, {}, baseline=none, group=np.empty(0, dtype=np.int64), scale=none, scale_squared=none,
        slices={"plan": np.empty(0, dtype=np.str_)}, missing={"risk": none}, alone={"risk": 0.0},
    )  # fmt: skip

    more = "slices: [plan]" if task == "binary_classification" else ""
    assert judge(of_task(task, f"[{gate}]", more), nothing, DIGEST, NOON).judgement is Judgement.FAIL


@pytest.mark.parametrize("gate", [gate for gate in EVERY_GATE["binary_classification"] if "latency" not in gate])
def test_a_gate_that_was_given_nothing_to_look_at_fails_by_itself(gate: str) -> None:
    """Rows there are, but none of what this gate needs: it must not hide behind the others."""
    found = judge(of_task("binary_classification", f"[{gate}]", "slices: [plan]"), outcome(), DIGEST, NOON)

    needs_rows_alone = ("roc_auc, at_least", "calibration_error", "versus_champion")
    assert (found.judgement is Judgement.PASS) == any(word in gate for word in needs_rows_alone)


def test_the_worst_slice_is_named() -> None:
    plan = np.array(["gold", "basic"])[(RANDOM.random(400) < 0.3).astype(int)]
    score = np.where(plan == "basic", POOR, GOOD)
    given = replace(outcome(challenger=score), slices={"plan": plan})
    wanted = of_task("binary_classification", "[{slice: plan, drop: 0.1, min_rows: 50}]", "slices: [plan]")

    found = check(judge(wanted, given, DIGEST, NOON), "slices by plan")

    assert not found.passed
    assert "worst where plan is basic" in found.sentence


def test_a_slice_of_which_few_happened_may_be_looked_at_by_another_metric() -> None:
    """Where few happened, average precision is low however well they are told apart."""
    random = np.random.default_rng(5)
    is_loyal = random.random(4000) < 0.5
    label = (random.random(4000) < np.where(is_loyal, 0.02, 0.3)).astype(float)
    score = np.clip(0.3 + 0.2 * label + random.normal(0, 0.1, 4000), 0, 1)
    given = replace(outcome(label=label, challenger=score), slices={"plan": np.where(is_loyal, "loyal", "new")})
    gates = "[{slice: plan, drop: 0.1}, {slice: plan, of: roc_auc, drop: 0.1}]"

    by_precision, by_area = judged(gates + "\nslices: [plan]", given, primary="average_precision").checks[-2:]

    assert not by_precision.passed
    assert re.search(r"worst where plan is loyal: .*; 2.0% of these happened, 15.0% of all", by_precision.sentence)
    assert (by_area.passed, by_area.name) == (True, "roc_auc of slices by plan"), by_area.sentence


def test_slices_that_are_all_too_small_do_not_pass() -> None:
    given = replace(outcome(), slices={"plan": np.array([f"p{n // 20}" for n in range(400)])})
    wanted = of_task("binary_classification", "[{slice: plan, min_rows: 50}]", "slices: [plan]")

    assert "no value of plan has 50 held-out rows" in judge(wanted, given, DIGEST, NOON).sentence


def test_a_model_that_needs_an_input_that_may_be_missing_is_found() -> None:
    given = replace(outcome(), missing={"risk": np.full(400, 0.5)})
    wanted = of_task("binary_classification", "[{missing_drop: 0.2}]")

    found = check(judge(wanted, given, DIGEST, NOON), "missing inputs")

    assert not found.passed
    assert found.sentence.startswith("without risk, roc_auc is worse by 0.")


def test_a_column_that_knows_the_answer_is_found_unless_it_is_allowed() -> None:
    given = replace(outcome(), alone={"risk": 0.995, "amount": 0.6})

    strict = judge(of_task("binary_classification", "[]"), given, DIGEST, NOON)
    allowed = judge(of_task("binary_classification", "[{alone_at_most: 1}]"), given, DIGEST, NOON)

    assert strict.judgement is Judgement.FAIL
    assert "risk alone tells 0.995" in strict.sentence
    assert allowed.judgement is Judgement.PASS


def test_a_confident_gate_wants_the_whole_interval() -> None:
    poor = outcome(challenger=POOR)
    value = measure(contract("[]"), poor)["roc_auc"]
    gate = f"{{metric: roc_auc, at_least: {value - 1e-3:.5f}"

    assert judged(f"[{gate}}}]", poor).judgement is Judgement.PASS
    assert judged(f"[{gate}, confident: true}}]", poor).judgement is Judgement.FAIL
    assert judged("[{versus_champion: roc_auc}]", outcome(champion=GOOD)).judgement is Judgement.PASS
    closer = "[{versus_champion: roc_auc, margin: 0.0001, confident: true}]"
    assert judged(closer, outcome(champion=GOOD)).judgement is Judgement.FAIL


def test_a_projects_own_metric_has_its_floor() -> None:
    given = replace(outcome(), own={"saved": 7.0})

    assert judged("[{metric: custom.saved, at_least: 5}]", given).judgement is Judgement.PASS
    assert judged("[{metric: custom.saved, at_least: 9}]", given).judgement is Judgement.FAIL
    assert "does not say lost" in judged("[{metric: custom.lost, at_least: 0}]", given).sentence


def test_rows_that_the_champion_was_trained_on_are_left_out_of_the_comparison() -> None:
    """On the older rows the champion knows the answers by heart; on the newer ones it is poor."""
    by_heart = np.where(np.arange(400) < 150, LABEL, POOR)
    given = replace(outcome(champion=by_heart), at=np.arange(400.0))
    gates = "[{versus_champion: roc_auc, margin: 0.0}]"

    fair = check(judged(gates, replace(given, champion_until=149.0)), "roc_auc versus champion")
    unknown = check(judged(gates, given), "roc_auc versus champion")
    most = check(judged(gates, replace(given, champion_until=300.0)), "roc_auc versus champion")

    assert "on the same 250 rows" in fair.sentence
    assert "150 more are left out" in fair.sentence
    assert float(fair.value.split()[-1]) > float(unknown.value.split()[-1])
    assert "on the same 400 rows" in most.sentence
    assert "trained on 301 of them" in most.sentence


@pytest.mark.parametrize(
    ("found", "name", "words"),
    [
        (Shared(100, late=3), "time order", "3 training rows are newer"),
        (Shared(100, entities=2), "groups apart", "2 values of card are on both sides"),
        (Shared(100, encoded=["risk"]), "target encoding", "risk is the mean label by value over all rows"),
        (Shared(100, same=30, sampled=100), "shared rows", "30 of 100 held-out rows are training rows again"),
        (Shared(100, sampled=100, near=3), "shared rows", "3 are near copies"),
        (Shared(100, sampled=100, made=40), "shared rows", "SMOTE) before the split"),
    ],
)
def test_what_the_sides_share_fails_without_a_gate(found: Shared, name: str, words: str) -> None:
    wanted = contract("[]").model_copy(update={"group_by": "card"})
    given = replace(outcome(), at=np.arange(400.0), shared=found)

    verdict = judge(wanted, given, DIGEST, NOON)

    assert not check(verdict, name).passed
    assert words in check(verdict, name).sentence
    assert judge(wanted, replace(given, shared=Shared(100)), DIGEST, NOON).judgement is Judgement.PASS


def test_rows_that_are_shared_rightly_can_be_allowed() -> None:
    given = replace(outcome(), shared=Shared(100, same=30, sampled=100))

    assert judged("[{shared_rows_at_most: 0.5}]", given).judgement is Judgement.PASS
    assert judged("[{shared_rows_at_most: 0.2}]", given).judgement is Judgement.FAIL


def test_a_slice_that_is_worse_by_chance_passes_and_says_so() -> None:
    plan = np.array([f"p{n % 13}" for n in range(400)])

    found = check(
        judge(
            of_task("binary_classification", "[{slice: plan, drop: 0.001, min_rows: 10}]", "slices: [plan]"),
            replace(outcome(challenger=POOR), slices={"plan": plan}),
            DIGEST,
            NOON,
        ),
        "slices by plan",
    )

    assert found.passed
    assert "so much comes by chance" in found.sentence

"""A sick system is told from a changed world: cases with a known answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.ml.watch.life import CONTRACT, FEEDER, NOON

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import stable_id
from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.kernel.verdict import Judgement
from wellkept.ml.contract import parse_contract
from wellkept.ml.retrain.triage import Case, outages, triage
from wellkept.ml.watch.places import places
from wellkept.spine.graph import Graph

MODEL = "model:fraud"
HOST = "host:h1"
STORE = "service:shop/feature-store"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def finding(entity: str, kind: FindingKind, start_s: float, end_s: float | None = None) -> Finding:
    return Finding(
        fingerprint=stable_id("fp", entity, kind),
        detector="test",
        detector_version="1",
        entity=entity,
        kind=kind,
        severity=Severity.ERROR,
        score=0.9,
        score_meaning="",
        starts_at=at(start_s),
        sentence=f"{kind} of {entity}.",
        ends_at=None if end_s is None else at(end_s),
    )


def incident(*findings: Finding) -> tuple[Incident, tuple[Finding, ...]]:
    first = findings[0]
    members = tuple(Member(f.id, f.entity, f.starts_at, "because") for f in findings)
    found = Incident(
        stable_id("inc", first.id), "trouble", IncidentState.OPEN, Severity.ERROR, first.starts_at, at(900), members
    )
    return found, findings


def graph(host: str = "shop-1") -> Graph:
    entities, edges = places(parse_contract(CONTRACT), 1, NOON)
    more = [(FEEDER, EntityKind.SERVICE), (STORE, EntityKind.SERVICE), (HOST, EntityKind.HOST)]
    links = [(FEEDER, STORE, EdgeKind.CALLS), (FEEDER, HOST, EdgeKind.RUNS_ON)]
    entities += [Entity(kind, id_, host if id_ == HOST else id_.rpartition("/")[2]) for id_, kind in more]
    return Graph(entities, [*edges, *(Edge(a, b, kind, NOON) for a, b, kind in links)])


def case(
    *suspicions: Finding,
    incidents: tuple[tuple[Incident, tuple[Finding, ...]], ...] = (),
    lately: tuple[Finding, ...] = (),
    changes: tuple[Change, ...] = (),
    labelled: int = 1000,
    are_labels_known: bool = True,
) -> Case:
    return Case(
        contract=parse_contract(CONTRACT),
        suspicions=suspicions,
        lately=lately,
        incidents={found.id: (found, members) for found, members in incidents},
        graph=graph(),
        changes=changes,
        labelled=labelled,
        are_labels_known=are_labels_known,
        now=at(900),
    )


NULLS = finding("feature:fraud/risk_7d", FindingKind.DATA_QUALITY, 610)
SCORES = finding(MODEL, FindingKind.DRIFT, 615)
WORSE = finding(MODEL, FindingKind.PERFORMANCE, 605)
DRIFT = finding("feature:fraud/risk_7d", FindingKind.DRIFT, 610)
AMOUNT = finding("feature:fraud/amount", FindingKind.DRIFT, 610)
SLOW = finding(FEEDER, FindingKind.ANOMALY, 600)


def test_broken_inputs_under_a_slow_feeder_are_broken_upstream() -> None:
    one = incident(SLOW, NULLS, SCORES)
    verdict = triage(case(NULLS, SCORES, WORSE, incidents=(one,)))
    assert verdict.judgement is Judgement.BROKEN_UPSTREAM
    assert verdict.incident == one[0].id
    assert FEEDER in verdict.sentence
    assert "held" in verdict.sentence
    failed = {check.name for check in verdict.checks if not check.passed}
    assert failed == {"upstream is well", "upstream does not explain it"}


def test_broken_inputs_alone_are_broken_upstream_and_name_who_feeds_them() -> None:
    verdict = triage(case(NULLS, SCORES))
    assert verdict.judgement is Judgement.BROKEN_UPSTREAM
    assert FEEDER in verdict.sentence


def test_what_is_unwell_is_told_by_its_name() -> None:
    named = replace(case(DRIFT, incidents=(incident(finding(HOST, FindingKind.ANOMALY, 600)),)), graph=graph("db-1"))

    verdict = triage(named)

    assert "host:db-1" in verdict.sentence
    assert next(check.value for check in verdict.checks if check.name == "upstream is well") == "host:db-1"
    assert FEEDER in triage(case(SLOW, DRIFT, incidents=(incident(SLOW, DRIFT),))).sentence


@pytest.mark.parametrize("sick", [FEEDER, STORE, HOST])
def test_a_drifted_input_is_explained_by_its_feeder_and_what_that_stands_on(sick: str) -> None:
    trouble = finding(sick, FindingKind.ANOMALY, 600)
    verdict = triage(case(DRIFT, incidents=(incident(trouble),)))
    assert verdict.judgement is Judgement.BROKEN_UPSTREAM


def test_lost_performance_with_a_healthy_upstream_is_a_real_shift() -> None:
    verdict = triage(case(WORSE))
    assert verdict.judgement is Judgement.REAL_SHIFT
    assert all(check.passed for check in verdict.checks)


def test_a_slow_host_without_broken_inputs_explains_no_lost_performance() -> None:
    trouble = finding(HOST, FindingKind.ANOMALY, 600)
    assert triage(case(WORSE, incidents=(incident(trouble),))).judgement is Judgement.REAL_SHIFT


def test_a_forecast_upstream_has_had_no_effect_yet() -> None:
    leak = finding(FEEDER, FindingKind.FORECAST, 600)
    assert triage(case(WORSE, AMOUNT, incidents=(incident(leak),))).judgement is Judgement.REAL_SHIFT


def test_trouble_that_was_over_before_explains_nothing() -> None:
    over = finding(FEEDER, FindingKind.ANOMALY, 100, 200)
    nulls = finding("feature:fraud/risk_7d", FindingKind.DATA_QUALITY, 100, 210)
    assert triage(case(WORSE, incidents=(incident(over, nulls),), lately=(nulls,))).judgement is Judgement.REAL_SHIFT


def test_lost_performance_is_explained_by_inputs_that_were_broken_when_it_began() -> None:
    nulls = finding("feature:fraud/risk_7d", FindingKind.DATA_QUALITY, 580, 700)
    assert triage(case(WORSE, lately=(nulls,))).judgement is Judgement.BROKEN_UPSTREAM


@pytest.mark.parametrize(
    ("first_s", "last_s", "judgement"),
    [(540, 640, Judgement.BROKEN_UPSTREAM), (720, 860, Judgement.REAL_SHIFT)],
    ids=["made in the outage", "made after it"],
)
def test_performance_is_explained_by_what_the_predictions_that_it_is_judged_on_were_made_of(
    first_s: float, last_s: float, judgement: Judgement
) -> None:
    """A bad patch long before the outage dates the loss; what it was made of is what counts."""
    nulls = finding("feature:fraud/risk_7d", FindingKind.DATA_QUALITY, 580, 700)
    judged = Evidence("average_precision", window_start=at(first_s), window_end=at(last_s))
    worse = replace(finding(MODEL, FindingKind.PERFORMANCE, 400), evidence=(judged,))
    assert triage(case(worse, lately=(nulls,))).judgement is judgement


def test_an_input_of_the_request_is_not_explained_by_a_feeder_of_others() -> None:
    verdict = triage(case(AMOUNT, incidents=(incident(SLOW),)))
    assert verdict.judgement is Judgement.UNKNOWN


def test_moved_inputs_and_kept_performance_are_no_reason_to_retrain() -> None:
    verdict = triage(case(AMOUNT))
    assert verdict.judgement is Judgement.UNKNOWN
    assert "no reason to retrain" in verdict.sentence


def test_moved_inputs_wait_for_their_labels() -> None:
    verdict = triage(case(AMOUNT, labelled=3))
    assert verdict.judgement is Judgement.UNKNOWN
    assert "not known yet" in verdict.sentence


def test_without_any_labels_moved_inputs_have_to_do() -> None:
    assert triage(case(AMOUNT, labelled=0, are_labels_known=False)).judgement is Judgement.REAL_SHIFT


def test_worse_right_after_a_promotion_points_at_the_promotion() -> None:
    promoted = Change(MODEL, ChangeKind.PROMOTION, at(570), "ada", "version 2 of fraud is live")
    verdict = triage(case(WORSE, changes=(promoted,)))
    assert verdict.judgement is Judgement.UNKNOWN
    assert "rollback fraud" in verdict.sentence


def test_a_first_version_has_nothing_to_go_back_to() -> None:
    first = Change(MODEL, ChangeKind.PROMOTION, at(570), "ada", "version 1 of fraud is live", "", {"before": ""})
    verdict = triage(case(WORSE, changes=(first,)))
    assert verdict.judgement is Judgement.REAL_SHIFT
    assert "rollback" not in verdict.sentence


def test_outages_are_the_spans_of_broken_inputs_and_their_cause_joined() -> None:
    slow = finding(FEEDER, FindingKind.ANOMALY, 100, 200)
    nulls = finding("feature:fraud/risk_7d", FindingKind.DATA_QUALITY, 110, 230)
    host_only = finding(HOST, FindingKind.ANOMALY, 400, 450)
    now = case(WORSE, incidents=(incident(slow, nulls), incident(host_only)), lately=(nulls,))
    slack = 60
    assert outages(now) == [(at(100 - slack), at(230 + slack))]


def test_the_same_case_gives_the_same_verdict() -> None:
    one = incident(SLOW, NULLS, SCORES)
    assert triage(case(NULLS, SCORES, incidents=(one,))) == triage(case(NULLS, SCORES, incidents=(one,)))

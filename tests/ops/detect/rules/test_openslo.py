"""OpenSLO documents as others write them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wellkept.kernel.errors import DocumentError
from wellkept.kernel.finding import Severity
from wellkept.ops.detect.rules.loading import load_text
from wellkept.ops.detect.rules.slo.base import OfEvents, OfShare, Slices
from wellkept.ops.detect.rules.slo.findings import sentence

WHOLE = """
apiVersion: openslo/v1
kind: Service
metadata: {name: web, displayName: The website}
spec: {description: what people see}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: availability}
spec:
  ratioMetric:
    counter: true
    good:
      metricSource: {type: Prometheus, spec: {query: 'sum(http_total{code!~"5.."})'}}
    total:
      metricSource: {type: Prometheus, spec: {query: sum(http_total)}}
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast}
spec:
  severity: page
  condition: {kind: burnrate, op: gte, threshold: 14.4, lookbackWindow: 1h, alertAfter: 5m}
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: burns}
spec:
  alertWhenBreaching: true
  conditions: [{conditionRef: fast}]
  notificationTargets: [{targetRef: pager}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: web-availability, displayName: Website availability, labels: {team: web, tier: [gold, silver]}}
spec:
  service: web
  indicatorRef: availability
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
  alertPolicies: [burns]
"""
ONE = """
apiVersion: openslo/v1
kind: SLO
metadata: {{name: a}}
spec:
  service: s
  indicator: {{spec: {{{indicator}}}}}
  timeWindow: [{window}]
  budgetingMethod: {method}
  objectives: [{objective}]
"""
RAW = "ratioMetric: {rawType: failure, raw: {metricSource: {spec: {query: errors_share}}}}"
THRESHOLD = "thresholdMetric: {metricSource: {type: Prometheus, spec: {promql: latency_p99}}}"
ROLLING = "{duration: 7d, isRolling: true}"


def one(
    indicator: str = RAW, window: str = ROLLING, method: str = "Occurrences", objective: str = "{target: 0.9}"
) -> str:
    return ONE.format(indicator=indicator, window=window, method=method, objective=objective)


def test_documents_that_refer_to_one_another_are_one_objective() -> None:
    (slo,) = load_text(WHOLE, "web.yaml").slos
    assert (slo.name, slo.title, slo.service, slo.objective) == (
        "web-availability",
        "Website availability",
        "web",
        0.999,
    )
    assert slo.window_s == 28 * 86_400
    assert slo.indicator == OfEvents(
        "sum(http_total)", 'sum(http_total{code!~"5.."})', part_is_good=True, is_counter=True
    )
    (burn,) = slo.burns
    assert (burn.long_s, burn.short_s, burn.rate, burn.severity, burn.for_s) == (
        3600, 300, 14.4, Severity.CRITICAL, 300,
    )  # fmt: skip
    assert slo.labels == {"team": "web", "tier": "gold,silver"}
    assert slo.line == 33


def test_a_key_with_nothing_behind_it_is_as_if_it_was_not_there() -> None:
    (slo,) = load_text(WHOLE.replace("alertPolicies: [burns]", "alertPolicies:\n  description:"), "web.yaml").slos
    assert [burn.rate for burn in slo.burns] == [14.4, 6.0, 1.0]


def test_a_ratio_by_itself_and_the_usual_alerts() -> None:
    (slo,) = load_text(one(), "x").slos
    assert slo.indicator == OfShare("errors_share", is_good=False)
    assert [burn.rate for burn in slo.burns] == [6.0, 1.0]


def test_a_threshold_takes_its_limit_from_the_objective() -> None:
    (slo,) = load_text(one(THRESHOLD, objective="{op: lte, value: 0.5, target: 0.95}"), "x").slos
    assert slo.indicator == OfShare("latency_p99", limit=0.5, comparison="lte")


def test_a_threshold_without_a_limit_is_a_mistake() -> None:
    with pytest.raises(DocumentError, match="must have op and value for a thresholdMetric"):
        load_text(one(THRESHOLD), "x")


def test_several_objectives_are_told_apart() -> None:
    slos = load_text(one(objective="{targetPercent: 99, displayName: most}, {target: 0.95}"), "x").slos
    assert [(slo.name, slo.called, slo.objective) for slo in slos] == [
        ("a-1", "a (most) of s", 0.99),
        ("a-2", "a (2) of s", 0.95),
    ]


def test_an_objective_is_called_by_its_slo_and_its_service() -> None:
    (slo,) = load_text(WHOLE.replace("{target: 0.999}", "{target: 0.999, displayName: ok}"), "web.yaml").slos
    assert slo.called == "Website availability of web"
    assert replace(slo, title="the Web").called == "the Web"
    assert replace(slo, service="").called == "Website availability"
    words = sentence(replace(slo, title="Availability", service="service:shop/web"), 40.0, 0.5)
    assert words.startswith("Availability of shop/web burns its 28-day error budget 40 times too fast")


def test_time_slices() -> None:
    text = one(method="Timeslices", objective="{target: 0.99, timeSliceTarget: 0.95, timeSliceWindow: 5m}")
    (slo,) = load_text(text, "x").slos
    assert slo.slices == Slices(0.95, 300.0)


@pytest.mark.parametrize(
    ("window", "calendar", "zone"),
    [
        (
            "{duration: 1M, calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Berlin}}",
            "month",
            "Europe/Berlin",
        ),
        ("{duration: 1Q, isRolling: false}", "quarter", "UTC"),
        ("{duration: 1w}", "week", "UTC"),
    ],
)
def test_windows_of_the_calendar(window: str, calendar: str, zone: str) -> None:
    (slo,) = load_text(one(window=window), "x").slos
    assert (slo.calendar, slo.zone) == (calendar, zone)


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ("{duration: 2M}", "must be 1d, 1w, 1M, 1Q or 1Y"),
        ("{duration: 1M, calendar: {startTime: 2026-01-15 00:00:00}}", "must begin where a month begins"),
        ("{duration: 30}", "must be a number and one of|input should be a valid string"),
        ("{duration: 1w, calendar: {startTime: 2026-01-05 00:00:00, timeZone: Mars/Base}}", "must be a time zone"),
    ],
)
def test_windows_that_are_not_kept_are_named(window: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        load_text(one(window=window), "x")


def test_a_burn_rate_that_cannot_be_reached_is_named() -> None:
    with pytest.raises(DocumentError, match="can never be reached"):
        load_text(WHOLE.replace("target: 0.999", "target: 0.9"), "x")

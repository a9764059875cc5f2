"""A slow endpoint is named; the caller that only waits is information, and its callee is what counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from wellkept.checks import detectors as suite
from wellkept.checks.scenes import CHECKOUT, EPOCH, PAYMENTS, Story
from wellkept.kernel.finding import Finding, Severity
from wellkept.ops.detect.base import View
from wellkept.ops.detect.detectors.endpoint import EndpointAnomaly
from wellkept.store.telemetry.window import SeriesInfo, Window

STEPS = 180


def window(*series: tuple[str, str, dict[str, str], float], slow: int = 10) -> Window:
    """Series of (entity, name, attributes, factor): 50 ms, and in the last ``slow`` steps so many times as much."""
    random = np.random.default_rng(5)
    times = EPOCH.timestamp() + 10.0 * np.arange(1, STEPS + 1).astype(np.float64)
    late = np.arange(STEPS) >= STEPS - slow
    columns = [0.05 * (1 + 0.05 * random.normal(size=STEPS)) * np.where(late, factor, 1.0) for *_, factor in series]
    infos = [SeriesInfo(n, name, "s", "derived", entity, more) for n, (entity, name, more, _) in enumerate(series)]
    return Window(times, np.stack(columns, axis=1), tuple(infos))


def said(endpoints: Window, calls: Window, open_ones: Sequence[Finding] = ()) -> list[Finding]:
    scene = Story(steps=STEPS).scene()
    view = View(
        scene.metrics,
        scene.red,
        scene.exclusive,
        scene.logs,
        10.0,
        scene.graph,
        {finding.fingerprint: finding for finding in open_ones},
        endpoints=endpoints,
        calls=calls,
    )
    return EndpointAnomaly().detect(view, scene.now)


PAY, LIST = {"span.endpoint": "POST /pay"}, {"span.endpoint": "GET /list"}


def test_the_callee_is_blamed_and_not_the_caller() -> None:
    endpoints = window(
        (CHECKOUT, "endpoint.duration.p95", PAY, 20.0),
        (CHECKOUT, "endpoint.exclusive.p90", PAY, 1.0),
        (CHECKOUT, "endpoint.duration.p95", LIST, 1.0),
        (PAYMENTS, "endpoint.duration.p95", PAY, 20.0),
        (PAYMENTS, "endpoint.exclusive.p90", PAY, 20.0),
    )
    found = said(endpoints, window((CHECKOUT, "call.duration.p95", {"span.callee": PAYMENTS}, 20.0)))
    by_name = {(f.entity, f.evidence[0].signal): f for f in found}
    caller = by_name[CHECKOUT, "endpoint.duration.p95"]
    assert caller.severity is Severity.INFO
    assert "shop/checkout (endpoint POST /pay)" in caller.sentence
    assert "; because of shop/payments, which takes 9" in caller.sentence
    assert by_name[CHECKOUT, "call.duration.p95"].severity is Severity.INFO
    callee = by_name[PAYMENTS, "endpoint.exclusive.p90"]
    assert callee.severity > Severity.INFO
    assert "because" not in callee.sentence
    assert by_name[PAYMENTS, "endpoint.duration.p95"].severity > Severity.INFO
    assert not any("GET /list" in f.sentence for f in found)


@pytest.mark.parametrize("slow", [120, STEPS], ids=["most of the window", "all of it"])
def test_the_caller_is_not_blamed_when_it_lasts(slow: int) -> None:
    def windows(slow: int) -> tuple[Window, Window]:
        endpoints = window(
            (CHECKOUT, "endpoint.duration.p95", PAY, 20.0),
            (CHECKOUT, "endpoint.exclusive.p90", PAY, 1.0),
            (PAYMENTS, "endpoint.exclusive.p90", PAY, 20.0),
            slow=slow,
        )
        return endpoints, window((CHECKOUT, "call.duration.p95", {"span.callee": PAYMENTS}, 20.0), slow=slow)

    first = said(*windows(10))
    began = {f.fingerprint: f.starts_at - timedelta(seconds=10.0 * (slow - 10)) for f in first}
    again = said(*windows(slow), [replace(f, starts_at=began[f.fingerprint]) for f in first])
    told = {(f.entity, f.evidence[0].signal): f for f in again}
    for signal in ("endpoint.duration.p95", "call.duration.p95"):
        assert told[CHECKOUT, signal].severity is Severity.INFO
        assert "; because of shop/payments, which takes 9" in told[CHECKOUT, signal].sentence
    assert told[PAYMENTS, "endpoint.exclusive.p90"].severity > Severity.INFO


def test_own_work_is_nobody_elses_doing() -> None:
    endpoints = window((CHECKOUT, "endpoint.duration.p95", PAY, 20.0), (CHECKOUT, "endpoint.exclusive.p90", PAY, 20.0))
    found = said(endpoints, window((CHECKOUT, "call.duration.p95", {"span.callee": PAYMENTS}, 1.0)))
    assert {f.severity > Severity.INFO for f in found} == {True}


def test_endpoints_in_health_are_quiet() -> None:
    endpoints = window((CHECKOUT, "endpoint.duration.p95", PAY, 1.0), (PAYMENTS, "endpoint.duration.p95", PAY, 1.2))
    assert said(endpoints, window((CHECKOUT, "call.duration.p95", {"span.callee": PAYMENTS}, 1.1))) == []


def test_it_holds_the_contract() -> None:
    assert len(suite.check_detector(EndpointAnomaly(), View)) == len(suite.CHECKS)

"""The life of alerts, a moment at a time."""

from __future__ import annotations

import pytest

from wellkept.kernel.errors import InputError
from wellkept.ops.detect.rules.alerts import Alerts, AlertState, LimitError
from wellkept.ops.detect.rules.base import Expression, Rule
from wellkept.ops.detect.rules.templates import compiled
from wellkept.store.telemetry.promql.values import Labels

A: Labels = (("__name__", "up"), ("instance", "a"))
B: Labels = (("__name__", "up"), ("instance", "b"))


def alerts(limit: int = 0, for_s: float = 60.0, keep_s: float = 0.0, **labels: str) -> Alerts:
    made = {name: compiled(text) for name, text in labels.items()}
    said = {"summary": compiled("{{ $labels.instance }} at {{ $value }}")}
    rule = Rule("Down", Expression("up == 0"), 3, for_s=for_s, keep_s=keep_s, labels=made, annotations=said)
    return Alerts(rule, limit)


def test_an_alert_is_pending_then_firing_then_gone() -> None:
    life = alerts()
    (first,) = life.step(0, [(A, 0.0)])
    assert (first.state, first.active_ms) == (AlertState.PENDING, 0)
    assert life.step(59_000, [(A, 0.0)])[0].state is AlertState.PENDING
    (fired,) = life.step(60_000, [(A, 1.0)])
    assert (fired.state, fired.fired_ms, fired.value) == (AlertState.FIRING, 60_000, 1.0)
    assert fired.annotations == {"summary": "a at 1"}
    assert life.step(75_000, []) == []
    assert life.step(90_000, [(A, 0.0)])[0].state is AlertState.PENDING, "it begins anew"


def test_the_metric_s_name_is_no_label_of_an_alert() -> None:
    (alert,) = alerts(severity="page").step(0, [(A, 0.0)])
    assert dict(alert.labels) == {"alertname": "Down", "instance": "a", "severity": "page"}


def test_a_firing_alert_is_kept_for_its_time() -> None:
    life = alerts(for_s=0, keep_s=30)
    life.step(0, [(A, 0.0)])
    assert life.step(15_000, [])[0].state is AlertState.FIRING
    assert life.step(30_000, [])
    assert life.step(45_000, []) == []


def test_a_pending_alert_is_not_kept() -> None:
    life = alerts(for_s=60, keep_s=300)
    life.step(0, [(A, 0.0)])
    assert life.step(15_000, []) == []


def test_too_many_alerts_are_none() -> None:
    life = alerts(limit=1)
    life.step(0, [(A, 0.0)])
    with pytest.raises(LimitError, match="exceeded limit of 1 with 2 alerts"):
        life.step(15_000, [(A, 0.0), (B, 0.0)])
    assert life.active == {}


def test_series_that_become_alike_change_nothing() -> None:
    life = alerts(instance="all")
    life.step(0, [(A, 0.0)])
    with pytest.raises(InputError, match="alike once its labels are set"):
        life.step(15_000, [(A, 0.0), (B, 0.0)])
    assert [alert.active_ms for alert in life.active.values()] == [0]

"""Windows of metrics: what a step shows, against brute force."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.telemetry.scenes import CUMULATIVE, DELTA, GAUGE, UP_AND_DOWN, at, put_metric

from wellkept.store.telemetry import metrics as module
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.window import Window

LOOKBACK_S = 60.0
check = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def column(window: Window, name: str = "load") -> list[float]:
    """The one series of that name."""
    (index,) = [index for index, series in enumerate(window.series) if series.name == name]
    return [float(value) for value in window.values[:, index]]


def same(left: list[float], right: list[float]) -> bool:
    return len(left) == len(right) and np.allclose(left, right, rtol=1e-9, atol=1e-9, equal_nan=True)


def brute_force(points: dict[float, float], kind: str, start: float, end: float, step: float) -> list[float]:
    """Step by step and point by point, as the docstring of ``Metrics.window`` says."""
    lookback = max(step, LOOKBACK_S)
    seen = sorted((t, v) for t, v in points.items() if start - lookback <= t < end)
    shown = []
    previous: tuple[float, float] | None = max(((t, v) for t, v in seen if t < start), default=None)
    for index in range(math.ceil((end - start) / step)):
        low = start + index * step
        inside = [(t, v) for t, v in seen if low <= t < min(low + step, end)]
        value = math.nan
        if inside and kind == DELTA:
            value = sum(v for _, v in inside) / step
        elif inside and kind == CUMULATIVE:
            (t, v), before = inside[-1], previous
            if before is not None and t > before[0]:
                value = (v - before[1] if v >= before[1] else v) / (t - before[0])
            previous = inside[-1]
        elif inside:
            value = inside[-1][1]
        shown.append(value)
    return shown


@check
@given(
    points=st.dictionaries(st.integers(-800, 1200).map(lambda t: t / 8), st.integers(-50, 50).map(float), max_size=25),
    kind=st.sampled_from([GAUGE, CUMULATIVE, DELTA, UP_AND_DOWN]),
    start=st.integers(-10, 40).map(lambda t: t / 4),
    length=st.integers(1, 400).map(lambda t: t / 4),
    step=st.sampled_from([0.25, 1.0, 7.5, 10.0, 90.0]),
)
def test_a_window_is_what_brute_force_gives(
    telemetry: Telemetry, points: dict[float, float], kind: str, start: float, length: float, step: float
) -> None:
    telemetry.engine.command("TRUNCATE TABLE metric_points")
    if kind == CUMULATIVE:
        points = {t: abs(v) for t, v in points.items()}
    put_metric(telemetry, list(points.items()), kind=kind)
    window = telemetry.metrics.window(at(start), at(start + length), step)
    wanted = brute_force(points, kind, start, start + length, step)
    assert window.values.shape[0] == len(window.times) == len(wanted)
    if any(math.isfinite(value) for value in wanted):
        assert same(column(window), wanted)
    else:
        assert window.series == ()


def test_a_step_holds_its_beginning_and_not_its_end(telemetry: Telemetry) -> None:
    put_metric(telemetry, [(-0.001, 1), (0, 2), (9.999, 3), (10, 4), (20, 5)])
    window = telemetry.metrics.window(at(0), at(20), 10)
    assert column(window) == [3, 4]
    assert [moment - at(0).timestamp() for moment in window.times] == [10, 20]
    assert window.step_s == 10


def test_a_counter_shows_its_rate_over_the_true_time_between_values(telemetry: Telemetry) -> None:
    put_metric(telemetry, [(-4, 100), (5, 190), (25, 200)], kind=CUMULATIVE, unit="By")
    window = telemetry.metrics.window(at(0), at(40), 10)
    assert same(column(window), [10, math.nan, 0.5, math.nan])
    assert window.series[0].unit == "By/s"


def test_a_counter_that_falls_began_again(telemetry: Telemetry) -> None:
    put_metric(telemetry, [(0, 1000), (10, 30), (20, 50)], kind=CUMULATIVE)
    assert same(column(telemetry.metrics.window(at(0), at(30), 10)), [math.nan, 3, 2])


def test_a_counters_value_of_a_minute_before_is_looked_for(telemetry: Telemetry) -> None:
    put_metric(telemetry, [(-59, 0), (1, 60)], kind=CUMULATIVE)
    assert column(telemetry.metrics.window(at(0), at(10), 10)) == [1.0]
    put_metric(telemetry, [(-61, 0), (1, 60)], kind=CUMULATIVE, name="older")
    assert [series.name for series in telemetry.metrics.window(at(0), at(10), 10).series] == ["load"]


def test_what_is_not_finite_is_not_shown(telemetry: Telemetry) -> None:
    put_metric(telemetry, [(0, math.nan), (10, math.inf), (20, 1)])
    assert same(column(telemetry.metrics.window(at(0), at(30), 10)), [math.nan, math.nan, 1])


def test_series_are_chosen_by_name_and_entity(telemetry: Telemetry) -> None:
    for service in ("shop", "bank"):
        for name in ("load", "memory"):
            put_metric(telemetry, [(1, 1)], service=service, name=name)

    def chosen(**by: list[str]) -> set[tuple[str, str]]:
        return {(s.entity, s.name) for s in telemetry.metrics.window(at(0), at(10), 10, **by).series}

    assert len(chosen()) == 4
    assert chosen(names=["load"]) == {("service:shop", "load"), ("service:bank", "load")}
    assert chosen(entities=["service:bank"]) == {("service:bank", "load"), ("service:bank", "memory")}
    assert chosen(names=["load"], entities=["service:bank"]) == {("service:bank", "load")}
    assert chosen(names=["*oad"]) == {("service:shop", "load"), ("service:bank", "load")}
    assert chosen(names=["nothing's", "*.oad"]) == set()


def test_a_series_says_what_it_is(telemetry: Telemetry) -> None:
    put_metric(telemetry, [(1, 1)], unit="By", labels={"device": "sda"})
    (series,) = telemetry.metrics.window(at(0), at(10), 10).series
    assert (series.name, series.unit, series.kind, series.entity) == ("load", "By", "gauge", "service:shop")
    assert series.attributes == {"device": "sda"}
    assert series.resource_attributes == {"service.name": "shop"}
    (again,) = telemetry.metrics.window(at(-5), at(10), 10).series
    assert again == series


def test_series_stand_in_the_order_of_their_ids(telemetry: Telemetry) -> None:
    for index in range(6):
        put_metric(telemetry, [(1, index)], name=f"m{index}")
    ids = [series.id for series in telemetry.metrics.window(at(0), at(10), 10).series]
    assert ids == sorted(ids)
    assert len(ids) == 6


@pytest.mark.parametrize(("start", "end"), [(0, 0), (10, 0), (500, 600)])
def test_a_window_without_anything_in_it(telemetry: Telemetry, start: float, end: float) -> None:
    put_metric(telemetry, [(1, 1)])
    window = telemetry.metrics.window(at(start), at(end), 10)
    assert window.series == ()
    assert window.values.shape == (max(0, (end - start) / 10), 0)


def test_what_is_remembered_of_series_is_bounded(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    for index in range(6):
        put_metric(telemetry, [(1, index)], name=f"m{index}")

    def names(_: int) -> set[str]:
        return {series.name for series in telemetry.metrics.window(at(0), at(10), 10).series}

    def one(index: int) -> set[str]:
        found = telemetry.metrics.window(at(0), at(10), 10, names=[f"m{index % 6}"])
        return {series.name for series in found.series}

    with ThreadPoolExecutor(6) as pool:
        whole, single = pool.map(names, range(20)), pool.map(one, range(40))
        assert all(found == {f"m{index}" for index in range(6)} for found in whole)
        assert [*single] == [{f"m{index % 6}"} for index in range(40)]


def test_what_a_collector_scrapes_of_kubernetes_is_about_what_its_labels_name(telemetry: Telemetry) -> None:
    of_scrape = {"namespace": "shop", "pod": "ksm-0"}
    for name, labels in (
        ("kube_deployment_spec_replicas", {"deployment": "web"}),
        ("kube_deployment_spec_replicas", {"deployment": "cart"}),
        ("kube_configmap_info", {"configmap": "settings"}),
    ):
        put_metric(telemetry, [(10, 1.0)], name=name, service="kube-state-metrics", labels={**of_scrape, **labels})
    found = telemetry.metrics.window(at(0), at(60), 10.0)
    assert {(info.name, info.entity) for info in found.series} == {
        ("kube_deployment_spec_replicas", "container:shop/web"),
        ("kube_deployment_spec_replicas", "container:shop/cart"),
        ("kube_configmap_info", "service:kube-state-metrics"),
    }

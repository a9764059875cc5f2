"""What is read together is what each expression would read by itself, for far fewer statements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.store.telemetry.promql.scenario import Load, Stage, rows, write_series

from wellkept.store.telemetry.promql import ahead
from wellkept.store.telemetry.promql.ahead import wanted
from wellkept.store.telemetry.promql.evaluation import Key, Read
from wellkept.store.telemetry.promql.promql import PromQL
from wellkept.store.telemetry.promql.syntax import parse
from wellkept.store.telemetry.promql.values import NAME, Labels, Vector, labels_of
from wellkept.store.telemetry.telemetry import Telemetry

LOADED = """
  requests{job="api",instance="a"} 0+10x40
  requests{job="api",instance="b"} 0+20x9 stale 7+3x29
  requests{job="web",instance="a"} 0+30x10 0+5x29
  up{job="api",instance="a"} 1x40
  up{job="api",instance="b"} 1x9 stale 0x29
  heat{job="web"} 3 NaN 4 _x10 5+1x20
  gone{job="web"} 1 2 3
""".strip("\n").splitlines()
QUERIES = (
    "requests",
    'requests{job=~"a.*",instance!="a"}',
    'requests{job!~"a.*"} offset 1m',
    'sum by (job) (rate(requests{job="api"}[2m]))',
    "increase(requests[3m])",
    "rate(requests[2m] offset -1m) / on(job) group_left rate(requests{instance='a'}[2m])",
    "max_over_time(heat[5m]) - min_over_time(heat[5m])",
    "last_over_time(up[1m]) == 1",
    "timestamp(requests) - time()",
    "timestamp((requests))",
    'absent(gone{job="web"}) or absent_over_time(gone[2m])',
    'absent(nothing{job="x"})',
    '{__name__="up",job="api"}',
    '{__name__="up",__name__="heat"}',
    "deriv(heat[4m])",
    "changes(up[10m]) + resets(requests[10m])",
    "irate(requests[1m])",
    "count(up) by (job) unless on(job) heat",
)
ALONE = (
    "requests @ 60",
    '{job="api"}',
    "max_over_time(rate(requests[1m])[3m:1m])",
    "predict_linear(requests[5m], 60)",
    "quantile_over_time(0.5, requests[5m])",
    "stddev_over_time(requests[5m])",
)
MOMENTS = (0, 130_000, 300_000, 600_000, 1_200_000, 1_600_000)


@pytest.fixture
def stage(telemetry: Telemetry) -> Stage:
    stage = Stage(telemetry.engine)
    stage.load(Load(30_000, LOADED))
    deltas = labels_of([(NAME, "requests"), ("job", "deltas")])
    write_series(telemetry.engine, {90: deltas}, [(90, at, 5.0) for at in range(0, 900_000, 30_000)], kind="delta")
    twin = labels_of([(NAME, "up"), ("job", "api"), ("instance", "a")])
    write_series(telemetry.engine, {91: twin}, [(91, at, 2.0) for at in range(450_000, 700_000, 30_000)])
    return stage


def value(promql: PromQL, query: str, at_ms: int, read: Read | None = None) -> list[tuple[Labels, list[float | None]]]:
    answer = promql.instant(query, at_ms, read=read).value
    assert isinstance(answer, Vector)
    return sorted(rows(answer), key=lambda series: series[0])


def keys(*queries: str) -> list[Key]:
    return [want.key for query in queries for want in wanted(parse(query))]


@pytest.mark.parametrize("at_ms", MOMENTS)
def test_what_is_read_together_is_what_each_reads_by_itself(stage: Stage, at_ms: int) -> None:
    read = stage.promql.ahead([*QUERIES, *ALONE], at_ms)
    for query in (*QUERIES, *ALONE):
        np.testing.assert_equal(value(stage.promql, query, at_ms, dict(read)), value(stage.promql, query, at_ms), query)


def test_nothing_more_is_read_for_what_was_read_together(
    stage: Stage, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    query_of = telemetry.engine.query

    def query(sql: str, *given: Any, **named: Any) -> pa.Table:
        asked.append(sql)
        return query_of(sql, *given, **named)

    monkeypatch.setattr(telemetry.engine, "query", query)
    read = stage.promql.ahead(QUERIES, 600_000)
    together, kinds = len(asked), {want.together for one in QUERIES for want in wanted(parse(one))}
    for one in QUERIES:
        value(stage.promql, one, 600_000, read)
    assert len(asked) == together
    assert together <= len(kinds) + 3, "the windows of each kind, series, their names, and those of deltas"


@pytest.mark.parametrize("query", ALONE)
def test_what_looks_at_other_moments_or_names_no_metric_is_left_out(query: str) -> None:
    assert list(wanted(parse(query))) == []


def test_metrics_that_are_stored_meanwhile_or_have_very_many_series_are_left_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(stage.promql.ahead(["up", "heat"], 0, but=["up"])) == keys("heat")
    monkeypatch.setattr(ahead, "MOST_SERIES", 2)
    read = stage.promql.ahead(["requests", "heat", "nothing"], 600_000)
    assert list(read) == keys("heat", "nothing")
    monkeypatch.setattr(ahead, "TOGETHER", 1)
    assert len(stage.promql.ahead(["up", "heat", "gone"], 0)) == 2

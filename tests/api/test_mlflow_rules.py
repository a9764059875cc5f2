"""Every route of a real MLflow has a rule, and what has none is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wellkept.api.mlflow_rules import TABLE, UNKNOWN, Rule, Size, route_of

RECORDED = (Path(__file__).parent / "recorded" / "mlflow_routes.txt").read_text("utf-8").split("\n")
ROUTES = [tuple(line.split(" ")) for line in RECORDED if line]
DANGEROUS = ("webhooks", "gateway", "assistant", "/jobs", "invoke", "mcp-servers", "secrets", "promptlab", "demo")


def concrete(pattern: str) -> str:
    return re.sub(r"\{\w+(:path)?\}", "x", pattern)


def test_every_route_of_mlflow_has_a_line_of_its_own() -> None:
    without = [f"{method} {path}" for method, path in ROUTES if route_of(method, concrete(path)) is UNKNOWN]

    assert len(ROUTES) > 400
    assert without == []


@pytest.mark.parametrize(("method", "path"), [("GET", "/nope"), ("POST", "/api/2.0/mlflow/runs/explode"), ("PUT", "/")])
def test_what_is_not_in_the_table_is_refused(method: str, path: str) -> None:
    assert route_of(method, path) is UNKNOWN
    assert UNKNOWN.rule is Rule.REFUSE


def test_a_method_that_mlflow_gains_on_a_known_path_is_refused() -> None:
    assert route_of("PATCH", "/api/2.0/mlflow/registered-models/alias").rule is Rule.REFUSE
    assert route_of("TRACE", "/api/2.0/mlflow/runs/get").rule is Rule.REFUSE


@pytest.mark.parametrize("prefix", ["/api/2.0/mlflow", "/ajax-api/2.0/mlflow"])
def test_what_changes_the_registry_for_everybody_goes_through_the_gate_by_either_address(prefix: str) -> None:
    gated = [
        ("POST", "registered-models/alias"),
        ("DELETE", "registered-models/alias"),
        ("DELETE", "registered-models/delete"),
        ("POST", "registered-models/rename"),
        ("DELETE", "model-versions/delete"),
        ("POST", "model-versions/transition-stage"),
    ]

    assert [route_of(method, f"{prefix}/{verb}").rule for method, verb in gated] == [Rule.GATE] * 6
    assert sum(route.rule is Rule.GATE for route in TABLE) == 6


def test_what_runs_code_or_calls_elsewhere_is_refused() -> None:
    let_through = [
        f"{method} {path}"
        for method, path in ROUTES
        if any(word in path for word in DANGEROUS) and route_of(method, concrete(path)).rule is not Rule.REFUSE
    ]

    assert let_through == []


def test_only_the_doors_for_files_take_large_bodies() -> None:
    assert route_of("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/a/b").size is Size.FILE
    assert route_of("POST", "/api/2.0/mlflow/runs/log-batch").size is Size.JSON
    assert route_of("DELETE", "/api/2.0/mlflow-artifacts/artifacts/1/a/b").rule is Rule.REFUSE


def test_asking_for_the_head_is_asking() -> None:
    assert route_of("HEAD", "/api/2.0/mlflow/runs/get") == route_of("GET", "/api/2.0/mlflow/runs/get")

"""Rules over HTTP: as Prometheus lists them for Grafana, as we list them, and back-tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.ops.detect.rules.worlds import World, moment
from tests.store.fixtures import telemetry

from wellkept.api import errors, prometheus, rules
from wellkept.store.telemetry.telemetry import Telemetry

__all__ = ["telemetry"]

GROUP = """
groups:
  - name: shop
    interval: 15s
    rules:
      - {record: "job:up:sum", expr: sum by (job) (up)}
      - alert: Down
        expr: up == 0
        for: 30s
        keep_firing_for: 1m
        labels: {severity: page}
        annotations: {summary: "{{ $labels.job }} is down"}
"""
SLO = "slos: [{name: a, title: the shop, service: shop, objective: 0.99, sli: {share: up}}]"


@pytest.fixture
def world(telemetry: Telemetry, tmp_path: Path) -> Iterator[World]:
    made = World(telemetry, tmp_path, {"shop.yaml": GROUP, "slo.yaml": SLO})
    made.store_line("up", [1.0] * 4 + [0.0] * 36, job="shop", instance="a:1")
    yield made
    made.close()


class Client:
    """Asks the routes without a server."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, path: str, params: Mapping[str, str] | None = None) -> httpx.Response:
        return self._ask("GET", path, params=params)

    def post(self, path: str, json: object) -> httpx.Response:
        return self._ask("POST", path, json=json)

    def _ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                return await http.request(method, path, **arguments)

        return asyncio.run(ask())


@pytest.fixture
def client(world: World) -> Client:
    app = FastAPI()
    errors.install(app)
    app.router.routes.extend(prometheus.routes(world.telemetry.promql, world.clock, lambda: world.rules.groups))
    app.include_router(rules.router(world.rules, world.clock))
    return Client(app)


def listed(client: Client, path: str, **asked: str) -> Any:
    answer = client.get(f"/prometheus/api/v1/{path}", params=asked).json()
    assert answer["status"] == "success", answer
    return answer["data"]


def test_prometheus_s_list_of_rules(world: World, client: Client) -> None:
    assert listed(client, "rules") == {"groups": []}, "nothing was read yet"
    world.ticks(0, 105)
    (group,) = listed(client, "rules")["groups"]
    assert (group["name"], group["file"], group["interval"]) == ("shop", str(world.folder / "shop.yaml"), 15.0)
    record, alert = group["rules"]
    assert (record["type"], record["name"], record["health"]) == ("recording", "job:up:sum", "ok")
    assert (alert["type"], alert["state"], alert["duration"], alert["keepFiringFor"]) == (
        "alerting",
        "firing",
        30.0,
        60.0,
    )
    assert alert["annotations"] == {"summary": "{{ $labels.job }} is down"}
    (firing,) = alert["alerts"]
    assert firing["labels"] == {"alertname": "Down", "instance": "a:1", "job": "shop", "severity": "page"}
    assert firing["annotations"] == {"summary": "shop is down"}
    assert (firing["state"], firing["value"]) == ("firing", "0")
    assert firing["activeAt"] == f"{moment(60):%Y-%m-%dT%H:%M:%S}Z"


def test_prometheus_s_list_can_be_narrowed(world: World, client: Client) -> None:
    world.tick(15)

    def names(**asked: str) -> list[str]:
        return [rule["name"] for group in listed(client, "rules", **asked)["groups"] for rule in group["rules"]]

    assert names(type="alert") == ["Down"]
    assert names(type="record") == ["job:up:sum"]
    assert names(**{"rule_name[]": "Down"}) == ["Down"]
    assert names(**{"rule_group[]": "other"}) == []
    assert client.get("/prometheus/api/v1/rules", params={"type": "other"}).status_code == 400


def test_prometheus_s_list_of_alerts(world: World, client: Client) -> None:
    world.ticks(0, 75)
    (alert,) = listed(client, "alerts")["alerts"]
    assert alert["state"] == "pending"
    world.ticks(90, 105)
    assert listed(client, "alerts")["alerts"][0]["state"] == "firing"


def test_our_own_list(world: World, client: Client) -> None:
    world.ticks(0, 90)
    answer = client.get("/api/v1/rules").json()
    assert answer["mistakes"] == {}
    record, alert = answer["rules"]
    assert (record["kind"], record["series"], alert["kind"], alert["state"]) == ("record", 1, "alert", "firing")
    assert alert["line"] == 7
    assert alert["evaluated_ms"] == round(moment(90).timestamp() * 1000)
    (world.folder / "shop.yaml").write_text("groups: [{name: shop, ruls: []}]", "utf-8")
    world.tick(105)
    assert "is not a known field" in next(iter(client.get("/api/v1/rules").json()["mistakes"].values()))


def test_objectives(world: World, client: Client) -> None:
    world.tick(0)
    world.tick(540)
    (slo,) = client.get("/api/v1/slos").json()["slos"]
    assert (slo["name"], slo["state"], slo["objective"]) == ("a", "burning", 0.99)
    assert slo["remaining"] < 0
    assert slo["sentence"].startswith("the shop burns its 30-day error budget")


def test_a_back_test_beside_what_is_on(world: World, client: Client) -> None:
    world.tick(540)
    wanted = {"text": GROUP.replace("30s", "3m"), "start": moment(0).isoformat(), "end": moment(540).isoformat()}
    answer = client.post("/api/v1/rules/backtest", json=wanted).json()
    assert [page["rule"] for page in answer["new"]["pages"]] == ["Down"]
    assert answer["new"]["pages"][0]["fired_at"] == moment(240).isoformat()
    now = {page["rule"]: page["fired_at"] for page in answer["now"]["pages"]}
    assert now == {"Down": moment(90).isoformat(), "a": moment(60).isoformat()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"text": "groups: [{}]"}, "groups.0.name: is required"),
        ({"start": "2026-01-01T00:00:00"}, "must name its time zone"),
        ({"start": "2999-01-01T00:00:00Z"}, "must be before the end, and in the past"),
        ({"start": "2020-01-01T00:00:00Z"}, "must be at most 90 days before the end"),
        ({"more": 1}, "more"),
    ],
)
def test_what_a_back_test_cannot_take_is_named(client: Client, change: dict[str, object], words: str) -> None:
    answer = client.post("/api/v1/rules/backtest", json={"text": GROUP, **change})
    assert answer.status_code == 422
    assert words in answer.text

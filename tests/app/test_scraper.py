"""A server that scrapes: what its configuration names is asked, stored under the names that it has, and told of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.app.running import Running, running, until
from tests.ops.ingest.scrape.exporter import OPENMETRICS, Exporter, Page, exporting

PAGE = """\
# HELP taken Payments taken.
# TYPE taken counter
taken_total{kind="card"} 7
# TYPE waiting gauge
waiting 2.5
# TYPE "queue.length" gauge
{"queue.length"} 3
# EOF
"""


@dataclass
class World:
    """A server, and an exporter that it scrapes every second; others come and go by a file."""

    server: Running
    exporter: Exporter
    file: Path

    def value(self, query: str) -> float | None:
        """The one value of a query; None where there is none."""
        with self.server.http() as http:
            answer = http.get("/prometheus/api/v1/query", params={"query": query})
        found = answer.json()["data"]["result"]
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def doors(self) -> str:
        """All that the server tells of its doors."""
        return json.dumps(self.server.client.get("/api/v1/status")["doors"])

    def target(self, job: str) -> dict[str, Any]:
        told = self.server.client.get("/api/v1/status")["doors"]["scrape"]["targets"]
        return next((target for target in told if target["job"] == job), {})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("scraper")
    file = folder / "targets.json"
    file.write_text("[]", encoding="utf-8")
    with exporting() as exporter:
        exporter.says(PAGE, OPENMETRICS)
        till = {"job": "shop/till", "every_s": 0.5, "targets": [exporter.place], "labels": {"env": "test"}}
        jobs = [till, {"job": "found", "every_s": 0.5, "files": [str(file)]}]
        config = folder / "wellkept.yaml"
        config.write_text(json.dumps({"ml": {"enabled": False}, "ingest": {"scrape": jobs}}), encoding="utf-8")
        with running(folder / "data", ["--config", str(config)]) as server:
            yield World(server, exporter, file)


def test_what_a_target_says_can_be_asked_for(world: World) -> None:
    labels = f'env="test",instance="{world.exporter.place}",job="shop/till"'

    assert until(lambda: world.value("taken_total"), "a sample") == 7
    assert world.value(f'taken_total{{kind="card",{labels}}}') == 7
    assert world.value(f"waiting{{{labels}}}") == 2.5
    assert world.value('{"queue.length"}') == 3
    assert world.value(f"up{{{labels}}}") == 1
    assert world.value("scrape_samples_scraped") == 3
    with world.server.http() as http:
        told = http.get("/prometheus/api/v1/metadata", params={"metric": "taken_total"}).json()["data"]
    assert told["taken_total"][0]["type"] == "counter"


def test_a_target_becomes_a_service(world: World) -> None:
    def service() -> bool:
        found = world.server.client.get("/api/v1/topology", kind="service")["entities"]
        return any(entity["id"] == "service:shop/till" for entity in found)

    until(service, "the service in the topology")


def test_targets_are_told_with_their_health(world: World) -> None:
    until(lambda: world.target("shop/till").get("scrapes"), "a scrape")
    told = world.target("shop/till")
    shown = world.server.ask("targets").stdout

    assert (told["health"], told["last_error"], told["last_samples"], told["rejected"]) == ("up", "", 3, 0)
    assert told["url"] == f"http://{world.exporter.place}/metrics"
    assert f"shop/till  {world.exporter.place}" in shown
    assert "3 samples" in shown


def test_a_target_that_fails_is_down_and_its_series_end(world: World) -> None:
    until(lambda: world.value("waiting"), "a sample")
    world.exporter.page = Page(b"", status=503)
    try:
        until(lambda: world.value("up") == 0, "up is 0")
        assert until(lambda: world.value("waiting") is None, "the series is over")
        down = world.server.json("targets", "--down")["targets"]
        assert [target["last_error"] for target in down] == ["answered 503 Service Unavailable"]
        assert "answered 503" in world.server.ask("targets").stdout
    finally:
        world.exporter.says(PAGE, OPENMETRICS)
    until(lambda: world.value("waiting") == 2.5, "the series goes on")
    assert world.server.ask("targets", "--down").stdout == "All 1 targets are up.\n"


def test_targets_come_and_go_by_a_file(world: World) -> None:
    def write(text: str) -> None:
        world.file.with_suffix(".new").write_text(text, encoding="utf-8")
        world.file.with_suffix(".new").replace(world.file)

    with exporting() as other:
        other.says("guests 4\n")
        write(json.dumps([{"targets": [other.place], "labels": {"hall": "9"}}]))
        assert until(lambda: world.value('guests{hall="9",job="found"}'), "a sample of the target in the file") == 4
        write("[{]")
        until(lambda: "is not YAML" in world.doors(), "the mistake is known")
        assert "is not YAML" in world.server.ask("targets").stderr
        assert world.target("found")["health"] == "up"
        write("[]")
        until(lambda: world.value("guests") is None, "the series is over")
        until(lambda: world.value('up{job="found"}') is None, "its reports are over, too")
        assert world.target("found") == {}

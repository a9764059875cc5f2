"""Detectors, feedback and patterns of logs on the command line, against a server whose ops loop is on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.app.running import Running, running, until
from tests.cli.conftest import Program
from tests.cli.furnished import furnish

from wellkept.sdk.otlp import LogLine, logs_request


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data = tmp_path_factory.mktemp("detectors")
    furnish(data)
    with running(data, WELLKEPT_OPS__DETECTORS__LEAK__ENABLED="false") as found:
        yield found


def test_feedback_on_a_finding_is_noted_shown_and_written_down(program: Program) -> None:
    (found,) = (f for f in program("findings", "--all", "--json").document["findings"] if f["detector"] == "exhaustion")
    said = program("findings", "feedback", found["id"], "noise", "--by", "ann", "--json").document["feedback"]
    assert (said["opinion"], said["by"], said["signal"]) == ("noise", "ann", "process.memory.usage")
    assert "the next one of its series must be more" in program("findings", "feedback", found["id"], "noise").out
    shown = program("detectors", "explain", "exhaustion", "--json").document["detector"]
    assert {one["by"] for one in shown["feedback"]} >= {"ann"}
    entries = program("audit", "show", "--limit", "5", "--json").document["entries"]
    assert ("finding.feedback", found["id"]) in [(entry["verb"], entry["subject"]) for entry in entries]
    assert program("findings", "feedback", "fnd-none", "useful").code == 4
    assert program("findings", "feedback", found["id"], "splendid").code == 2


def test_detectors(program: Program) -> None:
    listed = {one["name"]: one for one in program("detectors", "list", "--json").document["detectors"]}
    assert listed.keys() >= {"anomaly", "entity", "robust", "exhaustion", "missing"}
    assert all(one["version"] and one["finds"] for one in listed.values())
    assert [name for name, one in listed.items() if not one["enabled"]] == ["leak"]
    assert "switched off" in program("detectors", "explain", "leak").out
    assert listed["anomaly"]["budget_per_series_week"] == 1.0
    assert "what is unusual of any series, by its own past" in program("detectors", "list").out

    shown = program("detectors", "explain", "anomaly", "--json").document["detector"]
    parameters = {one["set_at"]: one for one in shown["parameters"]}
    assert parameters["ops.detectors.anomaly.most_at_once"]["value"] == 20
    assert parameters["ops.detect.budget_per_series_week"]["meaning"].startswith("How many findings a series may give")
    text = program("detectors", "explain", "anomaly", "--series", "load").out
    for part in ("Says that a series shows what is unusual", "Blind spots", "Parameters", "Budget: 1 false finding"):
        assert part in text
    (told,) = (
        one
        for one in program("detectors", "explain", "exhaustion", "--json").document["detector"]["parameters"]
        if one["set_at"] == "ops.detect.horizon_s"
    )
    assert (told["value"], told["usual"]) == (14_400.0, 14_400.0)
    nothing = program("detectors", "explain", "anomaly", "--series", "no_such_metric").out
    assert "No series that is looked at matches 'no_such_metric'" in nothing
    assert "It has no thresholds a series" in program("detectors", "explain", "robust", "--series", "load").out
    assert program("detectors", "explain", "nobody").code == 4


def test_logs_patterns_come_with_names_for_what_varies(program: Program, server: Running) -> None:
    resource = (("service.name", "till"), ("service.instance.id", "1"))
    lines = [LogLine(time.time_ns(), f"card {number} refused by bank", "ERROR", {}) for number in range(3)]
    request = logs_request("test", {resource: lines}).SerializeToString()
    with server.http(**{"Content-Type": "application/x-protobuf"}) as http:
        assert http.post("/v1/logs", content=request).status_code == 200
    until(lambda: server.client.get("/api/v1/telemetry/patterns")["patterns"], "lines are counted")
    found = program("logs", "patterns", "--severity", "error", "--json").document["patterns"]

    assert [(row["template"], row["lines"]) for row in found] == [("card <card> refused by bank", 3)]
    assert "card <card> refused by bank" in program("logs", "patterns").out
    assert "No patterns." in program("logs", "patterns", "--service", "nobody").out

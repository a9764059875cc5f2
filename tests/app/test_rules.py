"""Rules in a server that runs: they fire, Grafana sees them, and a crash changes nothing about what fires."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import yaml
from tests.app.running import Running, running, start, until

RULES = """
groups:
  - name: always
    interval: 1s
    rules:
      - {record: "one:more", expr: vector(1) + 1}
      - {alert: Always, expr: "one:more > 1", for: 2s, labels: {severity: error}}
      - {alert: Watchdog, expr: vector(1), labels: {severity: none}}
"""


def configured(folder: Path) -> list[str]:
    rules = folder / "rules"
    rules.mkdir(parents=True)
    (rules / "always.yaml").write_text(RULES, "utf-8")
    file = folder / "wellkept.yaml"
    file.write_text(yaml.safe_dump({"ops": {"rules": [str(rules)], "detect_every_s": 1}}), "utf-8")
    return ["--config", str(file)]


def fired(server: Running) -> list[dict[str, Any]]:
    """The findings of the rule that always fires."""
    return [one for one in server.json("findings")["findings"] if one["attributes"].get("rule") == "Always"]


def states(told: dict[str, Any]) -> set[str]:
    """The states of all rules."""
    return {rule["state"] for rule in told["rules"]}


def test_a_rule_fires_becomes_an_incident_and_fires_on_after_a_crash(tmp_path: Path) -> None:
    arguments = configured(tmp_path)
    with running(tmp_path / "data", arguments) as server:
        # A command is a process of its own: it is run once, when there is something to be told of.
        until(lambda: server.client.get("/api/v1/incidents", live=True)["incidents"], "the incident is open")
        incidents = server.json("incidents")["incidents"]
        found = fired(server)
        assert found, "the rule has fired"
        with server.http() as http:
            group = http.get("/prometheus/api/v1/rules").json()["data"]["groups"][0]
            assert [rule["type"] for rule in group["rules"]] == ["recording", "alerting", "alerting"]
        listed = server.json("rules", "list")["rules"]
        assert {rule["name"]: rule["state"] for rule in listed} == {
            "one:more": "", "Always": "firing", "Watchdog": "firing",
        }  # fmt: skip
        assert all(rule["failures"] == 0 for rule in listed)
        server.stop(signal.SIGKILL)
    assert len(incidents) == 1, "information opens none"
    again = start(tmp_path / "data", arguments)
    try:
        until(lambda: "firing" in states(again.client.get("/api/v1/rules")), "it fires again")
        assert "firing" in states(again.json("rules", "list"))
        still = fired(again)
        assert [(f["fingerprint"], f["starts_at"]) for f in still] == [
            (f["fingerprint"], f["starts_at"]) for f in found
        ]
    finally:
        again.stop()

"""Rules in a server that runs: they fire, Grafana sees them, and a crash changes nothing about what fires."""

from __future__ import annotations

import signal
from pathlib import Path

import yaml
from tests.app.running import running, start, until

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


def test_a_rule_fires_becomes_an_incident_and_fires_on_after_a_crash(tmp_path: Path) -> None:
    arguments = configured(tmp_path)
    with running(tmp_path / "data", arguments) as server:
        found = until(
            lambda: [f for f in server.json("findings")["findings"] if f["attributes"].get("rule") == "Always"],
            "the rule has fired",
        )
        incidents = until(lambda: server.json("incidents")["incidents"], "the incident is open")
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
        until(lambda: [r for r in again.json("rules", "list")["rules"] if r["state"] == "firing"], "it fires again")
        still = [f for f in again.json("findings")["findings"] if f["attributes"].get("rule") == "Always"]
        assert [(f["fingerprint"], f["starts_at"]) for f in still] == [
            (f["fingerprint"], f["starts_at"]) for f in found
        ]
    finally:
        again.stop()
